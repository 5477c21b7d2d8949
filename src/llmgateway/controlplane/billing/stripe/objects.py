"""Stripe's objects, as far as we need them: subscriptions, invoices, payments, refunds, ...

Page: https://docs.stripe.com/api. Amounts are whole cents of USD, or of the object's `currency` where it has one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

UNKNOWN: Final = "unknown"
"""The `plan` of a subscription none of whose prices belongs to a plan of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A price that is subscribed to, and how many of it; metered ones have no quantity."""

    price_id: str
    quantity: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A customer's subscription, to a plan of ours or to something unknown.

    Page: https://docs.stripe.com/api/subscriptions/object.
    """

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
    """Whether it has the metered price, so that usage is on its invoices; one that was made by hand may lack it."""
    period_start: datetime
    period_end: datetime
    ends_at: datetime | None = None
    """When it ends, if it is cancelled."""
    ended_at: datetime | None = None
    ends_on_date: bool = False
    """Whether it was cancelled for that date (`cancel_at`), as the Portal does, and not for the period's end."""
    discounts: Sequence[str] = ()
    schedule_id: str | None = None
    next_plan: str | None = None

    @property
    def renews(self) -> bool:
        """Whether another period is charged after this one; it may end with a later one, if somebody set that date at Stripe."""
        return self.ends_at is None or self.ends_at > self.period_end


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutPage:
    """A Checkout session that somebody was sent to."""

    id: str
    plan: str | None
    """The plan that it subscribes to; None when it is for credit."""
    cents: int | None
    """The credit that it sells, in cents; None when it is for a plan."""
    url: str | None
    """The address; None once it is paid or expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """An invoice. Page: https://docs.stripe.com/api/invoices/object."""

    id: str
    number: str
    customer_id: str
    currency: str
    status: str
    """`draft`, `open`, `paid`, `uncollectible`, `void`."""
    total: int
    tax: int
    metered: int
    """The part of the total that comes from usage reported by us."""
    paid: int
    paid_elsewhere: int
    """The part of `paid` that was not paid through Stripe."""
    left: int
    """What remains to be paid."""
    org_id: str | None
    """The organisation, by the metadata of its subscription; None without."""
    created: datetime
    period_start: datetime
    period_end: datetime
    page: str | None
    pdf: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNote:
    """A credit note: takes back a part of a final invoice. Page: https://docs.stripe.com/invoicing/credit-notes."""

    id: str
    number: str
    invoice_id: str
    currency: str
    status: str
    """`issued` or `void`."""
    unpaid: int
    """By how much the amount owed is less."""
    elsewhere: int
    """What was given back outside of Stripe."""
    tax: int
    """The part of it that is tax."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceMove:
    """A change of the balance that Stripe applies to a customer's next invoices; less than 0 is in the customer's favour."""

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
    """A payment (PaymentIntent)."""

    id: str
    customer_id: str | None
    currency: str
    status: str
    received: int
    purpose: str | None
    """`credit`, or None for an invoice's."""
    org_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund of a payment."""

    id: str
    currency: str
    status: str
    amount: int
    payment_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A payment that the card's holder disputes: the bank takes the money at once, and returns it when the dispute is won."""

    id: str
    currency: str
    status: str
    """`needs_response`, `under_review`, `won`, `lost`; `warning_...` while it is only asked about."""
    amount: int
    payment_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event of Stripe's: something happened to an object."""

    id: str
    type: str
    object_id: str
    customer_id: str | None
    created: datetime
