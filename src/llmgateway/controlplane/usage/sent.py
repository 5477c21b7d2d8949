"""What went to a provider, by day, model and operation, as its bill should have it: from the events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, cast, column, func, or_, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.canon.call import Operation
from llmgateway.canon.usage import UsageSource
from llmgateway.contract.usage import LACKING
from llmgateway.db.models.usage_events import UsageRow
from llmgateway.errors import FailureKind

_BROKE: Final = (
    FailureKind.TIMEOUT, FailureKind.CONNECTION, FailureKind.PROTOCOL, FailureKind.CUT, FailureKind.SERVER_ERROR,
)  # fmt: skip
"""Failures in which the provider may have worked, and bill it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Requests of a day (UTC) that a model served. Money in nanos."""

    day: date
    model: str
    """As the provider was asked for it."""
    operation: Operation
    requests: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost: int
    unpriced: int
    """Requests whose cost, or a part of it, nobody knows."""
    estimated: int
    """Requests of a process that died: the prompt is a guess."""
    reckoned: int
    """Requests whose tokens were counted here, since the provider told none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which requests: at which provider, on whose credential, when."""

    provider: str
    credential: str | None
    """A tenant's own, by its id; None is all of the installation's."""
    since: datetime
    until: datetime


async def sent(tx: AsyncSession, asked: Asked) -> Sequence[Sent]:
    """Of all organisations; without test traffic, answers from the cache, and tokens that were only counted."""
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
        *_when(asked),
        row.provider == asked.provider,
        row.cache != "hit",
        row.operation != Operation.COUNT_TOKENS,
        _on(row.usage_details["credential"].astext, asked.credential),
    )
    rows = (await tx.execute(query.group_by("day", "asked", row.operation))).mappings().all()
    return [_sent(dict(found)) for found in rows]


async def broken_off(tx: AsyncSession, asked: Asked) -> Mapping[tuple[date, str], int]:
    """Attempts that failed while the provider may have worked, by day and model: no event has their tokens."""
    attempt = (
        func.jsonb_array_elements(UsageRow.attempts).table_valued(column("value", JSONB)).render_derived("attempt")
    )
    value: Any = attempt.c.value
    query = (
        select(_day(), value["model"].astext.label("asked"), func.count().label("attempts"))
        .select_from(UsageRow)
        .join(attempt, text("true"))
        .where(
            *_when(asked),
            UsageRow.attempts.contains(cast([{"provider": asked.provider}], JSONB)),
            value["provider"].astext == asked.provider,
            value["outcome"].astext.in_(_BROKE),
            _on(value["credential"].astext, asked.credential),
        )
        .group_by("day", "asked")
    )
    return {(row.day, row.asked): row.attempts for row in (await tx.execute(query)).all()}


def _day() -> ColumnElement[date]:
    return func.date(func.timezone("UTC", UsageRow.created_at)).label("day")


def _when(asked: Asked) -> Sequence[ColumnElement[bool]]:
    return (UsageRow.created_at >= asked.since, UsageRow.created_at < asked.until, UsageRow.test.is_(False))


def _on(credential: ColumnElement[Any], sought: str | None) -> ColumnElement[bool]:
    return credential.is_(None) if sought is None else credential == sought


def _sent(row: Mapping[Any, Any]) -> Sent:
    figures = {name: int(row[name]) for name in Sent.__dataclass_fields__ if name not in {"day", "model", "operation"}}
    return Sent(day=row["day"], model=row["asked"], operation=Operation(row["operation"]), **figures)
