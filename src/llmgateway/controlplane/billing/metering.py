"""What goes beyond the plan, charged as it is used; and whole cents of what is charged, told to Stripe. As `worker`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.billing import accounts
from llmgateway.controlplane.billing.books import ledger, postings
from llmgateway.controlplane.billing.books.ledger import Account, Coverage, Kind
from llmgateway.controlplane.billing.each import for_each
from llmgateway.controlplane.billing.stripe.desk import Desk, StripeRefused
from llmgateway.controlplane.billing.usage_charges import hour_of
from llmgateway.controlplane.plans.service import Plan, all_plans, period_of
from llmgateway.controlplane.usage.used import used as between
from llmgateway.db.models.billing import BillingAccount, MeterReport
from llmgateway.db.models.ledger import LedgerEntry, LedgerPosting
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import new_id

log = structlog.get_logger()


async def used(tx: AsyncSession, org_id: str, period: tuple[datetime, datetime]) -> tuple[int, int]:
    """Requests and tokens that count against the plan in a period, as the limits of the data plane count them.

    Neither answers from the cache nor test traffic, nor requests that failed without a token.
    """
    found = await between(tx, org_id, *period)
    return found.counted_requests, found.counted_tokens


async def overage_charged(tx: AsyncSession, org_id: str, period: tuple[datetime, datetime]) -> tuple[int, int]:
    """What was charged beyond the plan in a period, and in how many parts."""
    nanos, parts = (await tx.execute(_charged(org_id, period))).one()
    return int(nanos), parts


async def overage_due(tx: AsyncSession, org: Organisation, now: datetime) -> tuple[int, int]:
    """What the period's use beyond the plan costs, under the limit that holds, and how much of it is not charged yet."""
    plan, period = all_plans().get(org.plan), period_of(org.period_start, org.period_end, now)
    if plan is None or plan.overage is None or org.overage_limit_nanos is None:
        return 0, 0
    due = plan.overage_nanos(*await used(tx, org.id, period), org.overage_limit_nanos)
    charged, _ = await overage_charged(tx, org.id, period)
    return due, max(0, due - charged)


async def charge_overage(database: Database, clock: Clock) -> int:
    """Charge what organisations that allow it used beyond their plans by now; how many were charged.

    It runs every few minutes: what is used in the last of them before a period ends is not charged.
    """
    plans = {name: plan for name, plan in all_plans().items() if plan.overage is not None}
    async with database.transaction() as tx:
        query = select(Organisation).where(Organisation.plan.in_(plans), Organisation.overage_limit_nanos > 0)
        orgs = (await tx.scalars(query.order_by(Organisation.id))).all()
    return await for_each(orgs, lambda org: _charge(database, clock, org, plans[org.plan]), lambda org: org.id)


async def _charge(database: Database, clock: Clock, org: Organisation, plan: Plan) -> bool:
    now = clock.now()
    period = period_of(org.period_start, org.period_end, now)
    async with database.transaction() as tx:
        await ledger.lock(tx, org.id)
        requests, tokens = await used(tx, org.id, period)
        due = plan.overage_nanos(requests, tokens, org.overage_limit_nanos)
        charged, parts = await overage_charged(tx, org.id, period)
        if due <= charged:
            return False
        covers = Coverage(hour=max(hour_of(now), period[0]), events=requests)
        balances, invoiced = await ledger.balances(tx, org.id), await accounts.is_invoiced(tx, org.id)
        posting = postings.overage_charge(
            due - charged, balances, covers, f"{period[0]:%Y-%m-%dT%H:%M}/{parts + 1}", invoiced=invoiced
        )
        return await ledger.post(tx, clock, org.id, posting)


async def report_usage(database: Database, clock: Clock) -> int:
    """Move whole cents from `usage` to `metered`, and note that Stripe is to be told; how many organisations."""
    async with database.transaction() as tx:
        query = select(BillingAccount).where(
            BillingAccount.status.in_(accounts.INVOICED), BillingAccount.customer_id.is_not(None)
        )
        customers = (await tx.scalars(query.order_by(BillingAccount.org_id))).all()
    return await for_each(customers, lambda one: _report(database, clock, one), lambda one: one.org_id)


async def _report(database: Database, clock: Clock, account: BillingAccount) -> bool:
    async with database.transaction() as tx:
        await ledger.lock(tx, account.org_id)
        now = clock.now()
        identifier = new_id("meter", now)
        posting = postings.metered(identifier, await ledger.balances(tx, account.org_id))
        if posting is None or account.customer_id is None or not await accounts.is_invoiced(tx, account.org_id):
            return False
        await ledger.post(tx, clock, account.org_id, posting)
        cents = posting.entries[Account.METERED] // postings.NANOS_PER_CENT
        tx.add(
            MeterReport(
                id=identifier, org_id=account.org_id, customer_id=account.customer_id, cents=cents, created_at=now
            )
        )
        return True


async def tell(database: Database, clock: Clock, desk: Desk) -> int:
    """Tell Stripe what is noted, each report once; how many. Raises StripeUnavailable: the rest waits, and is told later.

    What Stripe refuses stays noted, and stands in the drift report.
    """
    told = 0
    async with database.transaction() as tx:
        reports = await untold(tx)
    for report in reports:
        try:
            await desk.meter(report.customer_id, report.id, report.cents)
        except StripeRefused as error:
            log.warning("Stripe refused a report of usage", report=report.id, org_id=report.org_id, reason=str(error))
            continue
        async with database.transaction() as tx:
            (await tx.get_one(MeterReport, report.id)).sent_at = clock.now()
        told += 1
    return told


def _charged(org_id: str, period: tuple[datetime, datetime]) -> Select[*tuple[Any, ...]]:
    return (
        select(func.coalesce(-func.sum(LedgerEntry.nanos), 0), func.count())
        .join(LedgerPosting, LedgerPosting.id == LedgerEntry.posting_id)
        .where(
            LedgerPosting.org_id == org_id,
            LedgerPosting.kind == Kind.OVERAGE,
            LedgerEntry.account == Account.REVENUE,
            LedgerPosting.hour >= period[0],
            LedgerPosting.hour < period[1],
        )
    )


async def untold(tx: AsyncSession) -> Sequence[MeterReport]:
    """Reports that Stripe was not told of yet, oldest first."""
    return (await tx.scalars(select(MeterReport).where(MeterReport.sent_at.is_(None)).order_by(MeterReport.id))).all()
