"""The contract's SnapshotSource: what a key may do, asked of PostgreSQL as the role that may ask only this."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

import msgspec
import structlog
from msgspec.structs import replace
from pydantic import ValidationError
from sqlalchemy import Text, cast, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.snapshot import (
    Budget,
    KeySnapshot,
    Limits,
    OrgSnapshot,
    Policy,
    Quota,
    SealedCredential,
    Tariff,
)
from llmgateway.controlplane.plans.service import SELF_HOSTED, Plan, all_plans, period_of, waived_in
from llmgateway.controlplane.reception.deadlines import answered_within
from llmgateway.db.models.api_keys import ApiKey
from llmgateway.db.models.credentials import ProviderCredential
from llmgateway.db.models.organisations import Organisation, Project
from llmgateway.db.models.routes import Route
from llmgateway.db.session import Database
from llmgateway.db.tenancy import owned
from llmgateway.errors import NotFound
from llmgateway.gateway_file import AliasEntry
from llmgateway.kit.clock import Clock
from llmgateway.kit.crypto import keyed_hash

_DEADLINE_SECONDS: Final = 3.0

_USED: Final = text("SELECT secrets_used(CAST(:uses AS jsonb))")

log = structlog.get_logger()


class _Budgeted(msgspec.Struct):
    """What keys, projects and organisations have in common."""

    id: str
    daily_budget_nanos: int | None
    monthly_budget_nanos: int | None
    total_budget_nanos: int | None
    hard_budget: bool
    budget_epoch: int


class _Caps(_Budgeted):
    """What keys and projects have in common."""

    requests_per_minute: int | None
    requests_per_hour: int | None
    requests_per_day: int | None
    tokens_per_minute: int | None
    concurrency: int | None


class _Key(_Caps):
    """A row of api_keys."""

    name: str
    test: bool
    project_id: str | None
    cache_seconds: int | None
    scopes: frozenset[str] | None
    models: frozenset[str] | None
    providers: frozenset[str] | None
    networks: tuple[str, ...] | None
    tags: tuple[str, ...] | None
    expires_at: datetime | None
    revoked_at: datetime | None


class _Secret(msgspec.Struct):
    """The secret that was shown."""

    id: str | None = None
    expires_at: datetime | None = None


class _Org(_Budgeted):
    """A row of organisations."""

    slug: str
    plan: str
    suspended_at: datetime | None
    deletes_at: datetime | None
    data_key: str | None
    policy: Policy
    cache_seconds: int | None
    quota_epoch: int
    overage_limit_nanos: int | None
    overage_waived_nanos: int
    overage_waived_in: datetime | None
    period_start: datetime | None
    period_end: datetime | None


class _Route(msgspec.Struct):
    """A row of routes."""

    alias: str
    definition: dict[str, Any]


class _Credential(msgspec.Struct):
    """A row of credentials."""

    id: str
    provider: str
    sealed: str
    base_url: str | None
    options: dict[str, str]


class _Found(msgspec.Struct):
    """What key_snapshot answers."""

    key: _Key
    org: _Org
    secret: _Secret = msgspec.field(default_factory=_Secret)
    project: _Caps | None = None
    routes: list[_Route] | None = None
    credentials: list[_Credential] | None = None
    charge_limit: int | None = None


class KeySource:
    """Over a database that acts as `data`."""

    def __init__(self, database: Database, pepper: bytes, clock: Clock, tariff: Tariff | None = None) -> None:
        """`tariff` is the operator's; none adds nothing to the provider's cost."""
        self._database = database
        self._pepper = pepper
        self._clock = clock
        self._tariff = tariff or Tariff()
        self._in_advance = [plan.id for plan in all_plans().values() if plan.in_advance and self._tariff.in_advance]
        self._decoder = msgspec.json.Decoder(_Found)

    async def key_snapshot(self, secret: str) -> KeySnapshot | None:
        """One SELECT. Raises SourceUnavailable."""
        in_advance = literal(self._in_advance, ARRAY(Text))
        question = select(cast(func.key_snapshot(keyed_hash(self._pepper, secret), in_advance), Text))
        async with answered_within(_DEADLINE_SECONDS), self._database.transaction() as tx:
            found = await tx.scalar(question)
        if found is None:
            return None
        read = self._decoder.decode(found)
        snapshot = _snapshot(read, self._clock)
        org = replace(snapshot.org, tariff=self._tariff, charge_limit=read.charge_limit)
        return replace(snapshot, org=org)

    async def used(self, uses: Mapping[str, datetime]) -> None:
        """When secrets were last used. Raises SourceUnavailable."""
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
    found = _Found(
        key=_read(key, _Key), org=_read(org, _Org), project=None if project is None else _read(project, _Caps)
    )
    found.routes, found.credentials = await _belongings(tx, org.id)
    return _snapshot(found, clock)


async def org_snapshot_of(tx: AsyncSession, clock: Clock, org: Organisation) -> OrgSnapshot:
    """An organisation as its keys' snapshots will show it."""
    routes, credentials = await _belongings(tx, org.id)
    return _org(_read(org, _Org), routes, credentials, clock)


