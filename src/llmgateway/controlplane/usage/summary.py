"""Usage summed up by time and by what it was for."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, cast, func, literal, null, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import BigInteger, Text

from llmgateway.controlplane.usage.schemas import SummaryRow, SummaryWish
from llmgateway.db.models.usage_events import UsageRow
from llmgateway.errors import BadRequest
from llmgateway.kit.money import usd

_Column = ColumnElement[Any] | InstrumentedAttribute[Any] | InstrumentedAttribute[Any | None]
_MOST_ROWS: Final = 5_000
_LONGEST: Final = timedelta(days=800)

_COLUMNS: Final = {
    "model": UsageRow.model,
    "provider": UsageRow.provider,
    "served_model": UsageRow.served_model,
    "key": UsageRow.key_id,
    "project": UsageRow.project_id,
    "outcome": UsageRow.outcome,
    "cache": UsageRow.cache,
}


async def summed(
    tx: AsyncSession, org_id: str, wish: SummaryWish, since: datetime, until: datetime
) -> list[SummaryRow]:
    """Raises BadRequest for a range that is upside down or too long."""
    if not since < until or until - since > _LONGEST:
        raise BadRequest("`from` must lie before `to`, and not more than 800 days.", param="from")
    rows = (await tx.execute(_query(org_id, wish, since, until))).mappings().all()
    return [_shown(dict(row)) for row in rows]


def _query(org_id: str, wish: SummaryWish, since: datetime, until: datetime) -> Select[*tuple[Any, ...]]:
    time: ColumnElement[Any] = (
        null() if wish.step == "all" else func.date_trunc(literal(wish.step), UsageRow.created_at, literal("UTC"))
    )
    tags = func.jsonb_array_elements_text(UsageRow.tags).table_valued("value").render_derived(name="tag")
    group: _Column = null()
    if wish.by is not None:
        group = tags.c.value if wish.by == "tag" else _COLUMNS[wish.by]
    rows = select(cast(group, Text).label("group"), time.label("time"), *_figures()).select_from(UsageRow)
    if wish.by == "tag":
        rows = rows.join(tags, literal(value=True))
    rows = rows.where(*_filters(org_id, wish, since, until)).group_by("group", "time")
    return rows.order_by("time", func.sum(UsageRow.cost_nanos).desc().nulls_last(), "group").limit(_MOST_ROWS)


def _filters(org_id: str, wish: SummaryWish, since: datetime, until: datetime) -> Sequence[ColumnElement[bool]]:
    filters = [
        UsageRow.org_id == org_id,
        UsageRow.created_at >= since,
        UsageRow.created_at < until,
        UsageRow.test.is_(wish.test),
    ]
    for column, value in (
        (UsageRow.model, wish.model),
        (UsageRow.key_id, wish.key_id),
        (UsageRow.project_id, wish.project_id),
        (UsageRow.provider, wish.provider),
    ):
        if value is not None:
            filters.append(column == value)
    return filters


def _figures() -> Sequence[ColumnElement[Any]]:
    saved = UsageRow.list_cost_nanos - func.coalesce(UsageRow.cost_nanos, 0)
    finished = UsageRow.outcome == "finished"
    return (
        func.count().label("requests"),
        _count(UsageRow.outcome == "failed").label("errors"),
        _count(UsageRow.outcome == "refused").label("refused"),
        _count(UsageRow.cache == "hit").label("cache_hits"),
        _count(and_(finished, UsageRow.cost_nanos.is_(None))).label("unpriced"),
        *(
            _sum(column).label(column.name)
            for column in (
                UsageRow.prompt_tokens,
                UsageRow.completion_tokens,
                UsageRow.cached_tokens,
                UsageRow.reasoning_tokens,
                UsageRow.cost_nanos,
                UsageRow.charge_nanos,
                UsageRow.list_cost_nanos,
            )
        ),
        _sum(case((finished, saved))).label("saved_nanos"),
        _sum(case((and_(finished, UsageRow.cache == "hit"), saved))).label("saved_by_cache_nanos"),
        _percentile(0.5, UsageRow.duration_ms, finished).label("p50_ms"),
        _percentile(0.95, UsageRow.duration_ms, finished).label("p95_ms"),
        _percentile(0.5, UsageRow.first_token_ms, finished).label("first_token_p50_ms"),
        _percentile(0.95, UsageRow.first_token_ms, finished).label("first_token_p95_ms"),
    )


def _sum(column: _Column) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count().filter(condition)


def _percentile(share: float, column: _Column, condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.percentile_disc(share).within_group(column).filter(condition)


def _shown(row: dict[str, Any]) -> SummaryRow:
    money = {f"{name.removesuffix('_nanos')}_usd": usd(row.pop(name)) for name in list(row) if name.endswith("_nanos")}
    return SummaryRow.model_validate({**row, **money})
