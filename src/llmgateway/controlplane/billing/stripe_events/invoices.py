"""Invoices into the books, with all that settles them: payments, credit notes, and the balance that Stripe holds for a customer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.billing import accounts
from llmgateway.controlplane.billing.books import ledger, postings
from llmgateway.controlplane.billing.books.ledger import Account, Posting, PostingKind
from llmgateway.controlplane.billing.books.postings import NANOS_PER_CENT
from llmgateway.controlplane.billing.stripe.api import StripeApi
from llmgateway.controlplane.billing.stripe.errors import check_usd
from llmgateway.controlplane.billing.stripe.objects import BalanceMove, CreditNote, Invoice
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock

_FINAL: Final = frozenset({"open", "paid", "uncollectible", "void"})
_PAID_IN: Final = frozenset(
    {
        "checkout_session_subscription_payment",
        "checkout_session_subscription_payment_canceled",
        "unspent_receiver_credit",
    }
)
_OF_INVOICES: Final = frozenset(
    {"applied_to_invoice", "unapplied_from_invoice", "invoice_too_small", "invoice_too_large", "invoice_overpaid"}
)


async def take_invoice(database: Database, clock: Clock, stripe_api: StripeApi, invoice_id: str) -> None:
    """An invoice, once it is final; and how it was settled since, or that it never will be."""
    invoice = await stripe_api.invoice(invoice_id)
    if invoice.status not in _FINAL:
        return
    async with database.transaction() as tx:
        org_id = await accounts.payer(tx, invoice.customer_id, invoice.org_id, PostingKind.INVOICE, invoice.id)
    if org_id is None:
        return
    check_usd(invoice.id, invoice.currency)
    moves = await stripe_api.settling.balance_moves(invoice.customer_id)
    notes = await stripe_api.settling.credit_notes(invoice.id)
    for note in notes:
        check_usd(note.id, note.currency)
    async with database.transaction() as tx:
        await ledger.lock(tx, org_id)
        await _post(tx, clock, org_id, map(_of_move, moves))
        for note in notes:
            await _post_note(tx, clock, org_id, note)
        found = _of_invoice(invoice, await ledger.balances(tx, org_id), await _settled(tx, org_id, invoice.id))
        await _post(tx, clock, org_id, found)
        await accounts.settle(tx, clock, org_id)


async def take_credit_note(database: Database, clock: Clock, stripe_api: StripeApi, credit_note: str) -> None:
    """With the invoice that it is about."""
    await take_invoice(database, clock, stripe_api, (await stripe_api.settling.credit_note(credit_note)).invoice_id)


async def take_balance(database: Database, clock: Clock, stripe_api: StripeApi, customer_id: str) -> None:
    """What Stripe holds for a customer, changed by an invoice or by somebody in its dashboard."""
    async with database.transaction() as tx:
        account = await accounts.account_of_customer(tx, customer_id)
    if account is None:
        return
    moves = await stripe_api.settling.balance_moves(customer_id)
    async with database.transaction() as tx:
        await ledger.lock(tx, account.org_id)
        await _post(tx, clock, account.org_id, map(_of_move, moves))


async def _post(tx: AsyncSession, clock: Clock, org_id: str, found: Iterator[Posting] | Sequence[Posting]) -> None:
    for posting in found:
        await ledger.post(tx, clock, org_id, posting)


async def _post_note(tx: AsyncSession, clock: Clock, org_id: str, note: CreditNote) -> None:
    """What was never posted is not undone."""
    reference = f"{note.invoice_id}/{note.id}"
    void = note.status == "void"
    if void and not await ledger.posted(tx, org_id, PostingKind.REFUND, reference):
        return
    unpaid, elsewhere, tax = (cents * NANOS_PER_CENT for cents in (note.unpaid, note.elsewhere, note.tax))
    posting = postings.credit_note(reference, note.number, unpaid=unpaid, elsewhere=elsewhere, tax=tax, void=void)
    await ledger.post(tx, clock, org_id, posting)


def _of_move(move: BalanceMove) -> Posting:
    """By what it says that it is; what is new to us stands with what operators gave."""
    nanos = move.amount * NANOS_PER_CENT
    reference = move.id if move.invoice_id is None else f"{move.invoice_id}/{move.id}"
    if move.type in _OF_INVOICES:
        return postings.balance_on_invoice(reference, nanos)
    if move.type in _PAID_IN:
        return postings.balance_paid(reference, nanos)
    if move.type == "credit_note":
        return postings.balance_refunded(reference, nanos)
    return postings.balance_given(reference, nanos)


@dataclass(frozen=True, slots=True)
class _Settled:
    """Of an invoice, as the books have it, in nanos."""

    paid: int
    elsewhere: int
    """Of that, past Stripe."""
    otherwise: int
    """By the balance at Stripe and by credit notes."""
    lost: int
    voided: int
    noted_tax: int
    """The tax that credit notes took back."""
    voided_tax: int
    """The tax that the void took back."""


async def _settled(tx: AsyncSession, org_id: str, invoice_id: str) -> _Settled:
    """After everything but payments, losses and the void is posted."""

    async def moved(kind: PostingKind, account: Account) -> int:
        return await ledger.moved(tx, org_id, kind, invoice_id, account)

    otherwise = await moved(PostingKind.BALANCE, Account.RECEIVABLE) + await moved(
        PostingKind.REFUND, Account.RECEIVABLE
    )
    return _Settled(
        paid=-await moved(PostingKind.PAYMENT, Account.RECEIVABLE),
        elsewhere=await moved(PostingKind.PAYMENT, Account.GRANTED),
        otherwise=-otherwise,
        lost=await moved(PostingKind.LOSS, Account.LOSSES),
        voided=-await moved(PostingKind.VOID, Account.RECEIVABLE),
        noted_tax=await moved(PostingKind.REFUND, Account.TAX),
        voided_tax=await moved(PostingKind.VOID, Account.TAX),
    )


def _of_invoice(invoice: Invoice, balances: Mapping[Account, int], before: _Settled) -> Sequence[Posting]:
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
    if paid > before.paid:
        reference = f"{invoice.id}/{invoice.paid}" if before.paid else invoice.id
        elsewhere = invoice.paid_elsewhere * NANOS_PER_CENT - before.elsewhere
        found.append(postings.paid(reference, invoice.number, paid - before.paid, elsewhere=elsewhere))
    left = total - paid - before.otherwise
    lost = left if invoice.status == "uncollectible" and not before.voided else 0  # an older answer is behind a void
    if lost != before.lost:
        reference = f"{invoice.id}/{lost}" if before.lost else invoice.id
        found.append(postings.lost(reference, invoice.number, lost - before.lost))
    if invoice.status == "void" and left != before.voided:
        reference = f"{invoice.id}/{left}" if before.voided else invoice.id
        tax = min(invoice.tax * NANOS_PER_CENT - before.noted_tax, left) - before.voided_tax
        found.append(postings.voided(reference, invoice.number, left - before.voided, tax=tax))
    return found
