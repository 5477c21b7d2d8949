"""Strategies, credentials and savings, as callers and operators see them."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest

from tests.e2e.beside import beside
from tests.e2e.gateway import Gateway, Json, run_gateway
from tests.upstreams.server import Upstream, upstream

HELLO: list[Json] = [{"role": "user", "content": "Hi"}]
CONFIG = """
providers:
  dear: {type: openai_compatible, base_url: URL/v1}
  fair: {type: openai_compatible, base_url: URL/v1}
  keys: {type: openai_compatible, base_url: URL/v1, api_keys: [sk-revoked, sk-good]}
models:
  bulk:
    strategy: cheapest
    targets:
      - {provider: dear, model: echo, price: {input: "100", output: "1000"}}
      - {provider: fair, model: echo, price: {input: "1", output: "10"}}
  canary:
    strategy: weighted
    targets: [{provider: dear, model: echo, weight: 3}, {provider: fair, model: echo}]
  quick:
    strategy: fastest
    targets: [{provider: dear, model: status-404}, {provider: fair, model: echo}]
  tiny:
    targets: [{provider: dear, model: echo, context: 20}, {provider: fair, model: echo}]
"""


@dataclass
class Routes:
    """The gateway, the provider behind it, and a caller."""

    gateway: Gateway
    provider: Upstream

    def ask(self, model: str, messages: list[Json] = HELLO, *, stream: bool = False) -> httpx2.Response:
        response = httpx2.post(
            f"{self.gateway.url}/v1/chat/completions",
            json={"model": model, "messages": messages, "stream": stream},
            headers=self.headers,
            timeout=20,
        )
        assert response.status_code == 200, response.text
        return response

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.gateway.key}"}

    def explained(self, response: httpx2.Response) -> Json:
        """The request as GET /v1/requests/{id} tells it."""
        request_id = response.headers["x-request-id"]
        self.gateway.usage(request_id)
        told: Json = httpx2.get(f"{self.gateway.url}/v1/requests/{request_id}", headers=self.headers, timeout=10).json()
        return told


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Routes]:
    """A gateway of this module's own: its circuits and speeds are nobody else's."""
    with (
        beside(upstream()) as provider,
        run_gateway(tmp_path_factory.mktemp("routes"), CONFIG.replace("URL", provider.url)) as gateway,
    ):
        yield Routes(gateway, provider)


@pytest.mark.parametrize("stream", [False, True])
def test_the_cheapest_serves_and_what_it_saved_is_told(routes: Routes, *, stream: bool) -> None:
    told = routes.explained(routes.ask("bulk", stream=stream))
    assert (told["provider"], told["prompt_tokens"], told["completion_tokens"]) == ("fair", 11, 3)
    assert (told["cost_usd"], told["list_cost_usd"], told["saved_usd"]) == ("0.000041000", "0.004100000", "0.004059000")
    assert [step["target"] for step in told["plan"]] == ["fair/echo", "dear/echo"]
    assert told["tokens"]["input"] == 11
    assert (told["attempts"][0]["first_token_milliseconds"] is not None) is stream
    assert told["explanation"][-1].endswith("it cost $0.000041000, instead of $0.004100000.")


def test_the_command_explains_the_plan_that_requests_get(routes: Routes) -> None:
    config = str(routes.gateway.data_dir / "gateway.yaml")
    told: Json = json.loads(routes.gateway.command("route", "explain", "--model", "bulk", "--config", config, "--json"))
    assert [entry["target"] for entry in told["plan"]] == ["fair/echo", "dear/echo"]
    key_id = routes.explained(routes.ask("bulk"))["key_id"]
    same: Json = json.loads(
        routes.gateway.command("route", "explain", "--model", "bulk", "--config", config, "--key", key_id, "--json")
    )
    assert same == told


def test_a_canary_gets_its_share(routes: Routes) -> None:
    served = Counter(routes.ask("canary").headers["x-llmgateway-provider"] for _ in range(80))
    assert set(served) == {"dear", "fair"}
    assert served["dear"] > served["fair"]


def test_the_fastest_is_not_who_fails(routes: Routes) -> None:
    attempts = [routes.ask("quick").headers["x-llmgateway-attempts"] for _ in range(4)]
    assert attempts == ["2", "1", "1", "1"], "one request found out, the others go where answers come from"


def test_a_prompt_that_is_too_long_for_one_goes_to_the_other_at_once(routes: Routes) -> None:
    assert routes.ask("tiny").headers["x-llmgateway-provider"] == "dear"
    long = routes.ask("tiny", [{"role": "user", "content": "many words " * 30}])
    assert (long.headers["x-llmgateway-provider"], long.headers["x-llmgateway-attempts"]) == ("fair", "1")
    [passed] = [step for step in routes.explained(long)["plan"] if step["passed_over"]]
    assert passed["target"] == "dear/echo"
    assert passed["why"].startswith("has room for 20 tokens")


def test_a_revoked_key_is_passed_to_the_next_one_and_the_operator_is_told_once(routes: Routes) -> None:
    attempts = (routes.ask("keys/echo").headers["x-llmgateway-attempts"] for _ in range(100))
    assert "2" in attempts, "the keys are spread by chance, so the revoked one comes first soon"
    assert {routes.ask("keys/echo").headers["x-llmgateway-attempts"] for _ in range(10)} == {"1"}
    told = [line for line in (routes.gateway.data_dir / "gateway.log").read_text().splitlines() if "keys/0" in line]
    assert len(told) == 1
    assert "this key was revoked" in told[0]
    assert "sk-revoked" not in (routes.gateway.data_dir / "gateway.log").read_text()
