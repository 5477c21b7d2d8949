"""Builds the postings for everything that happens to money. Pure; amounts are nano-dollars."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from llmgateway.controlplane.billing.books.ledger import Account, Coverage, Posting, PostingKind

NANOS_PER_CENT: Final = 10_000_000


def usage_charge(
    amount: int, balances: Mapping[Account, int], covers: Coverage, part: int, *, invoiced: bool
) -> Posting:
    """An hour's charges, or what they changed by since they were last posted (`part` counts these).

    Credit is used first. What is left goes on the invoice where there is one, else it is debt; a correction downwards
    goes back the same way.
    """
    return _charge(PostingKind.USAGE, f"{covers.hour:%Y-%m-%dT%H}/{part}", amount, balances, covers, invoiced=invoiced)


def overage_charge(
    amount: int, balances: Mapping[Account, int], covers: Coverage, reference: str, *, invoiced: bool
) -> Posting:
    """What was used beyond the plan since the last such charge; as usage_charge. The reference is of period and part."""
    return _charge(PostingKind.OVERAGE, reference, amount, balances, covers, invoiced=invoiced)


def credit_bought(payment: str, nanos: int) -> Posting:
    """Credit was paid in advance."""
    return Posting(
        kind=PostingKind.CREDIT,
        reference=payment,
        description="Credit bought",
        entries={Account.STRIPE: nanos, Account.CREDIT: -nanos},
    )


def credit_granted(reference: str, nanos: int, note: str) -> Posting:
    """An operator gives credit, or takes it back with less than 0 nanos."""
    return Posting(
        kind=PostingKind.GRANT,
        reference=reference,
        description=f"Credit {'given' if nanos > 0 else 'taken back'}: {note}",
        entries={Account.GRANTED: nanos, Account.CREDIT: -nanos},
    )


def credit_refunded(refund: str, nanos: int) -> Posting:
    """Credit goes back to the card; what was spent of it is debt. Less than 0 nanos undo it."""
    return Posting(
        kind=PostingKind.REFUND,
        reference=refund,
        description="Credit refunded" if nanos > 0 else "Refund of credit failed, the credit is back",
        entries={Account.CREDIT: nanos, Account.STRIPE: -nanos},
    )


def invoice_refunded(refund: str, nanos: int) -> Posting:
    """A paid invoice goes back to the card, and is no revenue. Less than 0 nanos undo it."""
    return Posting(
        kind=PostingKind.REFUND,
        reference=refund,
        description="Invoice refunded" if nanos > 0 else "Refund of an invoice failed, it is paid",
        entries={Account.REVENUE: nanos, Account.STRIPE: -nanos},
    )


def credit_disputed(dispute: str, nanos: int) -> Posting:
    """The bank took back what was paid for credit. Less than 0 nanos undo it."""
    told = "Credit taken back by a dispute" if nanos > 0 else "Dispute decided, the credit is back"
    return replace(credit_refunded(dispute, nanos), description=told)


def invoice_disputed(dispute: str, nanos: int) -> Posting:
    """The bank took back what was paid for an invoice. Less than 0 nanos undo it."""
    told = "Invoice taken back by a dispute" if nanos > 0 else "Dispute decided, the invoice is paid"
    return replace(invoice_refunded(dispute, nanos), description=told)


def metered(report: str, balances: Mapping[Account, int]) -> Posting | None:
    """Whole cents of charged usage are reported to Stripe; fractions of a cent wait for the next report. None below a cent."""
    usage, waiting = balances[Account.USAGE], balances[Account.ROUNDING]
    nanos = (usage + waiting) // NANOS_PER_CENT * NANOS_PER_CENT
    if nanos <= 0:
        return None
    return Posting(
        kind=PostingKind.METERED,
        reference=report,
        description="Usage reported for the invoice",
        entries={Account.METERED: nanos, Account.ROUNDING: -waiting, Account.USAGE: waiting - nanos},
    )


def invoiced(
    invoice: str, number: str, balances: Mapping[Account, int], *, total: int, usage: int, tax: int
) -> Posting:
    """An invoice of so many nanos, of which `usage` was metered; what is less than a cent is carried on."""
    rest = balances[Account.USAGE] if 0 < balances[Account.USAGE] < NANOS_PER_CENT else 0
    return Posting(
        kind=PostingKind.INVOICE,
        reference=invoice,
        description=f"Invoice {number}",
        entries={
            Account.RECEIVABLE: total,
            Account.METERED: -usage,
            Account.TAX: -tax,
            Account.REVENUE: usage + tax - total,
            Account.ROUNDING: rest,
            Account.USAGE: -rest,
        },
    )


def owed(reference: str, balances: Mapping[Account, int], *, invoiced: bool) -> Posting:
    """What no invoice will take is debt; and what an invoice took that was debt already, or twice, goes back to credit.

    With invoices to come, what waits for them stays where it is.
    """
    waiting = {account: balances[account] for account in (Account.USAGE, Account.ROUNDING, Account.METERED)}
    moved = {Account.METERED: min(0, balances[Account.METERED])} if invoiced else waiting
    nanos = sum(moved.values())
    return Posting(
        kind=PostingKind.DEBT,
        reference=reference,
        description="Usage that no invoice takes" if nanos > 0 else "Usage of an invoice that was paid or owed before",
        entries={Account.CREDIT: nanos, **{account: -held for account, held in moved.items()}},
    )


def paid(reference: str, number: str, nanos: int, *, elsewhere: int = 0) -> Posting:
    """An invoice was paid, or a part of it, some of that past Stripe.

    The reference is its id, with `/` and more behind it from the second part on.
    """
    return Posting(
        kind=PostingKind.PAYMENT,
        reference=reference,
        description=f"Invoice {number} paid",
        entries={Account.STRIPE: nanos - elsewhere, Account.GRANTED: elsewhere, Account.RECEIVABLE: -nanos},
    )


def balance_on_invoice(reference: str, nanos: int) -> Posting:
    """What Stripe holds for invoices to come went off one, came on top of one, or came of one. As `paid`."""
    return Posting(
        kind=PostingKind.BALANCE,
        reference=reference,
        description="Balance at Stripe and an invoice settled",
        entries={Account.BALANCE: nanos, Account.RECEIVABLE: -nanos},
    )


def balance_given(reference: str, nanos: int) -> Posting:
    """An operator gave credit for invoices to come, or took it, in Stripe's dashboard. Less than 0 nanos are given."""
    return Posting(
        kind=PostingKind.BALANCE,
        reference=reference,
        description=f"Balance at Stripe {'given' if nanos < 0 else 'taken back'}",
        entries={Account.BALANCE: nanos, Account.GRANTED: -nanos},
    )


