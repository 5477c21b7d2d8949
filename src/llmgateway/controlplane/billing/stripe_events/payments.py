"""Payments, refunds and disputes into the books: each is fetched again, and posted once however often it is named."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from llmgateway.contract.channels import KeyChanged
from llmgateway.controlplane.billing import accounts
from llmgateway.controlplane.billing.books import ledger, postings
from llmgateway.controlplane.billing.books.ledger import PostingKind
from llmgateway.controlplane.billing.books.postings import NANOS_PER_CENT
from llmgateway.controlplane.billing.stripe.api import CREDIT, StripeApi
from llmgateway.controlplane.billing.stripe.errors import check_usd
from llmgateway.controlplane.billing.stripe.objects import Dispute, Payment, Refund
from llmgateway.controlplane.reception.announcing import announce
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock

_TAKEN_BACK: Final = frozenset({"needs_response", "under_review", "lost"})
"""States of a dispute in which the bank has taken the money."""
_GIVEN_BACK: Final = frozenset({"won", "prevented"})


async def take_payment(database: Database, clock: Clock, stripe_api: StripeApi, payment_id: str) -> None:
    """A payment for credit; those of invoices come with their invoice."""
    payment = await stripe_api.payment(payment_id)
    if payment.purpose != CREDIT or payment.status != "succeeded":
        return
    org_id = await _org_of(database, payment, payment.org_id, PostingKind.CREDIT, payment.id)
    if org_id is not None:
        check_usd(payment.id, payment.currency)
        await _write(database, clock, org_id, postings.credit_bought(payment.id, payment.received * NANOS_PER_CENT))


async def take_refund(database: Database, clock: Clock, stripe_api: StripeApi, refund_id: str) -> None:
    """A refund claws credit back, or revenue; one that failed afterwards is undone."""
    await _post_refund(database, clock, stripe_api, await stripe_api.refund(refund_id))


async def take_refunds_of(database: Database, clock: Clock, stripe_api: StripeApi, charge_id: str) -> None:
    """All refunds of a charge of Stripe's."""
    for refund in await stripe_api.refunds_of(charge_id):
        await _post_refund(database, clock, stripe_api, refund)


async def take_dispute(database: Database, clock: Clock, stripe_api: StripeApi, dispute_id: str) -> None:
    """A dispute claws back as a refund does, from its begin; one that is won is undone."""
    dispute: Dispute = await stripe_api.dispute(dispute_id)
    back = _MoneyBack(postings.credit_disputed, postings.invoice_disputed, dispute)
    if dispute.status in _TAKEN_BACK:
        await _take_back(database, clock, stripe_api, back)
    elif dispute.status in _GIVEN_BACK:
        await _undo(database, clock, stripe_api, back)


@dataclass(frozen=True, slots=True)
class _MoneyBack:
    """How money of a payment that goes back is posted: what was paid for credit, and what was paid for an invoice."""

    credit: Callable[[str, int], ledger.Posting]
    invoice: Callable[[str, int], ledger.Posting]
    found: Refund | Dispute

    @property
    def nanos(self) -> int:
        return self.found.amount * NANOS_PER_CENT


async def _post_refund(database: Database, clock: Clock, stripe_api: StripeApi, refund: Refund) -> None:
    back = _MoneyBack(postings.credit_refunded, postings.invoice_refunded, refund)
    if refund.status == "succeeded":
        await _take_back(database, clock, stripe_api, back)
    elif refund.status in {"failed", "canceled"}:
        await _undo(database, clock, stripe_api, back)


async def _take_back(database: Database, clock: Clock, stripe_api: StripeApi, back: _MoneyBack) -> None:
    found = await _paid_by(database, stripe_api, back)
    if found is not None:
        org_id, make = found
        await _write(database, clock, org_id, make(back.found.id, back.nanos))


async def _undo(database: Database, clock: Clock, stripe_api: StripeApi, back: _MoneyBack) -> None:
    """Undo a refund or dispute, if it was ever posted."""
    found = await _paid_by(database, stripe_api, back)
    if found is None:
        return
    org_id, make = found
    async with database.transaction() as tx:
        taken = await ledger.posted(tx, org_id, PostingKind.REFUND, back.found.id)
    if taken:
        await _write(database, clock, org_id, make(f"{back.found.id}/{back.found.status}", -back.nanos))


async def _paid_by(
    database: Database, stripe_api: StripeApi, back: _MoneyBack
) -> tuple[str, Callable[[str, int], ledger.Posting]] | None:
    """Whose payment it was, and how it is posted when it goes back; None for a payment that has nothing to do with us.

    Raises StripeRefused for one that is ours in another currency than USD.
    """
    if back.found.payment_id is None:
        return None
    payment, make = await stripe_api.payment(back.found.payment_id), back.credit
    if payment.purpose == CREDIT:
        org_id = await _org_of(database, payment, payment.org_id, PostingKind.CREDIT, payment.id)
    else:
        invoice_id, make = await stripe_api.settling.invoice_paid_by(payment.id), back.invoice
        if invoice_id is None:
            return None
        named = (await stripe_api.invoice(invoice_id)).org_id
        org_id = await _org_of(database, payment, named, PostingKind.INVOICE, invoice_id)
    if org_id is None:
        return None
    for one in (payment, back.found):
        check_usd(one.id, one.currency)
    return org_id, make


async def _org_of(
    database: Database, payment: Payment, named: str | None, kind: PostingKind, reference: str
) -> str | None:
    async with database.transaction() as tx:
        return await accounts.payer(tx, payment.customer_id, named, kind, reference)


async def _write(database: Database, clock: Clock, org_id: str, posting: ledger.Posting) -> None:
    """Post it, and announce that to the organisation's keys, since credit limits what they may be charged."""
    async with database.transaction() as tx:
        await ledger.lock(tx, org_id)
        if await ledger.post(tx, clock, org_id, posting):
            await announce(tx, KeyChanged(None, org_id))
