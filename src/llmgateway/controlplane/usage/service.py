"""Usage events: stored once however often they come, listed newest first."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.canon.usage import UsageSource
from llmgateway.contract.usage import UsageEvent
from llmgateway.db.models.usage_events import UsageRow

_COLUMNS = [column.name for column in UsageRow.__table__.columns if column.name not in ("id", "created_at")]
_INSERT = text(  # names of our own columns, no value of anybody's
    "INSERT INTO usage_events SELECT * FROM jsonb_populate_recordset(NULL::usage_events, CAST(:events AS jsonb)) "
    "ON CONFLICT (id, created_at) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)
    + f" WHERE usage_events.usage_source = '{UsageSource.ESTIMATED}' AND excluded.usage_source <> '{UsageSource.ESTIMATED}'"
)
"""An estimate gives way to true figures; nothing else is ever replaced."""


async def insert(tx: AsyncSession, events: Sequence[UsageEvent]) -> None:
    """Store events in one statement."""
    await tx.execute(_INSERT, {"events": msgspec.json.encode(events).decode()})


async def listed(tx: AsyncSession, *, request_id: str | None, limit: int) -> Sequence[UsageEvent]:
    """Newest first."""
    query = select(UsageRow).order_by(UsageRow.id.desc()).limit(limit)
    if request_id is not None:
        query = query.where(UsageRow.id == request_id)
    return [_event(row) for row in (await tx.scalars(query)).all()]


async def of_key(tx: AsyncSession, key_id: str, event_id: str) -> UsageEvent | None:
    """One event, only if this key made it."""
    row = await tx.scalar(select(UsageRow).where(UsageRow.id == event_id, UsageRow.key_id == key_id))
    return None if row is None else _event(row)


def _event(row: UsageRow) -> UsageEvent:
    values = {column.name: getattr(row, column.name) for column in UsageRow.__table__.columns}
    return msgspec.convert(values, UsageEvent)
