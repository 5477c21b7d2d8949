"""What a key may do, asked of PostgreSQL: by its secret as the role that may ask only this, or by its id for an operator."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import replace
from sqlalchemy import Text, cast, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.snapshot import KeySnapshot, OrgSnapshot, Tariff
from llmgateway.controlplane.keys.snapshots import (
    CappedRow,
    CredentialRow,
    FoundKey,
    KeyRow,
    OrgRow,
    RouteRow,
    as_told,
    org_snapshot_from,
    snapshot_from,
)
from llmgateway.controlplane.plans.service import all_plans
from llmgateway.controlplane.reception.deadlines import answered_within
from llmgateway.db.models.api_keys import ApiKey
from llmgateway.db.models.credentials import ProviderCredential
from llmgateway.db.models.organisations import Organisation, Project
from llmgateway.db.models.routes import Route
from llmgateway.db.session import Database
from llmgateway.db.tenancy import owned
from llmgateway.errors import NotFound
from llmgateway.kit.clock import Clock
from llmgateway.kit.crypto import keyed_hash

_DEADLINE_SECONDS: Final = 3.0
_USED: Final = text("SELECT secrets_used(CAST(:uses AS jsonb))")


class KeySource:
    """The contract's SnapshotSource and UseSink, over a database that acts as `data`."""

    def __init__(self, database: Database, pepper: bytes, clock: Clock, tariff: Tariff | None = None) -> None:
        """`pepper` keys the hashes of secrets; `tariff` is the operator's, none adds nothing to the provider's cost."""
        self._database = database
        self._pepper = pepper
        self._clock = clock
        self._tariff = tariff or Tariff()
        self._in_advance = [plan.id for plan in all_plans().values() if plan.in_advance and self._tariff.in_advance]
        self._decoder = msgspec.json.Decoder(FoundKey)

    async def key_snapshot(self, secret: str) -> KeySnapshot | None:
        """The snapshot of the key with this secret, by one SELECT; None when there is none. Raises SourceUnavailable."""
        in_advance = literal(self._in_advance, ARRAY(Text))
        question = select(cast(func.key_snapshot(keyed_hash(self._pepper, secret), in_advance), Text))
        async with answered_within(_DEADLINE_SECONDS), self._database.transaction() as tx:
            answer = await tx.scalar(question)
        if answer is None:
            return None
        found = self._decoder.decode(answer)
        snapshot = snapshot_from(found, self._clock.now())
        org = replace(snapshot.org, tariff=self._tariff, charge_limit=found.charge_limit)
        return replace(snapshot, org=org)

    async def used(self, uses: Mapping[str, datetime]) -> None:
        """Note when secrets were last used, by their ids. Raises SourceUnavailable."""
        encoded = msgspec.json.encode(uses).decode()
        async with answered_within(_DEADLINE_SECONDS), self._database.transaction() as tx:
            await tx.execute(_USED, {"uses": encoded})


async def snapshot_of(tx: AsyncSession, clock: Clock, key_id: str) -> KeySnapshot:
    """A key's snapshot by its id, for an operator who asks what it may do. Raises NotFound."""
    key = await tx.get(ApiKey, key_id)
    if key is None:
        raise NotFound(f"There is no API key {key_id!r}. `llmgateway keys list` shows them.")
    org = await tx.get_one(Organisation, key.org_id)
    project = await tx.get(Project, key.project_id) if key.project_id else None
    found = FoundKey(
        key=as_told(key, KeyRow),
        org=as_told(org, OrgRow),
        project=None if project is None else as_told(project, CappedRow),
    )
    found.routes, found.credentials = await _belongings(tx, org.id)
    return snapshot_from(found, clock.now())


async def org_snapshot_of(tx: AsyncSession, clock: Clock, org: Organisation) -> OrgSnapshot:
    """An organisation as its keys' snapshots will show it."""
    routes, credentials = await _belongings(tx, org.id)
    return org_snapshot_from(as_told(org, OrgRow), routes, credentials, clock.now())


async def _belongings(tx: AsyncSession, org_id: str) -> tuple[list[RouteRow], list[CredentialRow]]:
    """The routes and credentials of an organisation."""
    routes = (await tx.scalars(owned(Route, org_id))).all()
    credentials = (await tx.scalars(owned(ProviderCredential, org_id).order_by(ProviderCredential.id))).all()
    return (
        [as_told(route, RouteRow) for route in routes],
        [as_told(credential, CredentialRow) for credential in credentials],
    )
