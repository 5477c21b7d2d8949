"""Charges use beyond the plan as it happens, and reports what was charged to Stripe in whole cents. Runs as `worker`."""

from collections.abc import Sequence
from datetime import timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.channels import KeyChanged
from llmgateway.controlplane.billing import accounts
from llmgateway.controlplane.billing.books import ledger, postings
from llmgateway.controlplane.billing.books.ledger import Account, Coverage
from llmgateway.controlplane.billing.charges import overage, overage_terms
from llmgateway.controlplane.billing.charges.overage_terms import PeriodTerms
from llmgateway.controlplane.billing.each_organisation import for_each_organisation
from llmgateway.controlplane.billing.stripe.api import StripeApi
from llmgateway.controlplane.billing.stripe.errors import StripeRefused
from llmgateway.controlplane.reception.announcing import announce
from llmgateway.db.models.billing import BillingAccount, MeterReport
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import new_id
from llmgateway.kit.utc import hour_of

log = structlog.get_logger()


async def charge_overage(database: Database, clock: Clock) -> int:
    """Charge what organisations that allow it used beyond their plans by now, each period by its own terms; how many charges.

    Also what came late, for weeks after a period's end.
    """
    async with database.transaction() as tx:
        org_ids = sorted(await tx.scalars(overage_terms.charged_since(clock.now() - overage.LATE)))
    return await for_each_organisation(
        org_ids, lambda org_id: _charge_org(database, clock, org_id), lambda org_id: org_id
    )


async def _charge_org(database: Database, clock: Clock, org_id: str) -> int:
    now = clock.now()
    async with database.transaction() as tx:
        await ledger.lock(tx, org_id)
        org = await tx.get(Organisation, org_id)
        if org is None:
            return 0
        if await overage.renew(tx, org, now):
            await announce(tx, KeyChanged(None, org_id))
        return sum(
            [await _charge(tx, clock, terms) for terms in await overage_terms.kept(tx, org_id, now - overage.LATE)]
        )


async def _charge(tx: AsyncSession, clock: Clock, kept: PeriodTerms) -> bool:
    terms = await overage.exact(tx, kept)
    due, (charged, parts) = await overage.due(tx, terms), await overage.charged(tx, terms)
    if due <= charged:
        return False
    requests, _ = await overage.used(tx, terms.org_id, terms.period)
    begin, end = terms.period
    last = min(clock.now(), end - timedelta.resolution)
    covers = Coverage(hour=max(hour_of(last), begin), events=requests)
    balances, invoiced = await ledger.balances(tx, terms.org_id), await accounts.is_invoiced(tx, terms.org_id)
    reference = f"{terms.reference}{parts + 1}"
    posting = postings.overage_charge(due - charged, balances, covers, reference, invoiced=invoiced)
    return await ledger.post(tx, clock, terms.org_id, posting)


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
