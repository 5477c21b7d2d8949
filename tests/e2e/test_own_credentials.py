"""An organisation's own keys, routes and policies on a request's path; last use seen by its owner."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import Stage

Json = dict[str, Any]


@dataclass
class Owner:
    """The first owner over HTTP, and a key of the default organisation."""

    http: httpx2.Client
    stage: Stage
    key: str = ""
    key_id: str = ""

    def ask(self, model: str, text: str = "hi") -> httpx2.Response:
        body = {"model": model, "messages": [{"role": "user", "content": text}]}
        headers = {"authorization": f"Bearer {self.key}"}
        return httpx2.post(f"{self.stage.gateway.url}/v1/chat/completions", json=body, headers=headers)

    def becomes(self, model: str, status: int, text: str = "hi") -> httpx2.Response:
        """Ask until the answer has the status: what was announced takes some milliseconds."""
        deadline = time.monotonic() + 10
        while (answer := self.ask(model, text)).status_code != status:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.02)
        return answer


@pytest.fixture(scope="module")
def owner(stage: Stage) -> Iterator[Owner]:
    found = re.search(r"Password\s+(\S+)", stage.gateway.greeting)
    assert found is not None
    with httpx2.Client(base_url=f"{stage.gateway.url}/api/v1") as http:
        given = {"email": "owner@localhost", "password": found[1]}
        http.headers["authorization"] = f"Bearer {http.post('/auth/login', json=given).json()['access_token']}"
        org = http.post("/orgs", json={"name": "Tenant"}).json()["slug"]
        http.base_url = f"{stage.gateway.url}/api/v1/orgs/{org}"
        made = http.post("/keys", json={"name": "k", "limits": {"requests_per_minute": 10_000}}).json()
        yield Owner(http, stage, made["key"], made["id"])


def _sent(owner: Owner) -> str:
    """What the provider was last shown."""
    assert owner.ask("openai/echo").status_code == 200
    return owner.stage.provider.headers[-1]["authorization"]


@pytest.mark.parametrize("provider", ["openai", "lab", "sandbox", "ollama"])
def test_no_credential_of_its_own_makes_the_operators_servers_free(owner: Owner, provider: str) -> None:
    made = owner.http.post("/credentials", json={"provider": provider, "name": "x", "api_key": "anything"})
    assert (made.status_code, made.json()["error"]["param"]) == (400, "provider"), made.text
    assert _sent(owner) == "Bearer sk-up"


def test_an_alias_of_the_organisations_own_and_what_it_forbids(owner: Owner) -> None:
    owner.http.put("/routes/mine", json={"targets": [{"provider": "openai", "model": "echo"}]})
    assert owner.becomes("mine", 200).headers["x-llmgateway-provider"] == "openai"
    listed = httpx2.get(f"{owner.stage.gateway.url}/v1/models", headers={"authorization": f"Bearer {owner.key}"})
    assert "mine" in {model["id"] for model in listed.json()["data"]}
    owner.http.patch(
        "/policy", json={"blocked_words": ["tulip"], "blocked_patterns": [r"\d{4}-\d{4}"], "max_prompt_tokens": 50}
    )
    for text in ("a Tulip, please", "card 1234-5678", "word " * 80):
        refused = owner.becomes("mine", 400, text)
        assert refused.json()["error"]["code"] == "policy_violation"
        assert "ulip" not in refused.text
    assert owner.ask("mine", "tulips are another word").status_code == 200
    before = len(owner.stage.provider.bodies)
    owner.ask("mine", "a tulip")
    assert len(owner.stage.provider.bodies) == before  # it never left the gateway
    owner.http.patch("/policy", json={"blocked_words": None, "blocked_patterns": None, "max_prompt_tokens": None})


def test_the_last_use_of_a_secret_is_seen(owner: Owner) -> None:
    owner.becomes("openai/echo", 200)
    deadline = time.monotonic() + 20
    while (shown := owner.http.get(f"/keys/{owner.key_id}").json())["secrets"][0]["last_used_at"] is None:
        assert time.monotonic() < deadline, shown
        time.sleep(0.2)
    assert shown["last_used_at"] == shown["secrets"][0]["last_used_at"]


def test_what_was_said_is_logged_sealed_where_the_organisation_wants_it(owner: Owner) -> None:
    silent = owner.ask("openai/echo", "canary-before").headers["x-request-id"]
    owner.http.patch("/policy", json={"content_logging": "all", "content_retention_days": 2})
    deadline = time.monotonic() + 20
    while True:  # the policy takes some milliseconds to reach the key
        logged = owner.ask("openai/echo", "canary-said").headers["x-request-id"]
        time.sleep(1)
        shown = owner.http.get(f"/usage/{logged}/content")
        if shown.status_code == 200:
            break
        assert time.monotonic() < deadline, shown.text
    assert shown.json()["request"]["messages"][0]["content"] == "canary-said"
    assert shown.json()["answer"] == "Hello from upstream"
    body = {"model": "openai/echo", "messages": [{"role": "user", "content": "canary-private"}]}
    headers = {"authorization": f"Bearer {owner.key}", "x-llmgateway-retention": "none"}
    asked = httpx2.post(f"{owner.stage.gateway.url}/v1/chat/completions", json=body, headers=headers)
    time.sleep(1.5)
    for request_id in (silent, asked.headers["x-request-id"], "req_01m85er08pffwst5ea81b4fc7n"):
        assert owner.http.get(f"/usage/{request_id}/content").status_code == 404
    trail = owner.http.get("/audit", params={"action": "content.read"}).json()["data"]
    assert trail[0]["target"] == logged
    folder = owner.stage.gateway.data_dir
    kept = [path for path in folder.rglob("*") if path.is_file() and b"canary-said" in path.read_bytes()]
    assert kept == []  # not in the journal, not in a log
    assert owner.http.post("/erase").status_code == 204
    assert owner.http.get(f"/usage/{logged}/content").status_code == 404
    owner.http.patch("/policy", json={"content_logging": "off"})
