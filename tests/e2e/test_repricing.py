"""A budget knows what requests cost that were priced again, from the next request on."""

import re
from pathlib import Path

import httpx2

from tests.e2e.beside import beside
from tests.e2e.gateway import run_gateway
from tests.e2e.waiting import becomes
from tests.upstreams.server import upstream

CONFIG = """
providers:
  lab: {{type: openai_compatible, base_url: {url}/v1}}
  priced: {{type: openai_compatible, base_url: {url}/v1}}
models:
  unknown: {{targets: [{{provider: lab, model: echo{price}}}]}}
  known: {{targets: [{{provider: priced, model: echo, price: {{input: "1", output: "2"}}}}]}}
"""
DAY = "2026-01-01"


def test_a_hard_budget_counts_what_was_priced_again(tmp_path: Path) -> None:
    """Each request costs 17,000 nanos, and the budget is for thirty of them: so many had no price, and one had."""
    with beside(upstream()) as provider, run_gateway(tmp_path, CONFIG.format(url=provider.url, price="")) as gateway:
        key = gateway.new_key()

        def asked(model: str) -> httpx2.Response:
            body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3}
            headers = {"authorization": f"Bearer {key}"}
            return httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=10)

        unpriced = [asked("unknown") for _ in range(30)]
        assert {one.headers["x-llmgateway-cost-usd"] for one in unpriced} == {"unpriced"}
        _budget(gateway.url, gateway.greeting, "0.00051")
        becomes(lambda: asked("unknown").json()["error"]["code"], "unpriced_model", seconds=30)
        served = asked("known")
        assert served.headers["x-llmgateway-cost-usd"] == "0.000017000"
        gateway.usage(served.headers["x-request-id"])
        priced = tmp_path / "priced.yaml"
        priced.write_text(CONFIG.format(url=provider.url, price=', price: {input: "1", output: "2"}'))
        told = gateway.command("usage", "reprice", "--from", DAY, "--config", str(priced), "--apply")
        assert "30 requests  cost 0.000000000 -> 0.000510000" in told
        answers = list[httpx2.Response]()
        while len(answers) < 20 and (not answers or answers[-1].status_code == 200):
            answers.append(asked("known"))  # until the process heard of it
        assert answers[-1].json()["error"]["code"] == "budget_exceeded"


def _budget(url: str, greeting: str, usd: str) -> None:
    """For all of the organisation, a month."""
    password = re.search(r"Password\s+(\S+)", greeting)
    assert password is not None
    given = {"email": "owner@localhost", "password": password[1]}
    token = httpx2.post(f"{url}/api/v1/auth/login", json=given, timeout=10).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    me = httpx2.get(f"{url}/api/v1/me", headers=headers, timeout=10).json()
    body = {"budgets": {"month_usd": usd, "mode": "hard"}}
    changed = httpx2.patch(f"{url}/api/v1/orgs/{me['orgs'][0]['slug']}", json=body, headers=headers, timeout=10)
    assert changed.status_code == 200, changed.text
