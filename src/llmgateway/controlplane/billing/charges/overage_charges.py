"""Charges of use beyond plans, as it happens: what is due by a period's terms and was not charged yet. Runs as `worker`."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.channels import KeyChanged
from llmgateway.controlplane.billing import accounts
from llmgateway.controlplane.billing.books import ledger, postings
from llmgateway.controlplane.billing.books.ledger import Coverage
from llmgateway.controlplane.billing.charges import overage, overage_terms
from llmgateway.controlplane.billing.charges.overage_terms import PeriodTerms
from llmgateway.controlplane.billing.each_organisation import for_each_organisation
from llmgateway.controlplane.reception.announcing import announce
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock
from llmgateway.kit.utc import hour_of


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
