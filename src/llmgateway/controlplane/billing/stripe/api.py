"""Every call that we make to Stripe; with the other modules of this folder the only place that speaks to it.

Page: https://docs.stripe.com/api. Amounts are whole cents of USD. Writes carry idempotency keys: those that create an object have
one of ours, so that it is created once. Those that set a state have the package's own, one for all tries of a call: a repeated
key of ours would be answered without being done, though the state was changed meanwhile. Every call raises StripeUnavailable,
or StripeRefused where asking again does not help.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import stripe

from llmgateway.controlplane.billing.stripe.errors import PAGE, every, once, translated_errors
from llmgateway.controlplane.billing.stripe.objects import (
    CheckoutPage,
    Dispute,
    Event,
    Invoice,
    InvoicePage,
    Payment,
    Refund,
    Subscription,
)
from llmgateway.controlplane.billing.stripe.price_list import METER_EVENT, StripePrices, plan_key
from llmgateway.controlplane.billing.stripe.reading import (
    read_dispute,
    read_event,
    read_invoice,
    read_invoice_page,
    read_page,
    read_pay_page,
    read_payment,
    read_refund,
    read_subscription,
)
from llmgateway.controlplane.billing.stripe.settlements import Settlements
from llmgateway.controlplane.billing.stripe.upcoming import Upcoming

CREDIT: Final = "credit"
"""The `purpose` of payments for prepaid credit."""
_SECONDS: Final = 20
_RETRIES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnUrls:
    """Where Stripe sends people after Checkout."""

    success: str
    cancel: str


@asynccontextmanager
async def open_stripe_api(api_key: str, base: str | None) -> AsyncGenerator["StripeApi"]:
    """Open the API of the account that the key belongs to. `base` replaces Stripe's address, for tests."""
    http = stripe.AIOHTTPClient(timeout=_SECONDS)
    client = stripe.StripeClient(
        api_key,
        base_addresses={} if base is None else {"api": base.rstrip("/"), "meter_events": base.rstrip("/")},
        http_client=http,
        max_network_retries=_RETRIES,
    )
    try:
        yield StripeApi(client)
    finally:
        await http.close_async()


