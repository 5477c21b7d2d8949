"""Reads the objects of the `stripe` package into ours. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import stripe

from llmgateway.controlplane.billing.stripe.errors import check_usd
from llmgateway.controlplane.billing.stripe.objects import (
    UNKNOWN,
    BalanceMove,
    CheckoutPage,
    CreditNote,
    Dispute,
    Event,
    Invoice,
    InvoicePage,
    Item,
    Payment,
    Refund,
    Subscription,
)


def read_subscription(found: stripe.Subscription) -> Subscription | None:
    """A price of ours names its plan. None when there is nothing in it."""
    items = found.items.data
    if not items:
        return None
    item = next((one for one in items if _about(one.price.metadata, "plan") is not None), items[0])
    plan = _about(item.price.metadata, "plan") or UNKNOWN
    schedule = found.schedule
    ending = item.current_period_end if found.cancel_at_period_end else found.cancel_at
    return Subscription(
        id=found.id,
        customer_id=_id(found.customer),
        status=found.status,
        created=_moment(found.created),
        plan=plan,
        item_id=item.id,
        price_id=item.price.id,
        quantity=_quantity(item) or 1,
        beside=[Item(price_id=one.price.id, quantity=_quantity(one)) for one in items if one.id != item.id],
        metered=any(one.price.recurring and one.price.recurring.usage_type == "metered" for one in items),
        period_start=_moment(item.current_period_start),
        period_end=_moment(item.current_period_end),
        ends_at=None if ending is None else _moment(ending),
        ended_at=None if found.ended_at is None else _moment(found.ended_at),
        ends_on_date=found.cancel_at is not None and not found.cancel_at_period_end,
        discounts=[_id(discount) for discount in found.discounts],
        schedule_id=None if schedule is None else _id(schedule),
        next_plan=_next_plan(schedule, plan),
    )


def read_pay_page(found: stripe.Subscription) -> str:
    """Where the invoice of a change that waits can be paid."""
    invoice = found.latest_invoice
    return "" if invoice is None or isinstance(invoice, str) else invoice.hosted_invoice_url or ""


def read_page(found: stripe.checkout.Session) -> CheckoutPage:
    """What it is for stands in the metadata that it was made with."""
    cents = _about(found.metadata, "cents")
    return CheckoutPage(
        id=found.id,
        plan=_about(found.metadata, "plan"),
        cents=None if cents is None else int(cents),
        url=found.url if found.status == "open" else None,
    )


def read_invoice(found: stripe.Invoice, lines: Iterable[stripe.InvoiceLineItem], metered_price: str) -> Invoice:
    """With the sum of the lines that our meter made."""
    return _invoice(found, sum(line.amount for line in lines if _is_of(line, metered_price)))


def read_renewal(found: stripe.Invoice, metered_price: str) -> int:
    """What an invoice to come is for without usage, less discounts and with taxes. Raises StripeRefused where it is not in USD."""
    check_usd("The renewal", found.currency)
    return sum(_costs(line) for line in found.lines.data if not _is_of(line, metered_price))


def read_invoice_page(found: stripe.ListObject[stripe.Invoice]) -> InvoicePage:
    """For people to look at: the metered part is not told apart."""
    return InvoicePage(invoices=[_invoice(entry, 0) for entry in found.data], more=found.has_more)


def read_credit_note(found: stripe.CreditNote) -> CreditNote:
    """A credit note."""
    return CreditNote(
        id=found.id,
        number=found.number,
        invoice_id=_id(found.invoice),
        currency=found.currency,
        status=found.status,
        unpaid=found.pre_payment_amount,
        elsewhere=found.out_of_band_amount or 0,
        tax=sum(tax.amount for tax in found.total_taxes or ()),
    )


def read_balance_move(found: stripe.CustomerBalanceTransaction) -> BalanceMove:
    """One in USD."""
    return BalanceMove(
        id=found.id,
        type=found.type,
        amount=found.amount,
        invoice_id=None if found.invoice is None else _id(found.invoice),
    )


def read_payment(found: stripe.PaymentIntent) -> Payment:
    """What it is for stands in the metadata that Checkout was given."""
    return Payment(
        id=found.id,
        customer_id=None if found.customer is None else _id(found.customer),
        currency=found.currency,
        status=found.status,
        received=found.amount_received or 0,
        purpose=_about(found.metadata, "purpose"),
        org_id=_about(found.metadata, "org_id"),
    )


def read_refund(found: stripe.Refund) -> Refund:
    """A refund."""
    payment = found.payment_intent
    return Refund(
        id=found.id,
        currency=found.currency,
        status=found.status or "pending",
        amount=found.amount,
        payment_id=None if payment is None else _id(payment),
    )


def read_dispute(found: stripe.Dispute) -> Dispute:
    """A dispute."""
    payment = found.payment_intent
    return Dispute(
        id=found.id,
        currency=found.currency,
        status=found.status,
        amount=found.amount,
        payment_id=None if payment is None else _id(payment),
    )


def read_event(found: stripe.Event) -> Event | None:
    """From a list of them; as event_of."""
    return event_of(cast("Mapping[str, Any]", found.to_dict()))


def event_of(event: Mapping[str, Any]) -> Event | None:
    """From JSON: whose and what it is about. Raises KeyError, TypeError and AttributeError for what is no event.

    None when that has no id, as a balance or an invoice that is yet to come: there is nothing to ask for.
    """
    about = event["data"]["object"]
    if "id" not in about:
        return None
    customer = about["id"] if about.get("object") == "customer" else about.get("customer")
    return Event(
        id=str(event["id"]),
        type=str(event["type"]),
        object_id=str(about["id"]),
        customer_id=customer if isinstance(customer, str) else None,
        created=_moment(int(event["created"])),
    )


def _invoice(found: stripe.Invoice, metered: int) -> Invoice:
    return Invoice(
        id=found.id,
        number=found.number or found.id,
        customer_id="" if found.customer is None else _id(found.customer),
        currency=found.currency,
        status=found.status or "draft",
        total=found.total,
        tax=sum(tax.amount for tax in found.total_taxes or ()),
        metered=metered,
        paid=found.amount_paid,
        paid_elsewhere=getattr(found, "amount_paid_off_stripe", None) or 0,
        left=found.amount_remaining,
        org_id=_org_id(found),
        created=_moment(found.created),
        period_start=_moment(found.period_start),
        period_end=_moment(found.period_end),
        page=found.hosted_invoice_url,
        pdf=found.invoice_pdf,
    )


def _is_of(line: stripe.InvoiceLineItem, price: str) -> bool:
    details = line.pricing.price_details if line.pricing else None
    return details is not None and _id(details.price) == price


def _costs(line: stripe.InvoiceLineItem) -> int:
    less = sum(discount.amount for discount in line.discount_amounts or ())
    more = sum(tax.amount for tax in line.taxes or () if tax.tax_behavior == "exclusive")
    return line.amount - less + more


def _org_id(found: stripe.Invoice) -> str | None:
    subscribed = found.parent.subscription_details if found.parent else None
    return None if subscribed is None else _about(subscribed.metadata, "org_id")


def _quantity(item: stripe.SubscriptionItem) -> int | None:
    """A metered price has none, not even an empty one."""
    quantity: int | None = getattr(item, "quantity", None)
    return quantity


def _next_plan(schedule: str | stripe.SubscriptionSchedule | None, plan: str) -> str | None:
    if schedule is None or isinstance(schedule, str):
        return None
    planned = _about(schedule.metadata, "next_plan")
    return None if planned == plan else planned


def _about(metadata: object, name: str) -> str | None:
    value = getattr(metadata, name, None)
    return value if isinstance(value, str) else None


def _id(thing: Any) -> str:
    """Of an object, or of a reference to one."""
    return thing if isinstance(thing, str) else str(thing.id)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
