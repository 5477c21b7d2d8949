"""Snapshots of keys and organisations, made of their rows as the SQL function key_snapshot tells them. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar

import msgspec
import structlog
from pydantic import ValidationError

from llmgateway.contract.snapshot import (
    Budget,
    KeySnapshot,
    Limits,
    OrgSnapshot,
    Policy,
    Quota,
    SealedCredential,
)
from llmgateway.controlplane.plans.service import SELF_HOSTED, Plan, all_plans, period_of, waived_in
from llmgateway.gateway_file import AliasEntry

log = structlog.get_logger()


class BudgetedRow(msgspec.Struct):
    """What rows of keys, projects and organisations have in common."""

    id: str
    daily_budget_nanos: int | None
    monthly_budget_nanos: int | None
    total_budget_nanos: int | None
    hard_budget: bool
    budget_epoch: int


class CappedRow(BudgetedRow):
    """What rows of keys and projects have in common."""

    requests_per_minute: int | None
    requests_per_hour: int | None
    requests_per_day: int | None
    tokens_per_minute: int | None
    concurrency: int | None


class KeyRow(CappedRow):
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


class SecretRow(msgspec.Struct):
    """The secret that the caller gave; without an id when a key is read by its own."""

    id: str | None = None
    expires_at: datetime | None = None


class OrgRow(BudgetedRow):
    """A row of organisations."""

    slug: str
    plan: str
    suspended_at: datetime | None
    deletes_at: datetime | None
    data_key: str | None
    """Bytes, as PostgreSQL writes them in JSON."""
    policy: Policy
    cache_seconds: int | None
    quota_epoch: int
    overage_limit_nanos: int | None
    overage_waived_nanos: int
    overage_waived_in: datetime | None
    period_start: datetime | None
    period_end: datetime | None


class RouteRow(msgspec.Struct):
    """A row of routes."""

    alias: str
    definition: dict[str, Any]


class CredentialRow(msgspec.Struct):
    """A row of credentials."""

    id: str
    provider: str
    sealed: str
    """Bytes, as PostgreSQL writes them in JSON."""
    base_url: str | None
    options: dict[str, str]


class FoundKey(msgspec.Struct):
    """What the SQL function key_snapshot answers: a key and all that says what it may do."""

    key: KeyRow
    org: OrgRow
    secret: SecretRow = msgspec.field(default_factory=SecretRow)
    project: CappedRow | None = None
    routes: list[RouteRow] | None = None
    credentials: list[CredentialRow] | None = None
    charge_limit: int | None = None
    """As in OrgSnapshot, in nanos."""


_Read = TypeVar("_Read", bound=msgspec.Struct)


def as_told(row: object, kind: type[_Read]) -> _Read:
    """A row as key_snapshot would tell it: bytes as PostgreSQL writes them in JSON."""
    values = {name: getattr(row, name) for name in kind.__struct_fields__}
    told = {name: f"\\x{value.hex()}" if isinstance(value, bytes) else value for name, value in values.items()}
    return msgspec.convert(told, kind)


def snapshot_from(found: FoundKey, now: datetime) -> KeySnapshot:
    """The snapshot of a key, without what the operator's settings add: the tariff, and the limit of charges."""
    key, project = found.key, found.project
    ends = [moment for moment in (key.expires_at, found.secret.expires_at) if moment is not None]
    return KeySnapshot(
        id=key.id,
        name=key.name,
        secret_id=found.secret.id,
        org=org_snapshot_from(found.org, found.routes or [], found.credentials or [], now),
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


def org_snapshot_from(
    org: OrgRow, routes: Sequence[RouteRow], credentials: Sequence[CredentialRow], now: datetime
) -> OrgSnapshot:
    """An organisation as the snapshots of its keys show it."""
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
        quota=None if plan is None else _quota(org, plan, now),
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


def _quota(org: OrgRow, plan: Plan, now: datetime) -> Quota | None:
    period = period_of(org.period_start, org.period_end, now)
    waived = waived_in(period, org.overage_waived_nanos, org.overage_waived_in)
    return plan.quota(period, org.overage_limit_nanos, org.quota_epoch, waived)


def _entry(route: RouteRow, org_id: str) -> AliasEntry | None:
    """A route that this version cannot read is left out, and said: it must not take the organisation's keys with it."""
    try:
        return AliasEntry.model_validate(route.definition)
    except ValidationError as error:
        log.warning("a route cannot be read", org_id=org_id, alias=route.alias, reason=str(error))
        return None


def _limits(caps: CappedRow) -> Limits:
    return Limits(
        requests_per_minute=caps.requests_per_minute,
        requests_per_hour=caps.requests_per_hour,
        requests_per_day=caps.requests_per_day,
        tokens_per_minute=caps.tokens_per_minute,
        concurrency=caps.concurrency,
    )


def _budgets(row: BudgetedRow) -> tuple[Budget, ...]:
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