class StripeApi:
    """The API of one Stripe account."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._v1 = client.v1
        self.price_list = StripePrices(client)
        self.settling = Settlements(client)
        self.upcoming = Upcoming(client, self.price_list)

    async def customer(self, org_id: str, name: str, email: str, instead: str | None = None) -> str:
        """Create the organisation's customer, once however often it is asked; `instead` is the id of a deleted one that it replaces."""
        with translated_errors():
            made = await once(
                f"customer-{org_id}-{instead or 'first'}",
                lambda options: self._v1.customers.create_async({"metadata": {"org_id": org_id}}, options),
            )
        await self.change_customer(made.id, name, email)
        return made.id

    async def change_customer(self, customer: str, name: str | None, email: str | None) -> None:
        """Change whose name stands on Stripe's invoices and receipts, and where they go; None leaves it.

        An address that is none to Stripe, such as owner@localhost, is left too: it stops neither the name nor a purchase.
        """
        change: stripe.params.CustomerUpdateParams = {}
        if name is not None:
            change["name"] = name
        if email is not None:
            change["email"] = email
        with translated_errors():
            try:
                await self._v1.customers.update_async(customer, change)
            except stripe.InvalidRequestError as error:
                if error.code != "email_invalid":
                    raise
                if name is not None:
                    await self._v1.customers.update_async(customer, {"name": name})

    async def email(self, customer: str) -> str | None:
        """Where a customer's invoices go; None where nothing is said, or the customer was deleted."""
        with translated_errors():
            return getattr(await self._v1.customers.retrieve_async(customer), "email", None)

    async def knows(self, customer: str) -> bool:
        """Whether the account has this customer, and it is not deleted."""
        with translated_errors():
            try:
                return not await self._is_deleted(customer)
            except stripe.InvalidRequestError as error:
                if error.code == "resource_missing":
                    return False
                raise

    async def deleted(self, customer: str) -> bool:
        """Whether the customer was deleted. Raises StripeRefused for one of another account or of test mode."""
        with translated_errors():
            return await self._is_deleted(customer)

    async def _is_deleted(self, customer: str) -> bool:
        return bool(getattr(await self._v1.customers.retrieve_async(customer), "deleted", False))

    async def checkout_plan(self, customer: str, org_id: str, plan: str, urls: ReturnUrls, key: str) -> str:
        """Create a Checkout page that subscribes to a plan and to the metered price. Returns its address."""
        prices = await self.price_list.prices([plan_key(plan), METER_EVENT])
        with translated_errors():
            wish: stripe.params.checkout.SessionCreateParams = {
                "mode": "subscription",
                "customer": customer,
                "client_reference_id": org_id,
                "line_items": [
                    {"price": prices[plan_key(plan)], "quantity": 1},
                    {"price": prices[METER_EVENT]},
                ],
                "subscription_data": {"metadata": {"org_id": org_id}},
                "metadata": {"plan": plan},
                "success_url": urls.success,
                "cancel_url": urls.cancel,
            }
            session = await once(key, lambda options: self._v1.checkout.sessions.create_async(wish, options))
        return session.url or ""

    async def checkout_credit(self, customer: str, org_id: str, cents: int, urls: ReturnUrls, key: str) -> str:
        """Create a Checkout page that pays for credit, once. Returns its address."""
        with translated_errors():
            wish: stripe.params.checkout.SessionCreateParams = {
                "mode": "payment",
                "customer": customer,
                "client_reference_id": org_id,
                "line_items": [
                    {
                        "price_data": {
                            "currency": "usd",
                            "unit_amount": cents,
                            "product_data": {"name": "Prepaid credit"},
                        },
                        "quantity": 1,
                    }
                ],
                "payment_intent_data": {"metadata": {"org_id": org_id, "purpose": CREDIT}},
                "metadata": {"cents": str(cents)},
                "success_url": urls.success,
                "cancel_url": urls.cancel,
            }
            session = await once(key, lambda options: self._v1.checkout.sessions.create_async(wish, options))
        return session.url or ""

    async def pages(self, customer: str) -> Sequence[CheckoutPage]:
        """The Checkout pages of a customer, newest first."""
        with translated_errors():
            found = await self._v1.checkout.sessions.list_async({"customer": customer, "limit": PAGE})
            return [read_page(entry) for entry in await every(found)]

    async def close_page(self, page: str) -> None:
        """Expire a Checkout page, so that nobody can pay on it: https://docs.stripe.com/api/checkout/sessions/expire."""
        with translated_errors():
            await self._v1.checkout.sessions.expire_async(page)

    async def close_pages(self, customer: str) -> None:
        """Expire all open Checkout pages of a customer; one that is gone has none."""
        if not await self.knows(customer):
            return
        with translated_errors():
            found = await self._v1.checkout.sessions.list_async({"customer": customer, "status": "open", "limit": PAGE})
            for page in await every(found):
                await self._v1.checkout.sessions.expire_async(page.id)

    async def portal(self, customer: str, back: str) -> str:
        """The address of the Customer Portal, which leads `back` to the gateway."""
        with translated_errors():
            session = await self._v1.billing_portal.sessions.create_async({"customer": customer, "return_url": back})
        return session.url

    async def upgrade(self, subscription: Subscription, plan: str, as_of: datetime) -> str | None:
        """Change to a dearer plan at once, if the difference is paid. Else returns the page where to pay it; until then nothing changes.

        A change planned for the period's end is cancelled. Page: https://docs.stripe.com/billing/subscriptions/pending-updates.
        """
        price = (await self.price_list.prices([plan_key(plan)]))[plan_key(plan)]
        with translated_errors():
            if subscription.schedule_id is not None:
                await self._v1.subscription_schedules.release_async(subscription.schedule_id)
            changed = await self._v1.subscriptions.update_async(
                subscription.id,
                {
                    "items": [{"id": subscription.item_id, "price": price}],
                    "proration_behavior": "always_invoice",
                    "proration_date": int(as_of.timestamp()),
                    "payment_behavior": "pending_if_incomplete",
                    "expand": ["latest_invoice"],
                },
            )
            if changed.pending_update is not None:
                return read_pay_page(changed)
            if subscription.ends_at is not None:
                # Not together with the above: Stripe takes nothing else beside a change that waits for its payment.
                await self._go_on(subscription)
        return None

    async def keep(self, subscription: Subscription) -> None:
        """Cancel a downgrade or an end that was planned for the period's end."""
        with translated_errors():
            if subscription.schedule_id is not None:
                await self._v1.subscription_schedules.release_async(subscription.schedule_id)
            if subscription.ends_at is not None:
                await self._go_on(subscription)

    async def _go_on(self, subscription: Subscription) -> None:
        """Take back a cancellation, by the field that set it, see https://docs.stripe.com/billing/subscriptions/billing-mode/compare."""
        change: stripe.params.SubscriptionUpdateParams = (
            {"cancel_at": ""} if subscription.ends_on_date else {"cancel_at_period_end": False}
        )
        await self._v1.subscriptions.update_async(subscription.id, change)

    async def downgrade(self, subscription: Subscription, plan: str) -> None:
        """Change to a cheaper plan at the period's end, by a schedule that keeps the discounts. A planned end is cancelled.

        While a subscription has a schedule, only the schedule can end it.
        """
        prices = await self.price_list.prices([plan_key(plan), METER_EVENT])
        with translated_errors():
            if subscription.ends_at is not None and subscription.schedule_id is None:
                await self._go_on(subscription)
            schedule = subscription.schedule_id or await self._scheduled(subscription.id)
            now, then = (
                _phase(subscription, price, prices[METER_EVENT])
                for price in (subscription.price_id, prices[plan_key(plan)])
            )
            now["start_date"] = int(subscription.period_start.timestamp())
            now["end_date"] = int(subscription.period_end.timestamp())
            if subscription.status == "trialing":
                now["trial"] = True  # else the trial ends at once: a phase is what it says, and nothing of what was
            then["metadata"] = {"next_plan": plan}
            await self._v1.subscription_schedules.update_async(
                schedule,
                {
                    "end_behavior": "release",
                    "proration_behavior": "none",
                    "phases": [now, then],
                    "metadata": {"next_plan": plan},
                },
            )

    async def _scheduled(self, subscription: str) -> str:
        """The id of the subscription's schedule: a new one, or one that was made at the same moment."""
        try:
            made = await self._v1.subscription_schedules.create_async({"from_subscription": subscription})
        except stripe.InvalidRequestError:
            found = await self._v1.subscriptions.retrieve_async(subscription)
            if found.schedule is None:
                raise
            return found.schedule if isinstance(found.schedule, str) else found.schedule.id
        return made.id

    async def end_at_period_end(self, subscription: Subscription) -> None:
        """Cancel, with effect from the period's end."""
        with translated_errors():
            if subscription.schedule_id is not None:
                await self._v1.subscription_schedules.release_async(subscription.schedule_id)
            await self._v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})

    async def end_now(self, subscription: Subscription) -> None:
        """Cancel, with effect at once. What is invoiced stays owed: https://docs.stripe.com/api/subscriptions/cancel."""
        with translated_errors():
            if subscription.schedule_id is not None:
                await self._v1.subscription_schedules.release_async(subscription.schedule_id)
            await self._v1.subscriptions.cancel_async(subscription.id)

    async def subscriptions(self, customer: str) -> Sequence[Subscription]:
        """All subscriptions of a customer, also ended ones."""
        with translated_errors():
            found = await self._v1.subscriptions.list_async(
                {"customer": customer, "status": "all", "limit": PAGE, "expand": ["data.schedule"]}
            )
            return [read for entry in await every(found) if (read := read_subscription(entry)) is not None]

    async def invoice(self, invoice: str) -> Invoice:
        """One invoice, with its metered part."""
        metered = await self.price_list.metered()
        with translated_errors():
            found = await self._v1.invoices.retrieve_async(invoice)
            lines = await self._v1.invoices.line_items.list_async(invoice, {"limit": PAGE})
            return read_invoice(found, await every(lines), metered)

    async def invoices(self, customer: str, limit: int, after: str | None) -> InvoicePage:
        """Invoices of a customer, newest first; none of one that is gone, or was of test mode. `after` is the last one's id of the page before."""
        wish: stripe.params.InvoiceListParams = {"customer": customer, "limit": limit}
        if after:
            wish["starting_after"] = after
        with translated_errors():
            try:
                return read_invoice_page(await self._v1.invoices.list_async(wish))
            except stripe.InvalidRequestError as error:
                if error.code == "resource_missing" and error.param == "customer":
                    return InvoicePage(invoices=(), more=False)
                raise

    async def open_invoice(self, subscription: Subscription) -> Invoice | None:
        """The newest unpaid invoice of a subscription, whose payment reactivates it; None without one."""
        with translated_errors():
            found = await self._v1.invoices.list_async({"subscription": subscription.id, "status": "open", "limit": 1})
            return next(iter(read_invoice_page(found).invoices), None)

    async def payment(self, payment_intent: str) -> Payment:
        """One payment."""
        with translated_errors():
            return read_payment(await self._v1.payment_intents.retrieve_async(payment_intent))

    async def refund(self, refund: str) -> Refund:
        """One refund."""
        with translated_errors():
            return read_refund(await self._v1.refunds.retrieve_async(refund))

    async def refunds_of(self, charge: str) -> Sequence[Refund]:
        """The refunds of a charge."""
        with translated_errors():
            found = await self._v1.refunds.list_async({"charge": charge, "limit": PAGE})
            return [read_refund(entry) for entry in await every(found)]

    async def dispute(self, dispute: str) -> Dispute:
        """One dispute."""
        with translated_errors():
            return read_dispute(await self._v1.disputes.retrieve_async(dispute))

    async def meter(self, customer: str, report: str, cents: int) -> None:
        """Report whole cents of usage to the meter; the same report id counts once.

        The meter knows an id for longer than Stripe knows idempotency keys: one that it has was told, and the answer lost.
        """
        wish: stripe.params.billing.MeterEventCreateParams = {
            "event_name": METER_EVENT,
            "identifier": report,
            "payload": {"stripe_customer_id": customer, "value": str(cents)},
        }
        with translated_errors():
            try:
                await once(f"meter-{report}", lambda options: self._v1.billing.meter_events.create_async(wish, options))
            except stripe.InvalidRequestError as error:
                if f"already exists with identifier {report}" not in str(error):
                    raise

    async def events(self, since: datetime) -> Sequence[Event]:
        """Events since then, about objects that can be fetched, newest first."""
        created: stripe.params.EventListParamsCreated = {"gte": int(since.timestamp())}
        with translated_errors():
            found = await self._v1.events.list_async({"created": created, "limit": PAGE})
            return [read for entry in await every(found) if (read := read_event(entry)) is not None]


def _phase(subscription: Subscription, price: str, meter: str) -> stripe.params.SubscriptionScheduleUpdateParamsPhase:
    """A phase of a schedule: a plan's price, what is subscribed to beside it, the meter's price, and the subscription's discounts."""
    items = [_line(price, subscription.quantity), *(_line(one.price_id, one.quantity) for one in subscription.beside)]
    if not subscription.metered:
        items.append(_line(meter, None))
    phase: stripe.params.SubscriptionScheduleUpdateParamsPhase = {"items": items}
    if subscription.discounts:
        phase["discounts"] = [{"discount": discount} for discount in subscription.discounts]
    return phase


def _line(price: str, quantity: int | None) -> stripe.params.SubscriptionScheduleUpdateParamsPhaseItem:
    return {"price": price} if quantity is None else {"price": price, "quantity": quantity}
