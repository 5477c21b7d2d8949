"""Credit that was paid in advance: bought from Stripe, spent on the gateway's credentials, and no more than that."""

import re
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest

from llmgateway.commands.stripe import make_ready
from llmgateway.controlplane.billing.stripe.api import open_stripe_api
from llmgateway.kit.clock import SystemClock
from tests.e2e.beside import beside
from tests.e2e.gateway import Gateway, run_gateway
from tests.e2e.waiting import becomes
from tests.fakes.stripe.server import KEY, SECRET, FakeStripe, fake_stripe

pytestmark = pytest.mark.slow

CONFIG = """
models:
  priced: {targets: [{provider: sandbox, model: chat, price: {input: "1000", output: "1000"}}]}
  mixed: {targets: [{provider: sandbox, model: chat, price: {input: "1000", output: "1000"}}, {provider: sandbox, model: free}]}
"""


@asynccontextmanager
async def _stripe() -> AsyncGenerator[FakeStripe]:
    async with fake_stripe(SystemClock()) as stripe, open_stripe_api(KEY, stripe.url) as stripe_api:
        await make_ready(stripe_api)
        yield stripe


@contextmanager
def _owner(gateway: Gateway) -> Generator[httpx2.Client]:
    """Of a new organisation, which has the plan Free."""
    password = re.search(r"Password\s+(\S+)", gateway.greeting)
    assert password is not None
    with httpx2.Client(base_url=f"{gateway.url}/api/v1") as http:
        given = {"email": "owner@localhost", "password": password[1]}
        http.headers["authorization"] = f"Bearer {http.post('/auth/login', json=given).json()['access_token']}"
        http.base_url = f"{gateway.url}/api/v1/orgs/{http.post('/orgs', json={'name': 'Tenant'}).json()['slug']}"
        yield http


def _asking(gateway: Gateway, key: str, model: str = "priced") -> Callable[[], httpx2.Response]:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 20}
    url, headers = f"{gateway.url}/v1/chat/completions", {"authorization": f"Bearer {key}"}
    return lambda: httpx2.post(url, json=body, headers=headers, timeout=30)


def _bought(gateway: Gateway, stripe: FakeStripe, http: httpx2.Client, usd: str) -> None:
    stripe.account.complete(http.post("/billing/credit", json={"usd": usd}).json()["url"])
    for event in stripe.account.events:
        body, headers = stripe.signed(event)
        posted = httpx2.post(f"{gateway.url}/api/v1/webhooks/stripe", content=body, headers=dict(headers))
        assert posted.status_code == 204, posted.text


def test_credit_is_bought_and_spent_and_what_it_does_not_pay_for_is_refused(tmp_path: Path) -> None:
    with beside(_stripe()) as stripe:
        environment = {"STRIPE_SECRET_KEY": KEY, "STRIPE_WEBHOOK_SECRET": SECRET, "STRIPE_API_BASE": stripe.url}
        with run_gateway(tmp_path, CONFIG, **environment) as gateway, _owner(gateway) as http:
            key = http.post("/keys", json={"name": "k"}).json()["key"]
            ask = _asking(gateway, key)
            refused = ask()
            error = refused.json()["error"]
            assert (refused.status_code, error["code"]) == (402, "insufficient_credit")
            assert "Buy credit or a plan" in error["message"]
            unpaid = _asking(gateway, key, "mixed")()
            assert (unpaid.status_code, unpaid.headers["x-llmgateway-model"]) == (200, "free")
            _bought(gateway, stripe, http, "0.50")
            becomes(lambda: ask().status_code, 200, seconds=60)
            answers = [ask() for _ in range(60)]
            assert {answer.status_code for answer in answers} <= {200, 402, 429}
            assert answers[-1].json()["error"]["code"] == "insufficient_credit"
            rows = http.get("/usage", params={"limit": 100}).json()["data"]
            charges = [Decimal(row["charge_usd"]) for row in rows if row["outcome"] == "finished"]
            # The last answer may be longer than what was left: it is not cut, and the rest of it is debt.
            assert Decimal("0.5") - max(charges) < sum(charges) < Decimal("0.5") + max(charges)
