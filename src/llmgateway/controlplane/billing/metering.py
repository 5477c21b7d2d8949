"""What goes beyond the plan, charged as it is used; and whole cents of what is charged, told to Stripe. As `worker`."""

from collections.abc import Sequence

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.billing import accounts, overage
from llmgateway.controlplane.billing.books import ledger, postings
from llmgateway.controlplane.billing.books.ledger import Account, Coverage
from llmgateway.controlplane.billing.each import for_each
from llmgateway.controlplane.billing.stripe.desk import Desk, StripeRefused
from llmgateway.controlplane.billing.usage_charges import hour_of
from llmgateway.controlplane.plans.service import period_of
from llmgateway.db.models.billing import BillingAccount, MeterReport
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import new_id

log = structlog.get_logger()


async def charge_overage(database: Database, clock: Clock) -> int:
    """Charge what organisations that allow it used beyond their plans by now; how many were charged.

    It runs every few minutes: what is used in the last of them before a period ends is not charged.
    """
    async with database.transaction() as tx:
        query = select(Organisation.id).where(Organisation.overage_limit_nanos > 0).order_by(Organisation.id)
        org_ids = (await tx.scalars(query)).all()
    return await for_each(org_ids, lambda org_id: _charge(database, clock, org_id), lambda org_id: org_id)


async def _charge(database: Database, clock: Clock, org_id: str) -> bool:
    now = clock.now()
    async with database.transaction() as tx:
        await ledger.lock(tx, org_id)
        org = await tx.get(Organisation, org_id)
        if org is None:
            return False
        period = period_of(org.period_start, org.period_end, now)
        due = await overage.due(tx, org, period)
        charged, parts = await overage.charged(tx, org_id, period)
        if due <= charged:
            return False
        requests, _ = await overage.used(tx, org_id, period)
        covers = Coverage(hour=max(hour_of(now), period[0]), events=requests)
        balances, invoiced = await ledger.balances(tx, org_id), await accounts.is_invoiced(tx, org_id)
        posting = postings.overage_charge(
            due - charged, balances, covers, f"{period[0]:%Y-%m-%dT%H:%M}/{parts + 1}", invoiced=invoiced
        )
        return await ledger.post(tx, clock, org_id, posting)


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


async def untold(tx: AsyncSession) -> Sequence[MeterReport]:
    """Reports that Stripe was not told of yet, oldest first."""
    return (await tx.scalars(select(MeterReport).where(MeterReport.sent_at.is_(None)).order_by(MeterReport.id))).all()
