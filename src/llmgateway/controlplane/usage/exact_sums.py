"""Exact sums of usage between any two moments: whole hours from the rolled-up sums, parts of hours from the events."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Numeric, Select, case, cast, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.db.models.usage_events import UsageRow
from llmgateway.db.models.usage_rollups import UsageDay, UsageHour, UsagePending
from llmgateway.kit.utc import hour_of, midnight, up_to_hour, up_to_midnight


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactSums:
    """Sums of requests, without test traffic."""

    requests: int
    tokens: int
    """Of prompts and completions."""
    cost: int
    """What providers bill, in nanos, as far as it is known."""
    charge: int
    """What organisations are charged, in nanos."""
    counted_requests: int
    """Requests that count against a plan's quota: they finished or used a token, and did not come from the cache."""
    counted_tokens: int
    """Tokens that count against it: of whatever did not come from the cache."""


async def exact_sums(tx: AsyncSession, org_id: str | None, since: datetime, until: datetime) -> ExactSums:
    """The sums of one organisation, or of all for None: of what began at `since` or later, and before `until`."""
    facts = union_all(*_parts(org_id, since, until)).subquery()
    served = facts.c.cache != "hit"
    columns = (
        func.sum(facts.c.requests),
        func.sum(facts.c.tokens),
        func.sum(facts.c.cost),
        func.sum(facts.c.charge),
        func.sum(facts.c.counted).filter(served),
        func.sum(facts.c.tokens).filter(served),
    )
    row = (await tx.execute(select(*(func.coalesce(column, 0) for column in columns)))).one()
    requests, tokens, cost, charge, counted_requests, counted_tokens = (int(figure) for figure in row)
    return ExactSums(
        requests=requests,
        tokens=tokens,
        cost=cost,
        charge=charge,
        counted_requests=counted_requests,
        counted_tokens=counted_tokens,
    )


def _parts(org_id: str | None, since: datetime, until: datetime) -> Iterator[Select[*tuple[Any, ...]]]:
    """What adds up to the range: pending changes, whole days, the whole hours around them, and events at the two ends."""
    first_hour, last_hour = up_to_hour(since), max(hour_of(until), up_to_hour(since))
    first_day, last_day = up_to_midnight(since), max(midnight(until), up_to_midnight(since))
    yield _sums(UsagePending, org_id, first_hour, last_hour)
    yield _sums(UsageDay, org_id, first_day, last_day)
    yield _sums(UsageHour, org_id, first_hour, min(first_day, last_hour))
    yield _sums(UsageHour, org_id, max(last_day, first_hour), last_hour)
    yield _events(org_id, since, min(first_hour, until))
    yield _events(org_id, min(last_hour, until), until)


def _sums(
    table: type[UsagePending] | type[UsageHour] | type[UsageDay],
    org_id: str | None,
    since: datetime,
    until: datetime,
) -> Select[*tuple[Any, ...]]:
    tokens = table.prompt_tokens + table.completion_tokens
    query = select(
        table.cache.label("cache"),
        table.requests.label("requests"),
        tokens.label("tokens"),
        table.cost_nanos.label("cost"),
        table.charge_nanos.label("charge"),
        table.counted.label("counted"),
    ).where(table.time >= since, table.time < until, table.test.is_(False))
    return query if org_id is None else query.where(table.org_id == org_id)


def _events(org_id: str | None, since: datetime, until: datetime) -> Select[*tuple[Any, ...]]:
    tokens: ColumnElement[Any] = cast(UsageRow.prompt_tokens, Numeric) + UsageRow.completion_tokens
    query = select(
        UsageRow.cache.label("cache"),
        cast(1, BigInteger).label("requests"),
        tokens.label("tokens"),
        func.coalesce(UsageRow.cost_nanos, 0).label("cost"),
        func.coalesce(UsageRow.charge_nanos, 0).label("charge"),
        case(((UsageRow.outcome == "finished") | (tokens > 0), 1), else_=0).label("counted"),
    ).where(UsageRow.created_at >= since, UsageRow.created_at < until, UsageRow.test.is_(False))
    return query if org_id is None else query.where(UsageRow.org_id == org_id)
