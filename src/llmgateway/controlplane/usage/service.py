"""Usage events: stored once however often they come, listed newest first, and what keys spent by them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Text, cast, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.canon.usage import UsageSource
from llmgateway.contract.channels import Spent
from llmgateway.contract.usage import UsageEvent
from llmgateway.db.models.usage_events import UsageRow
from llmgateway.kit.ids import id_time

_INSERT = text("SELECT insert_usage(CAST(:events AS jsonb))")
_SPENT = text("SELECT * FROM spent(:org, :start, :moment)")
_NUL = b"\\u0000"


async def insert(tx: AsyncSession, events: Sequence[UsageEvent]) -> None:
    """Store events in one statement, as `data`; an estimate gives way to true figures, nothing else is ever replaced."""
    encoded = msgspec.json.encode([_dated(event) for event in _each_once(events)])
    if _NUL in encoded:
        encoded = msgspec.json.encode(_without_nul(msgspec.json.decode(encoded)))
    await tx.execute(_INSERT, {"events": encoded.decode()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which events; those of all organisations, where nothing else is said."""

    request_id: str | None = None
    org_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def listed(tx: AsyncSession, sought: Sought, limit: int) -> Sequence[UsageEvent]:
    """Newest first: ids sort by time, and each partition has an index that begins with them."""
    query = select(UsageRow).order_by(UsageRow.id.desc()).limit(limit)
    if sought.request_id is not None:
        query = query.where(UsageRow.id == sought.request_id)
    if sought.org_id is not None:
        query = query.where(UsageRow.org_id == sought.org_id)
    if sought.since is not None:
        query = query.where(UsageRow.created_at >= sought.since)
    if sought.until is not None:
        query = query.where(UsageRow.created_at < sought.until)
    return [event_of(row) for row in (await tx.scalars(query)).all()]


async def of_key(tx: AsyncSession, key_id: str, event_id: str) -> UsageEvent | None:
    """One event, as `data`; None where this key did not make it."""
    found = await tx.scalar(select(cast(func.usage_event(key_id, event_id), Text)))
    return None if found is None else msgspec.json.decode(found, type=UsageEvent)


async def spent_by_keys(tx: AsyncSession, org_id: str, period_start: datetime, moment: datetime) -> Sequence[Spent]:
    """What each key of an organisation used so far, as `data` or `worker`; the day and the month are those of the moment, in UTC."""
    rows = await tx.execute(_SPENT, {"org": org_id, "start": period_start, "moment": moment})
    return [Spent(**row) for row in rows.mappings().all()]


def event_of(row: UsageRow) -> UsageEvent:
    """The event as it came from the data plane."""
    values = {column.name: getattr(row, column.name) for column in UsageRow.__table__.columns}
    return msgspec.convert(values, UsageEvent)


def _each_once(events: Sequence[UsageEvent]) -> list[UsageEvent]:
    """One statement may touch a row once: of several with the same id the first true one counts."""
    chosen = dict[str, UsageEvent]()
    for event in events:
        known = chosen.get(event.id)
        if known is None or (
            known.usage_source is UsageSource.ESTIMATED and event.usage_source is not UsageSource.ESTIMATED
        ):
            chosen[event.id] = event
    return list(chosen.values())


def _dated(event: UsageEvent) -> UsageEvent:
    """With the time that its id carries, so that every copy of it is the same row, in the same partition."""
    try:
        moment = id_time(event.id)
    except ValueError:
        return event
    return event if event.created_at == moment else msgspec.structs.replace(event, created_at=moment)


def _without_nul(value: Any) -> Any:
    """PostgreSQL keeps no NUL in a text; a provider's or caller's oddity must not cost us the event."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]  # pyright: ignore[reportUnknownVariableType] -- any JSON
    if isinstance(value, dict):
        return {_without_nul(name): _without_nul(item) for name, item in value.items()}  # pyright: ignore[reportUnknownVariableType] -- any JSON
    return value
