"""What Stripe tells us, as far as we need it: subscriptions, invoices, payments, refunds. Amounts are cents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

UNKNOWN: Final = "unknown"
"""What a subscription is to, none of whose prices is of a plan of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A price that is subscribed to, and how many of it; metered ones have no quantity."""

    price_id: str
    quantity: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A customer's subscription, to a plan of ours or to something unknown."""

    id: str
    customer_id: str
    status: str
    """`trialing`, `active`, `past_due`, `unpaid`, `paused`, `incomplete`, `incomplete_expired`, `canceled`."""
    created: datetime
    plan: str
    item_id: str
    price_id: str
    quantity: int
    beside: Sequence[Item]
    """All that is subscribed to beside the plan: the meter, and what operators added at Stripe."""
    metered: bool
    """Usage is on its invoices; not so where somebody made it by hand, without the price for that."""
    period_start: datetime
    period_end: datetime
    ends_at: datetime | None = None
    """Cancelled, with effect from then."""
    ended_at: datetime | None = None
    ends_on_date: bool = False
    """It was cancelled by naming that moment, as the Portal does, and not with the end of its period."""
    discounts: Sequence[str] = ()
    schedule_id: str | None = None
    next_plan: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutPage:
    """A page of Checkout that somebody was sent to."""

    id: str
    plan: str | None
    """What it subscribes to; None is credit."""
    cents: int | None
    """How much credit it takes."""
    url: str | None
    """None once it is paid or expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """An invoice."""

    id: str
    number: str
    customer_id: str
    status: str
    """`draft`, `open`, `paid`, `uncollectible`, `void`."""
    total: int
    tax: int
    metered: int
    """The part that was reported by our meter."""
    paid: int
    paid_elsewhere: int
    """Of that, past Stripe."""
    left: int
    """To be paid: what is due, less what was paid."""
    org_id: str | None
    """Whose it is, as its subscription was told when it was made."""
    created: datetime
    period_start: datetime
    period_end: datetime
    page: str | None
    pdf: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNote:
    """What an invoice is less by, after it was final."""

    id: str
    number: str
    invoice_id: str
    status: str
    """`issued` or `void`."""
    unpaid: int
    """So much less is owed."""
    elsewhere: int
    """Given back past Stripe."""
    tax: int
    """The part of it that is tax."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceMove:
    """A change of what Stripe holds for a customer's invoices to come; less than 0 is in the customer's favour."""

    id: str
    type: str
    """https://docs.stripe.com/billing/customer/balance#types."""
    amount: int
    invoice_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicePage:
    """Some of a customer's invoices, newest first."""

    invoices: Sequence[Invoice]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment."""

    id: str
    customer_id: str | None
    status: str
    received: int
    purpose: str | None
    """`credit`, or None for an invoice's."""
    org_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money that goes back."""

    id: str
    status: str
    amount: int
    payment_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A payment that its card's holder denies: the bank takes the money back at once, and gives it back when the dispute is won."""

    id: str
    status: str
    """`needs_response`, `under_review`, `won`, `lost`; `warning_...` while it is only asked about."""
    amount: int
    payment_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A hint that something changed."""

    id: str
    type: str
    object_id: str
    customer_id: str | None
    created: datetime
