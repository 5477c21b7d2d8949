"""Stripe's desk: every question we ask and every wish we have, in our words; with its rooms the only place that speaks to Stripe.

It follows https://docs.stripe.com/api. Amounts are whole cents of USD. Writes carry idempotency keys: those that make
something have one of ours, so that it is made once; those that only say what shall be have the package's own, one for all
tries of a call, since under one of ours what was undone meanwhile would be answered and not done. All of it raises StripeUnavailable, or StripeRefused where asking again cannot help.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import stripe

from llmgateway.controlplane.billing.stripe.asking import PAGE, every, once, told
from llmgateway.controlplane.billing.stripe.papers import (
    CheckoutPage,
    Dispute,
    Event,
    Invoice,
    InvoicePage,
    Payment,
    Refund,
    Subscription,
)
from llmgateway.controlplane.billing.stripe.price_list import METER_EVENT, PriceList, plan_key
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
from llmgateway.controlplane.billing.stripe.settling import Settling
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
async def open_desk(api_key: str, base: str | None) -> AsyncGenerator["Desk"]:
    """`base` is another Stripe, for tests."""
    http = stripe.AIOHTTPClient(timeout=_SECONDS)
    client = stripe.StripeClient(
        api_key,
        base_addresses={} if base is None else {"api": base.rstrip("/"), "meter_events": base.rstrip("/")},
        http_client=http,
        max_network_retries=_RETRIES,
    )
    try:
        yield Desk(client)
    finally:
        await http.close_async()


class Desk:
    """Over one account of Stripe's."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._v1 = client.v1
        self.price_list = PriceList(client)
        self.settling = Settling(client)
        self.upcoming = Upcoming(client, self.price_list)

    async def customer(self, org_id: str, name: str, email: str, instead: str | None = None) -> str:
        """The organisation's customer: made once, whoever asks and however often; `instead` of one that is gone."""
        with told():
            made = await once(
                f"customer-{org_id}-{instead or 'first'}",
                lambda options: self._v1.customers.create_async({"metadata": {"org_id": org_id}}, options),
            )
            await self._v1.customers.update_async(made.id, {"name": name, "email": email})
        return made.id

    async def knows(self, customer: str) -> bool:
        """Whether there is such a customer: not one that was deleted, or is of another account or of test mode."""
        with told():
            try:
                return not await self._is_deleted(customer)
            except stripe.InvalidRequestError as error:
                if error.code == "resource_missing":
                    return False
                raise

    async def deleted(self, customer: str) -> bool:
        """Whether it was. Raises StripeRefused for one of another account or of test mode."""
        with told():
            return await self._is_deleted(customer)

    async def _is_deleted(self, customer: str) -> bool:
        return bool(getattr(await self._v1.customers.retrieve_async(customer), "deleted", False))

    async def checkout_plan(self, customer: str, org_id: str, plan: str, urls: ReturnUrls, key: str) -> str:
        """The address of a page that subscribes to a plan, and to what is metered beside it."""
        prices = await self.price_list.prices([plan_key(plan), METER_EVENT])
        with told():
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
        """The address of a page that pays for credit, once."""
        with told():
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
        """The pages of Checkout that a customer was sent to, newest first."""
        with told():
            found = await self._v1.checkout.sessions.list_async({"customer": customer, "limit": PAGE})
            return [read_page(entry) for entry in await every(found)]

    async def close_page(self, page: str) -> None:
        """Nobody can pay on it any more: https://docs.stripe.com/api/checkout/sessions/expire."""
        with told():
            await self._v1.checkout.sessions.expire_async(page)

    async def portal(self, customer: str, back: str) -> str:
        """The address of the page where a customer keeps cards, addresses and invoices."""
        with told():
            session = await self._v1.billing_portal.sessions.create_async({"customer": customer, "return_url": back})
        return session.url

    async def upgrade(self, subscription: Subscription, plan: str, as_of: datetime) -> str | None:
        """At once, if the difference for the rest of the period is paid; else the page where it can be, until when nothing holds.

        See https://docs.stripe.com/billing/subscriptions/pending-updates. What was planned for the period's end is off.
        """
        price = (await self.price_list.prices([plan_key(plan)]))[plan_key(plan)]
        with told():
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
        """As it is, at its own price: what was planned for the period's end is off."""
        with told():
            if subscription.schedule_id is not None:
                await self._v1.subscription_schedules.release_async(subscription.schedule_id)
            if subscription.ends_at is not None:
                await self._go_on(subscription)

    async def _go_on(self, subscription: Subscription) -> None:
        """It does not end: taken off as it was set, see https://docs.stripe.com/billing/subscriptions/billing-mode/compare."""
        change: stripe.params.SubscriptionUpdateParams = (
            {"cancel_at": ""} if subscription.ends_on_date else {"cancel_at_period_end": False}
        )
        await self._v1.subscriptions.update_async(subscription.id, change)

    async def downgrade(self, subscription: Subscription, plan: str) -> None:
        """At the period's end, by a schedule that takes the subscription over, its discounts too. What ended it then is off.

        While there is a schedule, that alone says when a subscription ends.
        """
        prices = await self.price_list.prices([plan_key(plan), METER_EVENT])
        with told():
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
        """The schedule that takes it over: a new one, or that of somebody who was faster."""
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
        with told():
            if subscription.schedule_id is not None:
                await self._v1.subscription_schedules.release_async(subscription.schedule_id)
            await self._v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})

    async def end_now(self, subscription: Subscription) -> None:
        """Cancel, with effect at once. What is invoiced stays owed: https://docs.stripe.com/api/subscriptions/cancel."""
        with told():
            if subscription.schedule_id is not None:
                await self._v1.subscription_schedules.release_async(subscription.schedule_id)
            await self._v1.subscriptions.cancel_async(subscription.id)

    async def subscriptions(self, customer: str) -> Sequence[Subscription]:
        """All of a customer's, ended ones too."""
        with told():
            found = await self._v1.subscriptions.list_async(
                {"customer": customer, "status": "all", "limit": PAGE, "expand": ["data.schedule"]}
            )
            return [read for entry in await every(found) if (read := read_subscription(entry)) is not None]

    async def invoice(self, invoice: str) -> Invoice:
        """One invoice, its metered part told apart."""
        metered = await self.price_list.metered()
        with told():
            found = await self._v1.invoices.retrieve_async(invoice)
            lines = await self._v1.invoices.line_items.list_async(invoice, {"limit": PAGE})
            return read_invoice(found, await every(lines), metered)

    async def invoices(self, customer: str, limit: int, after: str | None) -> InvoicePage:
        """A customer's, newest first; none of one that is gone, or was of test mode."""
        wish: stripe.params.InvoiceListParams = {"customer": customer, "limit": limit}
        if after:
            wish["starting_after"] = after
        with told():
            try:
                return read_invoice_page(await self._v1.invoices.list_async(wish))
            except stripe.InvalidRequestError as error:
                if error.code == "resource_missing" and error.param == "customer":
                    return InvoicePage(invoices=(), more=False)
                raise

    async def open_invoice(self, subscription: Subscription) -> Invoice | None:
        """The newest that is not paid: its payment is what brings a subscription back."""
        with told():
            found = await self._v1.invoices.list_async({"subscription": subscription.id, "status": "open", "limit": 1})
            return next(iter(read_invoice_page(found).invoices), None)

    async def payment(self, payment_intent: str) -> Payment:
        """One payment."""
        with told():
            return read_payment(await self._v1.payment_intents.retrieve_async(payment_intent))

    async def refund(self, refund: str) -> Refund:
        """One refund."""
        with told():
            return read_refund(await self._v1.refunds.retrieve_async(refund))

    async def refunds_of(self, charge: str) -> Sequence[Refund]:
        """What was given back of a charge."""
        with told():
            found = await self._v1.refunds.list_async({"charge": charge, "limit": PAGE})
            return [read_refund(entry) for entry in await every(found)]

    async def dispute(self, dispute: str) -> Dispute:
        """One dispute."""
        with told():
            return read_dispute(await self._v1.disputes.retrieve_async(dispute))

    async def meter(self, customer: str, report: str, cents: int) -> None:
        """Tell of whole cents used; the report's id is told once."""
        with told():
            wish: stripe.params.billing.MeterEventCreateParams = {
                "event_name": METER_EVENT,
                "identifier": report,
                "payload": {"stripe_customer_id": customer, "value": str(cents)},
            }
            await once(f"meter-{report}", lambda options: self._v1.billing.meter_events.create_async(wish, options))

    async def events(self, since: datetime) -> Sequence[Event]:
        """What happened since then to things that can be asked for, newest first."""
        created: stripe.params.EventListParamsCreated = {"gte": int(since.timestamp())}
        with told():
            found = await self._v1.events.list_async({"created": created, "limit": PAGE})
            return [read for entry in await every(found) if (read := read_event(entry)) is not None]


def _phase(subscription: Subscription, price: str, meter: str) -> stripe.params.SubscriptionScheduleUpdateParamsPhase:
    """A plan's price, and beside it what there is, with the meter. Without discounts of its own the customer's go on."""
    items = [_line(price, subscription.quantity), *(_line(one.price_id, one.quantity) for one in subscription.beside)]
    if not subscription.metered:
        items.append(_line(meter, None))
    phase: stripe.params.SubscriptionScheduleUpdateParamsPhase = {"items": items}
    if subscription.discounts:
        phase["discounts"] = [{"discount": discount} for discount in subscription.discounts]
    return phase


def _line(price: str, quantity: int | None) -> stripe.params.SubscriptionScheduleUpdateParamsPhaseItem:
    return {"price": price} if quantity is None else {"price": price, "quantity": quantity}
