"""The price list at Stripe: a monthly price for each plan, and the meter for what is used."""

from collections.abc import Mapping, Sequence
from typing import Final

import stripe

from llmgateway.controlplane.billing.stripe.errors import StripeRefused, once, translated_errors

METER_EVENT: Final = "llmgateway_usage"
"""The meter's event, and the lookup key of its price: one cent a unit."""
_MOST: Final = 100


def plan_key(plan: str) -> str:
    """The lookup key of a plan's monthly price."""
    return f"llmgateway_{plan}_monthly"


class StripePrices:
    """Prices by their lookup keys: https://docs.stripe.com/products-prices/manage-prices#lookup-keys."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._v1 = client.v1

    async def prices(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Lookup key -> price. Raises StripeRefused when one is missing."""
        found = await self.known_prices(keys)
        for key in keys:
            if key not in found:
                raise _missing(key)
        return {key: found[key][0] for key in keys}

    async def cents_of(self, plan: str) -> int:
        """What a month of a plan costs who subscribes to it now. Raises StripeRefused when it has no price."""
        known = await self.known_prices([plan_key(plan)])
        if plan_key(plan) not in known:
            raise _missing(plan_key(plan))
        return known[plan_key(plan)][1]

    async def metered(self) -> str:
        """The meter's price, also one that was archived: what is told to it still stands on invoices. Raises StripeRefused."""
        with translated_errors():
            listed = await self._v1.prices.list_async({"lookup_keys": [METER_EVENT], "limit": 1})
            if not listed.data:
                raise _missing(METER_EVENT)
            return listed.data[0].id

    async def known_prices(self, keys: Sequence[str]) -> Mapping[str, tuple[str, int]]:
        """Lookup key -> price and its cents, of those there are."""
        with translated_errors():
            listed = await self._v1.prices.list_async({"lookup_keys": list(keys), "active": True, "limit": _MOST})
        return {entry.lookup_key: (entry.id, entry.unit_amount or 0) for entry in listed.data if entry.lookup_key}

    async def make_plan_price(self, plan: str, name: str, cents: int, older: str | None) -> None:
        """A plan's monthly price; an older one loses its lookup key to it."""
        with translated_errors():
            wish: stripe.params.PriceCreateParams = {
                "currency": "usd",
                "unit_amount": cents,
                "recurring": {"interval": "month"},
                "lookup_key": plan_key(plan),
                "transfer_lookup_key": True,
                "product_data": {"name": name},
                "metadata": {"plan": plan},
            }
            await once(
                f"price-{plan}-{cents}-{older or 'first'}", lambda options: self._v1.prices.create_async(wish, options)
            )

    async def make_meter(self) -> None:
        """The meter for what is used, and its price of one cent a unit."""
        with translated_errors():
            wish: stripe.params.billing.MeterCreateParams = {
                "display_name": "Usage",
                "event_name": METER_EVENT,
                "default_aggregation": {"formula": "sum"},
                "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
                "value_settings": {"event_payload_key": "value"},
            }
            meter = await once("meter", lambda options: self._v1.billing.meters.create_async(wish, options))
            price: stripe.params.PriceCreateParams = {
                "currency": "usd",
                "unit_amount": 1,
                "recurring": {"interval": "month", "usage_type": "metered", "meter": meter.id},
                "lookup_key": METER_EVENT,
                "product_data": {"name": "Usage"},
            }
            await once("meter-price", lambda options: self._v1.prices.create_async(price, options))


def _missing(key: str) -> StripeRefused:
    return StripeRefused(f"Stripe has no price {key}. The operator runs `llmgateway stripe setup` once.")
