"""Charges of usage: from events to postings, an organisation and hour at a time, as often as it takes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.billing.accounts import is_invoiced
from llmgateway.controlplane.billing.books import ledger, postings
from llmgateway.controlplane.billing.books.ledger import Account, Coverage, PostingKind
from llmgateway.controlplane.billing.charges.overage import LATE
from llmgateway.controlplane.billing.each_organisation import for_each_organisation
from llmgateway.controlplane.usage.exact_sums import exact_sums
from llmgateway.db.models.ledger import LedgerEntry, LedgerPosting
from llmgateway.db.models.usage_events import UsageRow
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock
from llmgateway.kit.utc import HOUR, hour_of

_SETTLING: Final = timedelta(minutes=5)
"""After an hour's end, for what is on its way; what comes later is posted as a change."""
RECENT: Final = timedelta(hours=3)
ALL_THAT_MAY_CHANGE: Final = LATE
"""A data process that was cut off ships what its journal holds; nothing is expected after this."""


async def post_usage(database: Database, clock: Clock, back: timedelta) -> int:
    """Post every hour of so far back that is not posted as its events are, as `worker`; how many were posted."""
    until = first_running(clock.now())
    async with database.transaction() as tx:
        hours = await _differing(tx, until - back, until)
    return await for_each_organisation(hours, lambda one: _post(database, clock, *one), lambda one: one[0])


async def not_posted(tx: AsyncSession, org_id: str, now: datetime) -> int:
    """What was charged since the last hour that is posted, in nanos."""
    return (await exact_sums(tx, org_id, first_running(now), hour_of(now) + HOUR)).charge


async def post_hour(tx: AsyncSession, clock: Clock, org_id: str, hour: datetime) -> bool:
    """Post what an organisation's hour is charged beyond what is posted for it, after `ledger.lock`; False for nothing."""
    covers, due = await _due(tx, org_id, hour)
    already, parts = await _already(tx, org_id, hour)
    if already == due:
        return False
    balances, invoiced = await ledger.balances(tx, org_id), await is_invoiced(tx, org_id)
    posting = postings.usage_charge(due - already, balances, covers, parts + 1, invoiced=invoiced)
    return await ledger.post(tx, clock, org_id, posting)


def first_running(now: datetime) -> datetime:
    """The first hour that is not posted yet: it runs, or something of it is on its way."""
    return hour_of(now - _SETTLING)


async def _post(database: Database, clock: Clock, org_id: str, hour: datetime) -> bool:
    """In a transaction of its own, so that one organisation's trouble is not another's."""
    async with database.transaction() as tx:
        await ledger.lock(tx, org_id)
        return await post_hour(tx, clock, org_id, hour)


async def _due(tx: AsyncSession, org_id: str, hour: datetime) -> tuple[Coverage, int]:
    """The events of an hour that are charged, and what they sum to in nanos, as they stand now."""
    is_charged = UsageRow.charge_nanos.is_not(None)
    query = select(
        func.coalesce(func.sum(UsageRow.charge_nanos), 0),
        func.count(UsageRow.charge_nanos),
        func.min(UsageRow.id).filter(is_charged),
        func.max(UsageRow.id).filter(is_charged),
    ).where(UsageRow.org_id == org_id, UsageRow.created_at >= hour, UsageRow.created_at < hour + HOUR)
    due, events, first, last = (await tx.execute(query)).one()
    return Coverage(hour=hour, events=events, first_event=first, last_event=last), int(due or 0)


async def _already(tx: AsyncSession, org_id: str, hour: datetime) -> tuple[int, int]:
    """What was posted for an hour, and in how many parts."""
    query = _revenue().where(LedgerPosting.org_id == org_id, LedgerPosting.hour == hour)
    nanos, parts = (await tx.execute(query)).one()
    return int(nanos), parts


def _revenue() -> Select[*tuple[Any, ...]]:
    return (
        select(func.coalesce(-func.sum(LedgerEntry.nanos), 0), func.count())
        .join(LedgerPosting, LedgerPosting.id == LedgerEntry.posting_id)
        .where(LedgerPosting.kind == PostingKind.USAGE, LedgerEntry.account == Account.REVENUE)
    )


async def _differing(tx: AsyncSession, since: datetime, until: datetime) -> Sequence[tuple[str, datetime]]:
    """Also hours that were charged and have nothing to charge any more: what a request cost is nobody's to know."""
    hour = func.date_trunc("hour", UsageRow.created_at, "UTC").label("hour")
    events = (
        select(UsageRow.org_id, hour, func.coalesce(func.sum(UsageRow.charge_nanos), 0).label("due"))
        .where(UsageRow.created_at >= since, UsageRow.created_at < until)
        .group_by(UsageRow.org_id, hour)
        .subquery()
    )
    books = (
        select(LedgerPosting.org_id, LedgerPosting.hour, (-func.sum(LedgerEntry.nanos)).label("posted"))
        .join(LedgerEntry, LedgerEntry.posting_id == LedgerPosting.id)
        .where(
            LedgerPosting.kind == PostingKind.USAGE,
            LedgerEntry.account == Account.REVENUE,
            LedgerPosting.hour >= since,
            LedgerPosting.hour < until,
        )
        .group_by(LedgerPosting.org_id, LedgerPosting.hour)
        .subquery()
    )
    same = (events.c.org_id == books.c.org_id) & (events.c.hour == books.c.hour)
    query = (
        select(events.c.org_id, events.c.hour)
        .outerjoin(books, same)
        .where(events.c.due != func.coalesce(books.c.posted, 0))
        .order_by(events.c.hour, events.c.org_id)
    )
    return [(org_id, hour) for org_id, hour in (await tx.execute(query)).all()]
