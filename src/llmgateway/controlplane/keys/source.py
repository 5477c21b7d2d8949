"""The contract's SnapshotSource: what a key may do, asked of PostgreSQL as the role that may ask only this."""

import asyncio
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Text, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.channels import SourceUnavailable
from llmgateway.contract.snapshot import Budget, KeySnapshot, Limits, OrgSnapshot
from llmgateway.controlplane.keys.service import UNLIMITED
from llmgateway.db.models.api_keys import ApiKey
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.session import DATABASE_ERRORS, Database
from llmgateway.errors import NotFound
from llmgateway.kit.crypto import keyed_hash

_DEADLINE_SECONDS: Final = 3.0
"""For all of it: a connection, the question, the answer. A database that hangs is one that cannot be asked."""


class _Key(msgspec.Struct):
    """A row of api_keys."""

    id: str
    name: str
    test: bool
    project_id: str | None
    requests_per_minute: int | None
    requests_per_hour: int | None
    requests_per_day: int | None
    tokens_per_minute: int | None
    concurrency: int | None
    monthly_budget_nanos: int | None
    scopes: frozenset[str] | None
    models: frozenset[str] | None
    providers: frozenset[str] | None
    networks: tuple[str, ...] | None
    tags: tuple[str, ...] | None
    expires_at: datetime | None
    revoked_at: datetime | None


class _Org(msgspec.Struct):
    """A row of organisations."""

    id: str
    slug: str
    plan: str
    suspended_at: datetime | None


class _Found(msgspec.Struct):
    """What key_snapshot answers."""

    key: _Key
    org: _Org


class KeySource:
    """Over a database that acts as `data`."""

    def __init__(self, database: Database, pepper: bytes) -> None:
        self._database = database
        self._pepper = pepper
        self._decoder = msgspec.json.Decoder(_Found)

    async def key_snapshot(self, secret: str) -> KeySnapshot | None:
        """One SELECT. Raises SourceUnavailable."""
        question = select(cast(func.key_snapshot(keyed_hash(self._pepper, secret)), Text))
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS), self._database.transaction() as tx:
                found = await tx.scalar(question)
        except DATABASE_ERRORS as error:
            raise SourceUnavailable(str(error) or type(error).__name__) from error
        return None if found is None else _snapshot(self._decoder.decode(found))


async def snapshot_of(tx: AsyncSession, key_id: str) -> KeySnapshot:
    """A key's snapshot by its id, for an operator who asks what it may do. Raises NotFound."""
    key = await tx.get(ApiKey, key_id)
    if key is None:
        raise NotFound(f"There is no API key {key_id!r}. `llmgateway keys list` shows them.")
    org = await tx.get_one(Organisation, key.org_id)
    return _snapshot(
        _Found(
            key=msgspec.convert(key, _Key, from_attributes=True), org=msgspec.convert(org, _Org, from_attributes=True)
        )
    )


def _snapshot(found: _Found) -> KeySnapshot:
    key, org = found.key, found.org
    budget = key.monthly_budget_nanos
    return KeySnapshot(
        id=key.id,
        name=key.name,
        org=OrgSnapshot(
            id=org.id,
            slug=org.slug,
            plan=org.plan,
            suspended=org.suspended_at is not None,
            charged=org.plan != UNLIMITED,
        ),
        project_id=key.project_id,
        test=key.test,
        limits=Limits(
            requests_per_minute=key.requests_per_minute,
            requests_per_hour=key.requests_per_hour,
            requests_per_day=key.requests_per_day,
            tokens_per_minute=key.tokens_per_minute,
            concurrency=key.concurrency,
        ),
        budgets=() if budget is None else (Budget(nanos=budget),),
        scopes=key.scopes,
        models=key.models,
        providers=key.providers,
        networks=key.networks or (),
        expires_at=key.expires_at,
        revoked=key.revoked_at is not None,
        tags=key.tags or (),
    )
