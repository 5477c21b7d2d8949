"""Daily closing lines: what every account held when a UTC day ended, so that no sum is ever over years."""

from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.billing.books import ledger
from llmgateway.controlplane.billing.each_organisation import for_each_organisation
from llmgateway.db.models.ledger import LedgerClosing, LedgerEntry
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock
from llmgateway.kit.utc import DAY, begin_of

_SETTLING: Final = timedelta(minutes=5)
"""After midnight: processes may disagree about the time by less than this."""


async def close_days(database: Database, clock: Clock) -> int:
    """Close the day that ended for every organisation that has books, as `worker`; how many were closed.

    A day without a closing line of its own is no loss: sums go back to the last one there is.
    """
    ended = (clock.now() - _SETTLING).date() - timedelta(days=1)
    async with database.transaction() as tx:
        closed = select(LedgerClosing.org_id).where(LedgerClosing.day == ended)
        end = _after(ended)
        query = select(LedgerEntry.org_id).where(LedgerEntry.created_at < end, LedgerEntry.org_id.not_in(closed))
        org_ids = (await tx.scalars(query.distinct().order_by(LedgerEntry.org_id))).all()
    return await for_each_organisation(
        org_ids, lambda org_id: _close_one(database, clock, org_id, ended), lambda org_id: org_id
    )


async def _close_one(database: Database, clock: Clock, org_id: str, day: date) -> bool:
    async with database.transaction() as tx:
        await _close(tx, clock, org_id, day)
    return True


async def _close(tx: AsyncSession, clock: Clock, org_id: str, day: date) -> None:
    await ledger.lock(tx, org_id)
    held = await ledger.sums(tx, org_id, _after(day))
    rows = [
        {"org_id": org_id, "day": day, "account": account, "nanos": nanos, "created_at": clock.now()}
        for account, nanos in held.items()
    ]
    await tx.execute(insert(LedgerClosing).values(rows).on_conflict_do_nothing())


async def wrong_closings(tx: AsyncSession) -> list[str]:
    """Closing lines that are not the sum of the entries before them; none, unless somebody wrote past the walls."""
    end = func.timezone("UTC", LedgerClosing.day + 1)
    summed = (
        select(func.coalesce(func.sum(LedgerEntry.nanos), 0))
        .where(
            LedgerEntry.org_id == LedgerClosing.org_id,
            LedgerEntry.account == LedgerClosing.account,
            LedgerEntry.created_at < end,
        )
        .scalar_subquery()
    )
    query = select(LedgerClosing).where(LedgerClosing.nanos != summed).limit(100)
    return [f"{row.org_id} {row.day} {row.account}: {row.nanos}" for row in (await tx.scalars(query)).all()]


def _after(day: date) -> datetime:
    return begin_of(day) + DAY
