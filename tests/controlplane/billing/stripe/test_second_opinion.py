"""What another Stripe says, made by other hands: as far as it reaches, our side of the API and our webhook understand it too."""

import asyncio
import json
from pathlib import Path

import pytest
import stripe

from llmgateway.controlplane.billing.stripe.api import open_stripe_api
from llmgateway.controlplane.billing.stripe.errors import StripeRefused
from tests.controlplane.api import Json, error_of, open_api
from tests.fakes.emulate.server import Emulated, emulated_stripe
from tests.fakes.stripe.server import KEY, SECRET

pytestmark = pytest.mark.slow


async def _delivered(other: Emulated, kind: str) -> tuple[bytes, str]:
    """The next webhook of this kind."""
    while True:
        body, signature = await asyncio.wait_for(other.deliveries.get(), 30)
        if json.loads(body)["type"] == kind:
            return body, signature


async def _pay(other: Emulated, customer: str, cents: int) -> str:
    """Somebody pays; the payment's id."""
    http = stripe.AIOHTTPClient()
    client = stripe.StripeClient(KEY, base_addresses={"api": other.url}, http_client=http)
    payment = await client.v1.payment_intents.create_async(
        {"amount": cents, "currency": "usd", "customer": customer, "payment_method": "pm_card_visa"}
    )
    await client.v1.payment_intents.confirm_async(payment.id)
    await http.close_async()
    return payment.id


async def test_its_webhooks_are_signed_as_ours_are_read_and_its_gaps_are_told(
    tmp_path: Path, database_url: str
) -> None:
    """Its events have no id and its payments no received amount: both are refused, in words, and stop nothing."""
    async with emulated_stripe(tmp_path) as other, open_stripe_api(KEY, other.url) as stripe_api:
        environment = {"STRIPE_SECRET_KEY": KEY, "STRIPE_WEBHOOK_SECRET": SECRET, "STRIPE_API_BASE": other.url}
        async with open_api(database_url, tmp_path, None, **environment) as api:
            payment = await _pay(other, await stripe_api.customer("org_1", "Acme", "o@a.test"), 2_500)
            body, signature = await _delivered(other, "payment_intent.succeeded")
            said = list[str]()
            for content in (body + b" ", body):
                answer = await api.client().post(
                    "/webhooks/stripe", content=content, headers={"stripe-signature": signature}
                )
                assert answer.status_code == 400
                said.append(error_of(answer)["message"])
            assert said == ["This is not signed with our secret.", "This is no event of Stripe's."]
            with pytest.raises(StripeRefused, match=r"cannot be read.*amount_received"):
                await stripe_api.payment(payment)


async def test_what_it_refuses_is_refused_in_its_own_words(tmp_path: Path) -> None:
    async with emulated_stripe(tmp_path) as other, open_stripe_api(KEY, other.url) as stripe_api:
        with pytest.raises(StripeRefused, match="No such payment_intent: 'pi_none'"):
            await stripe_api.payment("pi_none")
        customer = await stripe_api.customer("org_1", "Acme", "o@a.test")
        body, signature = await _delivered(other, "customer.created")
        stripe.WebhookSignature.verify_header(body.decode(), signature, SECRET)  # pyright: ignore[reportUnknownMemberType] -- `tolerance` has no type there
        about: Json = json.loads(body)["data"]["object"]
        assert (about["id"], about["metadata"]) == (customer, {"org_id": "org_1"})
