"""What an organisation is charged: cost, markup and fee on the gateway's credentials, nothing in the sandbox or from the cache."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest

from tests.e2e.beside import beside
from tests.e2e.gateway import Gateway, Json, run_gateway
from tests.upstreams.server import upstream

CONFIG = """
providers:
  openai: {api_key: sk-up, base_url: URL/v1}
models:
  priced:
    targets: [{provider: openai, model: echo, price: {input: "100", output: "1000"}}]
  told:
    targets: [{provider: openai, model: told, price: {input: "100", output: "1000"}}]
  failing:
    targets: [{provider: openai, model: status-400, price: {input: "100", output: "1000"}}]
"""


@dataclass
class Tenant:
    """A paying organisation's owner and key."""

    gateway: Gateway
    http: httpx2.Client
    key: str

    def ask(
        self, model: str = "priced", key: str | None = None, question: str = "Hi", **headers: str
    ) -> httpx2.Response:
        """One request's answer."""
        return httpx2.post(
            f"{self.gateway.url}/v1/chat/completions",
            json={"model": model, "messages": [{"role": "user", "content": question}]},
            headers={"authorization": f"Bearer {key or self.key}", **headers},
        )

    def told(self, usage: Json, **headers: str) -> Json:
        """The event of a request whose provider tells this usage."""
        answer = self.ask("told", question=json.dumps(usage), **headers)
        return self.gateway.usage(answer.headers["x-request-id"])

    def event(self, model: str = "priced", key: str | None = None, **headers: str) -> Json:
        """The event of one request."""
        return self.gateway.usage(self.ask(model, key, **headers).headers["x-request-id"])


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    environment = {"LLMGATEWAY_MARKUP_PERCENT": "12.5", "LLMGATEWAY_REQUEST_FEE_USD": "0.000000007"}
    folder = tmp_path_factory.mktemp("gateway")
    with (
        beside(upstream()) as provider,
        run_gateway(folder, CONFIG.replace("URL", provider.url), **environment) as gateway,
    ):
        password = re.search(r"Password\s+(\S+)", gateway.greeting)
        assert password is not None
        with httpx2.Client(base_url=f"{gateway.url}/api/v1") as http:
            given = {"email": "owner@localhost", "password": password[1]}
            http.headers["authorization"] = f"Bearer {http.post('/auth/login', json=given).json()['access_token']}"
            org = http.post("/orgs", json={"name": "Tenant"}).json()["slug"]
            http.base_url = f"{gateway.url}/api/v1/orgs/{org}"
            key = http.post("/keys", json={"name": "k"}).json()["key"]
            yield Tenant(gateway, http, key)


def _nanos(dollars: str) -> int:
    return int(dollars.replace(".", ""))


def test_cost_markup_and_fee(tenant: Tenant) -> None:
    event = tenant.event()
    cost = _nanos(event["cost_usd"])
    assert cost > 0
    whole, rest = divmod(cost * 9, 8)
    assert _nanos(event["charge_usd"]) in ({whole + 7} if rest < 4 else {whole + 7, whole + 8})
    assert rest != 0 or _nanos(event["charge_usd"]) == cost * 9 // 8 + 7


def test_a_budget_that_was_off_for_a_while_knows_what_was_spent_meanwhile(tenant: Tenant) -> None:
    made = tenant.http.post("/keys", json={"name": "tight", "budgets": {"month_usd": "1"}}).json()
    key, path = made["key"], f"/keys/{made['id']}"
    cost = _nanos(tenant.ask(key=key).headers["x-llmgateway-cost-usd"])
    tenant.http.patch(path, json={"budgets": None})
    assert {tenant.ask(key=key).status_code for _ in range(3)} == {200}
    tenant.http.patch(path, json={"budgets": {"month_usd": f"0.{3 * cost:09}"}})
    assert tenant.ask(key=key).status_code == 402


def test_what_failed_and_what_came_from_the_cache_is_not_charged(tenant: Tenant) -> None:
    assert _nanos(tenant.event("failing")["charge_usd"]) == 0
    assert _nanos(tenant.event(**{"x-llmgateway-cache": "60"})["charge_usd"]) > 0
    hit = tenant.event(**{"x-llmgateway-cache": "60"})
    assert (hit["cache"], _nanos(hit["charge_usd"])) == ("hit", 0)


def test_self_hosted_pays_nothing(tenant: Tenant) -> None:
    event = tenant.event(key=tenant.gateway.key)
    assert _nanos(event["cost_usd"]) > 0
    assert _nanos(event["charge_usd"]) == 0


def test_the_sandbox_costs_nothing_for_all_the_fee(tenant: Tenant) -> None:
    event = tenant.event("sandbox/chat")
    assert (event["outcome"], event["charge_usd"]) == ("finished", "0.000000000")


@pytest.mark.parametrize("absurd", [10**12, 10**19, 1e300])
def test_figures_that_no_model_reaches_are_counted_here_and_keep_nobody_out(tenant: Tenant, absurd: float) -> None:
    usage = {"prompt_tokens": absurd, "completion_tokens": 3}
    event = tenant.told(usage)
    assert (event["usage_source"], event["status"]) == ("counted", 200)
    assert 0 < event["prompt_tokens"] < 100
    assert 0 < event["completion_tokens"] < 10
    assert tenant.ask().status_code == 200
    log = (tenant.gateway.data_dir / "gateway.log").read_text()
    assert "more tokens than any model has" in log


def test_absurd_figures_of_a_kept_answer_are_told_to_nobody(tenant: Tenant) -> None:
    usage, cached = {"prompt_tokens": 10**19, "completion_tokens": 3}, {"x-llmgateway-cache": "60"}
    first, hit = tenant.told(usage, **cached), tenant.told(usage, **cached)
    assert (hit["cache"], hit["prompt_tokens"]) == ("hit", first["prompt_tokens"])


def test_half_a_usage_is_not_the_whole_and_no_part_is_larger_than_it(tenant: Tenant) -> None:
    half = tenant.told({"prompt_tokens": 100})
    assert (half["prompt_tokens"], half["completion_tokens"], half["usage_source"]) == (100, 3, "counted")
    parts = tenant.told(
        {"prompt_tokens": 100, "completion_tokens": 10, "completion_tokens_details": {"reasoning_tokens": 1000}}
    )
    assert (parts["reasoning_tokens"], parts["cost_usd"]) == (10, "0.020000000")
