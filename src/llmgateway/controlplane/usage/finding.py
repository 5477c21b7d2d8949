"""Requests that somebody looks for, newest first: sums say in which hours they are, so that few others are read."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, DateTime, Select, column, func, literal, select, true, tuple_, union_all, values
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from llmgateway.controlplane.reception.listing import Paging, check_range
from llmgateway.controlplane.usage.schemas import UsageWish
from llmgateway.db.models.usage_events import UsageRow
from llmgateway.db.models.usage_rollups import UsageDay, UsageHour, UsagePending
from llmgateway.db.tenancy import owned
from llmgateway.errors import BadRequest
from llmgateway.kit.ids import id_time
from llmgateway.kit.utc import DAY, HOUR

_SPARE: Final = 3
"""Hours more than entries: one that the cursor cuts, and two that the range does; each other holds one entry or more."""
_Range = tuple[datetime, datetime]
_Table = type[UsageRow] | type[UsageDay] | type[UsageHour] | type[UsagePending]


async def newest(
    tx: AsyncSession, org_id: str, wish: UsageWish, paging: Paging, oldest: datetime | None
) -> Sequence[UsageRow]:
    """One request more than the page holds, none from before `oldest`. Raises BadRequest for a cursor or a range that is none."""
    check_range(wish.since, wish.until)
    since = max((moment for moment in (wish.since, oldest) if moment is not None), default=None)
    last = _after(paging)
    until = min(
        (moment for moment in (wish.until, last and last[0] + timedelta(milliseconds=1)) if moment), default=None
    )
    query = owned(UsageRow, org_id).where(*_wished(UsageRow, wish), *_within(UsageRow.created_at, since, until))
    if last is not None:
        query = query.where(tuple_(UsageRow.created_at, UsageRow.id) < tuple_(literal(last[0]), literal(last[1])))
    if _wished(UsageRow, wish):
        ranges = await _ranges(tx, org_id, wish, (since, until), paging.limit + 1 + _SPARE)
        if not ranges:
            return ()
        query = _in_ranges(query, ranges, paging.limit + 1)
    else:
        query = _ordered(query, UsageRow)
    return (await tx.scalars(query.limit(paging.limit + 1))).all()


def _after(paging: Paging) -> tuple[datetime, str] | None:
    """When the request began that the page comes after, and its id; None for the first page."""
    if paging.after_id is None:
        return None
    try:
        return id_time(paging.after_id), paging.after_id
    except ValueError as error:
        raise BadRequest("This cursor belongs to another list. Leave it out to begin anew.", param="cursor") from error


def _wished(table: _Table, wish: UsageWish) -> list[ColumnElement[bool]]:
    """What sums are kept apart by, and events have too."""
    filters = [
        _is(attribute, value)
        for attribute, value in (
            (table.model, wish.model),
            (table.provider, wish.provider),
            (table.key_id, wish.key_id),
            (table.project_id, wish.project_id),
            (table.outcome, wish.outcome),
            (table.test, wish.test),
        )
        if value is not None
    ]
    return [*filters, table.tags.contains([wish.tag])] if wish.tag is not None else filters


def _is(attribute: ColumnElement[Any] | InstrumentedAttribute[Any], value: str | bool) -> ColumnElement[bool]:
    """'' is none, as sums say it; events say null."""
    return (attribute == "") | attribute.is_(None) if value == "" else attribute == value


def _within(time: Any, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    return [
        *([time >= since] if since is not None else []),
        *([time < until] if until is not None else []),
    ]


async def _ranges(
    tx: AsyncSession, org_id: str, wish: UsageWish, between: tuple[datetime | None, datetime | None], count: int
) -> Sequence[_Range]:
    """The newest hours that hold such requests, at most `count`, neighbours as one; found by the days that have them."""
    since, until = between
    days = await _times(tx, UsageDay, org_id, wish, (since and since - DAY, until), count)
    if not days:
        return ()
    first = days[-1] if since is None else max(days[-1], since - HOUR)
    hours = await _times(tx, UsageHour, org_id, wish, (first, min(days[0] + DAY, until or days[0] + DAY)), count)
    ranges = list[_Range]()
    for hour in hours:
        if ranges and ranges[-1][0] == hour + HOUR:
            ranges[-1] = (hour, ranges[-1][1])
        else:
            ranges.append((hour, hour + HOUR))
    return ranges


async def _times(
    tx: AsyncSession,
    table: type[UsageDay] | type[UsageHour],
    org_id: str,
    wish: UsageWish,
    between: tuple[datetime | None, datetime | None],
    count: int,
) -> Sequence[datetime]:
    """The newest days or hours that hold such requests, merged or pending."""
    step = "day" if table is UsageDay else "hour"
    parts = union_all(
        *(
            select(func.date_trunc(step, source.time, "UTC").label("time"), source.requests).where(
                source.org_id == org_id, *_wished(source, wish), *_within(source.time, *between)
            )
            for source in (table, UsagePending)
        )
    ).subquery()
    query = select(parts.c.time).group_by(parts.c.time).having(func.sum(parts.c.requests) > 0)
    return (await tx.scalars(query.order_by(parts.c.time.desc()).limit(count))).all()


def _in_ranges(query: Select[UsageRow], ranges: Sequence[_Range], count: int) -> Select[UsageRow]:
    """Range by range, since the planner would rather look at everything in order."""
    moment = DateTime(timezone=True)
    table = values(column("first", moment), column("after", moment), name="hours").data(list(ranges))
    inside = query.where(UsageRow.created_at >= table.c.first, UsageRow.created_at < table.c.after)
    row = aliased(UsageRow, _ordered(inside, UsageRow).limit(count).correlate(table).lateral("found"))
    return _ordered(select(row).select_from(table).join(row, true()), row)


def _ordered(query: Select[UsageRow], row: type[UsageRow]) -> Select[UsageRow]:
    return query.order_by(row.created_at.desc(), row.id.desc())