async def _belongings(tx: AsyncSession, org_id: str) -> tuple[list[_Route], list[_Credential]]:
    routes = (await tx.scalars(owned(Route, org_id))).all()
    credentials = (await tx.scalars(owned(ProviderCredential, org_id).order_by(ProviderCredential.id))).all()
    return [_read(route, _Route) for route in routes], [_read(credential, _Credential) for credential in credentials]


_Read = TypeVar("_Read", bound=msgspec.Struct)


def _read(row: object, kind: type[_Read]) -> _Read:
    """A row as key_snapshot would tell it: bytes as PostgreSQL writes them in JSON."""
    values = {name: getattr(row, name) for name in kind.__struct_fields__}
    told = {name: f"\\x{value.hex()}" if isinstance(value, bytes) else value for name, value in values.items()}
    return msgspec.convert(told, kind)


def _snapshot(found: _Found, clock: Clock) -> KeySnapshot:
    key, project = found.key, found.project
    ends = [moment for moment in (key.expires_at, found.secret.expires_at) if moment is not None]
    return KeySnapshot(
        id=key.id,
        name=key.name,
        secret_id=found.secret.id,
        org=_org(found.org, found.routes or [], found.credentials or [], clock),
        project_id=key.project_id,
        project_limits=Limits() if project is None else _limits(project),
        project_budgets=() if project is None else _budgets(project),
        test=key.test,
        limits=_limits(key),
        budgets=_budgets(key),
        scopes=key.scopes,
        models=key.models,
        providers=key.providers,
        networks=key.networks,
        expires_at=min(ends, default=None),
        revoked=key.revoked_at is not None,
        tags=key.tags or (),
        cache_seconds=key.cache_seconds,
    )


def _org(org: _Org, routes: Sequence[_Route], credentials: Sequence[_Credential], clock: Clock) -> OrgSnapshot:
    plan = all_plans().get(org.plan)
    return OrgSnapshot(
        id=org.id,
        slug=org.slug,
        plan=org.plan,
        limits=Limits() if plan is None else plan.limits,
        budgets=_budgets(org),
        suspended=org.suspended_at is not None or org.deletes_at is not None,
        cache_seconds=org.cache_seconds,
        charged=org.plan != SELF_HOSTED,
        quota=None if plan is None else _quota(org, plan, clock.now()),
        routes={route.alias: entry for route in routes if (entry := _entry(route, org.id)) is not None},
        credentials=tuple(
            SealedCredential(
                id=credential.id,
                provider=credential.provider,
                sealed=_bytes(credential.sealed),
                base_url=credential.base_url,
                options=credential.options,
            )
            for credential in credentials
        ),
        data_key=None if org.data_key is None else _bytes(org.data_key),
        policy=org.policy,
    )


def _quota(org: _Org, plan: Plan, now: datetime) -> Quota | None:
    period = period_of(org.period_start, org.period_end, now)
    waived = waived_in(period, org.overage_waived_nanos, org.overage_waived_in)
    return plan.quota(period, org.overage_limit_nanos, org.quota_epoch, waived)


def _entry(route: _Route, org_id: str) -> AliasEntry | None:
    """A route that this version cannot read is left out, and said: it must not take the organisation's keys with it."""
    try:
        return AliasEntry.model_validate(route.definition)
    except ValidationError as error:
        log.warning("a route cannot be read", org_id=org_id, alias=route.alias, reason=str(error))
        return None


def _limits(caps: _Caps) -> Limits:
    return Limits(
        requests_per_minute=caps.requests_per_minute,
        requests_per_hour=caps.requests_per_hour,
        requests_per_day=caps.requests_per_day,
        tokens_per_minute=caps.tokens_per_minute,
        concurrency=caps.concurrency,
    )


def _budgets(row: _Budgeted) -> tuple[Budget, ...]:
    given: tuple[tuple[Literal["day", "month", "total"], int | None], ...] = (
        ("day", row.daily_budget_nanos),
        ("month", row.monthly_budget_nanos),
        ("total", row.total_budget_nanos),
    )
    return tuple(
        Budget(nanos=nanos, period=period, hard=row.hard_budget, epoch=row.budget_epoch)
        for period, nanos in given
        if nanos is not None
    )


def _bytes(value: str) -> bytes:
    """PostgreSQL writes bytes in JSON as a backslash, x and hexadecimal digits."""
    return bytes.fromhex(value.removeprefix("\\x"))
