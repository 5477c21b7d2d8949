"""Money as Stripe reports it, into the books: each paper is fetched again, and posted once however often it is named."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from llmgateway.contract.channels import KeyChanged
from llmgateway.controlplane.billing import accounts
from llmgateway.controlplane.billing.books import ledger, postings
from llmgateway.controlplane.billing.books.ledger import Account, Kind
from llmgateway.controlplane.billing.books.postings import NANOS_PER_CENT
from llmgateway.controlplane.billing.stripe.desk import CREDIT, Desk
from llmgateway.controlplane.billing.stripe.papers import Dispute, Invoice, Payment, Refund
from llmgateway.controlplane.reception.announcing import announce
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock

_FINAL: Final = frozenset({"open", "paid", "uncollectible", "void"})
_TAKEN_BACK: Final = frozenset({"needs_response", "under_review", "lost"})
"""Of a dispute: the bank has the money."""
_GIVEN_BACK: Final = frozenset({"won", "prevented"})
_GIVEN_UP: Final = frozenset({"uncollectible", "void"})


async def take_invoice(database: Database, clock: Clock, desk: Desk, invoice_id: str) -> None:
    """An invoice, once it is final; and what was paid of it since, or that it never will be."""
    invoice = await desk.invoice(invoice_id)
    if invoice.status not in _FINAL:
        return
    async with database.transaction() as tx:
        account = await accounts.account_of_customer(tx, invoice.customer_id)
        if account is None:
            return
        await ledger.lock(tx, account.org_id)
        org_id = account.org_id
        paid = await ledger.moved(tx, org_id, Kind.PAYMENT, invoice.id, Account.STRIPE)
        lost = await ledger.moved(tx, org_id, Kind.LOSS, invoice.id, Account.LOSSES)
        for posting in _of_invoice(invoice, await ledger.balances(tx, org_id), paid, lost):
            await ledger.post(tx, clock, org_id, posting)
        await accounts.settle(tx, clock, account.org_id)


def _of_invoice(
    invoice: Invoice, balances: dict[Account, int], paid_before: int, lost_before: int
) -> Sequence[ledger.Posting]:
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
    if paid > paid_before:
        reference = f"{invoice.id}/{invoice.paid}" if paid_before else invoice.id
        found.append(postings.paid(reference, invoice.number, paid - paid_before))
    lost = max(0, total - paid) if invoice.status in _GIVEN_UP else 0
    if lost != lost_before:
        reference = f"{invoice.id}/{lost}" if lost_before else invoice.id
        found.append(postings.lost(reference, invoice.number, lost - lost_before))
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
    way = _Way(postings.credit_refunded, postings.invoice_refunded, refund.payment_id)
    nanos = refund.amount * NANOS_PER_CENT
    if refund.status == "succeeded":
        await _take_back(database, clock, desk, way, refund.id, nanos)
    elif refund.status in {"failed", "canceled"}:
        await _undo(database, clock, desk, way, (refund.id, refund.status), nanos)


async def take_dispute(database: Database, clock: Clock, desk: Desk, dispute_id: str) -> None:
    """A dispute claws back as a refund does, from its begin; one that is won is undone."""
    dispute: Dispute = await desk.dispute(dispute_id)
    way = _Way(postings.credit_disputed, postings.invoice_disputed, dispute.payment_id)
    nanos = dispute.amount * NANOS_PER_CENT
    if dispute.status in _TAKEN_BACK:
        await _take_back(database, clock, desk, way, dispute.id, nanos)
    elif dispute.status in _GIVEN_BACK:
        await _undo(database, clock, desk, way, (dispute.id, dispute.status), nanos)


@dataclass(frozen=True, slots=True)
class _Way:
    """How money of a payment goes back: what was paid for credit, and what was paid for an invoice."""

    credit: Callable[[str, int], ledger.Posting]
    invoice: Callable[[str, int], ledger.Posting]
    payment_id: str | None


async def _take_back(database: Database, clock: Clock, desk: Desk, way: _Way, reference: str, nanos: int) -> None:
    found = await _paid_by(database, desk, way)
    if found is not None:
        org_id, make = found
        await _write(database, clock, org_id, make(reference, nanos))


async def _undo(
    database: Database, clock: Clock, desk: Desk, way: _Way, reference: tuple[str, str], nanos: int
) -> None:
    """What was never taken back is not given back."""
    found = await _paid_by(database, desk, way)
    if found is None:
        return
    org_id, make = found
    async with database.transaction() as tx:
        taken = await ledger.posted(tx, org_id, Kind.REFUND, reference[0])
    if taken:
        await _write(database, clock, org_id, make("/".join(reference), -nanos))


async def _paid_by(
    database: Database, desk: Desk, way: _Way
) -> tuple[str, Callable[[str, int], ledger.Posting]] | None:
    """Whose payment it was, and how it goes back; None when it is nobody's of ours."""
    if way.payment_id is None:
        return None
    payment = await desk.payment(way.payment_id)
    org_id = await _org_of(database, payment)
    return None if org_id is None else (org_id, way.credit if payment.purpose == CREDIT else way.invoice)


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
