"""Money as Stripe reports it, into the books: each paper is fetched again, and posted once however often it is named."""

from collections.abc import Sequence
from typing import Final

from llmgateway.contract.channels import KeyChanged
from llmgateway.controlplane.billing import accounts, ledger, postings
from llmgateway.controlplane.billing.desk import CREDIT, Desk
from llmgateway.controlplane.billing.ledger import Kind
from llmgateway.controlplane.billing.papers import Invoice, Payment, Refund
from llmgateway.controlplane.billing.postings import NANOS_PER_CENT
from llmgateway.controlplane.reception.announcing import announce
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock

_FINAL: Final = frozenset({"open", "paid", "uncollectible", "void"})
_GIVEN_UP: Final = frozenset({"uncollectible", "void"})


async def take_invoice(database: Database, clock: Clock, desk: Desk, invoice_id: str) -> None:
    """An invoice, once it is final; and its payment, or that it never comes."""
    invoice = await desk.invoice(invoice_id)
    if invoice.status not in _FINAL:
        return
    async with database.transaction() as tx:
        account = await accounts.account_of_customer(tx, invoice.customer_id)
        if account is None:
            return
        await ledger.lock(tx, account.org_id)
        for posting in _of_invoice(invoice, await ledger.balances(tx, account.org_id)):
            await ledger.post(tx, clock, account.org_id, posting)


def _of_invoice(invoice: Invoice, balances: dict[ledger.Account, int]) -> Sequence[ledger.Posting]:
    total, paid = invoice.total * NANOS_PER_CENT, invoice.paid * NANOS_PER_CENT
    found = [
        postings.invoiced(
            invoice.id,
            invoice.number,
            balances,
            total=total,
            usage=invoice.metered * NANOS_PER_CENT,
            tax=invoice.tax * NANOS_PER_CENT,
        )
    ]
    if paid:
        found.append(postings.paid(invoice.id, invoice.number, paid))
    if invoice.status in _GIVEN_UP and total > paid:
        found.append(postings.lost(invoice.id, invoice.number, total - paid))
    return found


async def take_payment(database: Database, clock: Clock, desk: Desk, payment_id: str) -> None:
    """A payment for credit; those of invoices come with their invoice."""
    payment = await desk.payment(payment_id)
    if payment.purpose != CREDIT or payment.status != "succeeded":
        return
    org_id = await _org_of(database, payment)
    if org_id is not None:
        await _write(database, clock, org_id, postings.credit_bought(payment.id, payment.received * NANOS_PER_CENT))


async def take_refund(database: Database, clock: Clock, desk: Desk, refund: Refund) -> None:
    """A refund claws credit back, or revenue; one that failed afterwards is undone."""
    if refund.payment_id is None or refund.status not in {"succeeded", "failed", "canceled"}:
        return
    payment = await desk.payment(refund.payment_id)
    org_id = await _org_of(database, payment)
    if org_id is None:
        return
    nanos = refund.amount * NANOS_PER_CENT
    make = postings.credit_refunded if payment.purpose == CREDIT else postings.invoice_refunded
    if refund.status == "succeeded":
        await _write(database, clock, org_id, make(refund.id, nanos))
        return
    async with database.transaction() as tx:
        undone = await ledger.posted(tx, org_id, Kind.REFUND, refund.id)
    if undone:
        await _write(database, clock, org_id, make(f"{refund.id}/{refund.status}", -nanos))


async def _org_of(database: Database, payment: Payment) -> str | None:
    """Whose it is: by its customer, who is one of ours or nobody's."""
    if payment.customer_id is None:
        return None
    async with database.transaction() as tx:
        account = await accounts.account_of_customer(tx, payment.customer_id)
    return None if account is None else account.org_id


async def _write(database: Database, clock: Clock, org_id: str, posting: ledger.Posting) -> None:
    """And tell the organisation's keys, which may be charged as much as its credit pays for."""
    async with database.transaction() as tx:
        await ledger.lock(tx, org_id)
        if await ledger.post(tx, clock, org_id, posting):
            await announce(tx, KeyChanged(None, org_id))
