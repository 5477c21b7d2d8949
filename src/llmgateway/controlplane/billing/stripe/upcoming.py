"""Previews of invoices, as Stripe works them out with coupons, old prices and taxes."""

from datetime import datetime

import stripe

from llmgateway.controlplane.billing.stripe.errors import translated_errors
from llmgateway.controlplane.billing.stripe.objects import Subscription
from llmgateway.controlplane.billing.stripe.price_list import StripePrices, plan_key
from llmgateway.controlplane.billing.stripe.reading import read_renewal


class Upcoming:
    """Read-only calls; amounts are whole cents of USD: https://docs.stripe.com/api/invoices/create_preview."""

    def __init__(self, client: stripe.StripeClient, price_list: StripePrices) -> None:
        self._v1 = client.v1
        self._price_list = price_list

    async def difference(self, subscription: Subscription, plan: str, as_of: datetime) -> int:
        """What an upgrade charges at once for the rest of the period."""
        price = (await self._price_list.prices([plan_key(plan)]))[plan_key(plan)]
        with translated_errors():
            found = await self._v1.invoices.create_preview_async(
                {
                    "subscription": subscription.id,
                    "subscription_details": {
                        "items": [{"id": subscription.item_id, "price": price}],
                        "proration_behavior": "always_invoice",
                        "proration_date": int(as_of.timestamp()),
                    },
                }
            )
            return max(0, found.amount_due)

    async def renewal(self, subscription: Subscription) -> int:
        """The next invoice without usage, as things stand. A schedule is asked for by itself, and knows what it changes then."""
        if subscription.schedule_id is None:
            return await self._renewal({"subscription": subscription.id})
        return await self._renewal({"schedule": subscription.schedule_id})

    async def renewal_as(self, subscription: Subscription, plan: str) -> int | None:
        """As `renewal`, with another plan from then on; None beside a schedule, which nothing else is asked with."""
        if subscription.schedule_id is not None:
            return None
        price = (await self._price_list.prices([plan_key(plan)]))[plan_key(plan)]
        return await self._renewal(
            {
                "subscription": subscription.id,
                "subscription_details": {
                    "items": [{"id": subscription.item_id, "price": price}],
                    "proration_behavior": "none",
                },
            }
        )

    async def _renewal(self, wish: stripe.params.InvoiceCreatePreviewParams) -> int:
        metered = await self._price_list.metered()
        with translated_errors():
            return read_renewal(await self._v1.invoices.create_preview_async(wish), metered)
