"""What a provider served, summed from the usage events by UTC day, model and operation: to compare with its own bill."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, cast, column, func, or_, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.canon.call import Operation
from llmgateway.canon.usage import UsageSource
from llmgateway.contract.usage import LACKING, Outcome
from llmgateway.db.models.usage_events import UsageRow
from llmgateway.errors import FailureKind

_MAY_BE_BILLED: Final = (
    FailureKind.TIMEOUT, FailureKind.CONNECTION, FailureKind.PROTOCOL, FailureKind.CUT, FailureKind.SERVER_ERROR,
)  # fmt: skip
"""Failures of attempts that the provider may have worked on, and may bill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderUsage:
    """The requests that a model of the provider served on a UTC day. The cost is in nano-dollars."""

    day: date
    model: str
    """The model's name as it was sent to the provider."""
    operation: Operation
    requests: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost: int
    unpriced: int
    """How many of the requests have no price, or only a partial one."""
    estimated: int
    """How many were left open by a process that died: their tokens are estimated from the prompt."""
    reckoned: int
    """How many had their tokens counted by the gateway, since the provider reported none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The requests to sum up: of which provider, on which credential, from when until when."""

    provider: str
    credential: str | None
    """The id of an organisation's own credential; None selects requests on the installation's."""
    since: datetime
    until: datetime


async def usage_by_day(tx: AsyncSession, selection: Selection) -> Sequence[ProviderUsage]:
    """The sums over all organisations, without test traffic, answers from the cache, calls that only count tokens and failures before anything was read."""
    row = UsageRow
    count = func.count()
    query = select(
        _day(),
        func.coalesce(row.served_model, "").label("asked"),
        row.operation,
        count.label("requests"),
        *(func.sum(value).label(value.key) for value in (row.prompt_tokens, row.cached_tokens, row.completion_tokens)),
        func.coalesce(func.sum(row.cost_nanos), 0).label("cost"),
        count.filter(or_(row.cost_nanos.is_(None), row.price_version.contains(LACKING))).label("unpriced"),
        count.filter(row.usage_source == UsageSource.ESTIMATED).label("estimated"),
        count.filter(row.usage_source == UsageSource.COUNTED).label("reckoned"),
    ).where(
        *_when(selection),
        row.provider == selection.provider,
        or_(row.outcome.not_in((Outcome.FAILED, Outcome.REFUSED)), row.prompt_tokens > 0, row.completion_tokens > 0),
        row.cache != "hit",
        row.operation != Operation.COUNT_TOKENS,
        _on_credential(row.usage_details["credential"].astext, selection.credential),
    )
    rows = (await tx.execute(query.group_by("day", "asked", row.operation))).mappings().all()
    return [_usage_of(dict(found)) for found in rows]


async def failed_attempts(tx: AsyncSession, selection: Selection) -> Mapping[tuple[date, str], int]:
    """How many attempts failed though the provider may bill them, by UTC day and model. No event holds their tokens."""
    attempt = (
        func.jsonb_array_elements(UsageRow.attempts).table_valued(column("value", JSONB)).render_derived("attempt")
    )
    value: Any = attempt.c.value
    query = (
        select(_day(), value["model"].astext.label("asked"), func.count().label("attempts"))
        .select_from(UsageRow)
        .join(attempt, text("true"))
        .where(
            *_when(selection),
            UsageRow.attempts.contains(cast([{"provider": selection.provider}], JSONB)),
            value["provider"].astext == selection.provider,
            value["outcome"].astext.in_(_MAY_BE_BILLED),
            _on_credential(value["credential"].astext, selection.credential),
        )
        .group_by("day", "asked")
    )
    return {(row.day, row.asked): row.attempts for row in (await tx.execute(query)).all()}


def _day() -> ColumnElement[date]:
    return func.date(func.timezone("UTC", UsageRow.created_at)).label("day")


def _when(selection: Selection) -> Sequence[ColumnElement[bool]]:
    return (UsageRow.created_at >= selection.since, UsageRow.created_at < selection.until, UsageRow.test.is_(False))


def _on_credential(credential: ColumnElement[Any], sought: str | None) -> ColumnElement[bool]:
    return credential.is_(None) if sought is None else credential == sought


def _usage_of(row: Mapping[Any, Any]) -> ProviderUsage:
    figures = {
        name: int(row[name]) for name in ProviderUsage.__dataclass_fields__ if name not in {"day", "model", "operation"}
    }
    return ProviderUsage(day=row["day"], model=row["asked"], operation=Operation(row["operation"]), **figures)