def balance_paid(reference: str, nanos: int) -> Posting:
    """Money came in that is for invoices to come. Less than 0 nanos are paid."""
    return Posting(
        kind=PostingKind.BALANCE,
        reference=reference,
        description="Paid into the balance at Stripe" if nanos < 0 else "Paid back from the balance at Stripe",
        entries={Account.BALANCE: nanos, Account.STRIPE: -nanos},
    )


def balance_refunded(reference: str, nanos: int) -> Posting:
    """A paid invoice goes back to the balance, by a credit note, and is no revenue. Less than 0 nanos go back."""
    return Posting(
        kind=PostingKind.REFUND,
        reference=reference,
        description="Invoice refunded to the balance at Stripe",
        entries={Account.BALANCE: nanos, Account.REVENUE: -nanos},
    )


def credit_note(reference: str, number: str, *, unpaid: int, elsewhere: int, tax: int, void: bool = False) -> Posting:
    """A credit note: so much less is owed, so much was given back past Stripe, and of all it takes back so much is tax.

    What it gives back by Stripe is posted as that is: as a refund, or to the balance.
    """
    sign = -1 if void else 1
    return Posting(
        kind=PostingKind.REFUND,
        reference=f"{reference}/void" if void else reference,
        description=f"Credit note {number}{' voided' if void else ''}",
        entries={
            Account.REVENUE: sign * (unpaid + elsewhere - tax),
            Account.TAX: sign * tax,
            Account.RECEIVABLE: -sign * unpaid,
            Account.GRANTED: -sign * elsewhere,
        },
    )


def lost(reference: str, number: str, nanos: int) -> Posting:
    """An invoice will never be paid: it was given up. Less than 0 nanos: it was paid or voided after all. As `paid`."""
    return Posting(
        kind=PostingKind.LOSS,
        reference=reference,
        description=f"Invoice {number} {'given up' if nanos > 0 else 'is not given up'}",
        entries={Account.LOSSES: nanos, Account.RECEIVABLE: -nanos},
    )


def voided(reference: str, number: str, nanos: int, *, tax: int) -> Posting:
    """What is owed of an invoice is taken back, tax and all: nobody earned it, nobody lost it. As `paid`."""
    return Posting(
        kind=PostingKind.VOID,
        reference=reference,
        description=f"Invoice {number} voided",
        entries={Account.REVENUE: nanos - tax, Account.TAX: tax, Account.RECEIVABLE: -nanos},
    )


def _charge(
    kind: PostingKind, reference: str, amount: int, balances: Mapping[Account, int], covers: Coverage, *, invoiced: bool
) -> Posting:
    prepaid = max(0, -balances[Account.CREDIT])
    by_credit = min(amount, prepaid) if invoiced else amount
    if invoiced and amount < 0:
        by_credit = 0
    return Posting(
        kind=kind,
        reference=reference,
        description=f"{'Usage' if kind is PostingKind.USAGE else 'Overage'} of {covers.hour:%Y-%m-%d %H}:00 UTC",
        entries={Account.CREDIT: by_credit, Account.USAGE: amount - by_credit, Account.REVENUE: -amount},
        covers=covers,
    )
