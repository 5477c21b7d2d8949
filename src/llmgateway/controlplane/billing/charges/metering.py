"""Reports what was charged to Stripe's meter, in whole cents and each once, for the next invoice. Runs as `worker`."""

from collections.abc import Sequence

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.billing import accounts
from llmgateway.controlplane.billing.books import ledger, postings
from llmgateway.controlplane.billing.books.ledger import Account
from llmgateway.controlplane.billing.each_organisation import for_each_organisation
from llmgateway.controlplane.billing.stripe.api import StripeApi
from llmgateway.controlplane.billing.stripe.errors import StripeRefused
from llmgateway.db.models.billing import BillingAccount, MeterReport
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import new_id

log = structlog.get_logger()


async def report_usage(database: Database, clock: Clock) -> int:
    """Move whole cents from `usage` to `metered` and queue reports for Stripe. Returns for how many organisations."""
    async with database.transaction() as tx:
        query = select(BillingAccount).where(
            BillingAccount.status.in_(accounts.INVOICED), BillingAccount.customer_id.is_not(None)
        )
        customers = (await tx.scalars(query.order_by(BillingAccount.org_id))).all()
    return await for_each_organisation(customers, lambda one: _report(database, clock, one), lambda one: one.org_id)


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


async def send_reports(database: Database, clock: Clock, stripe_api: StripeApi) -> int:
    """Send the queued reports of usage to Stripe, each once. Returns how many. Raises StripeUnavailable; the rest is sent later.

    A report that Stripe refuses stays queued, and is listed in the drift report.
    """
    told = 0
    async with database.transaction() as tx:
        reports = await unsent(tx)
    for report in reports:
        try:
            await stripe_api.meter(report.customer_id, report.id, report.cents)
        except StripeRefused as error:
            log.warning("Stripe refused a report of usage", report=report.id, org_id=report.org_id, reason=str(error))
            continue
        async with database.transaction() as tx:
            (await tx.get_one(MeterReport, report.id)).sent_at = clock.now()
        told += 1
    return told


async def unsent(tx: AsyncSession) -> Sequence[MeterReport]:
    """Reports that were not sent to Stripe yet, oldest first."""
    return (await tx.scalars(select(MeterReport).where(MeterReport.sent_at.is_(None)).order_by(MeterReport.id))).all()
