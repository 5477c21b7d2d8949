"""Two organisations that are the same in everything, asked at one gateway: nothing of one is in the answers of the other."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.conftest import Stage

CACHED = {"x-llmgateway-cache": "60"}
PAGES = ("/keys", "/routes", "/policy", "/cache", "/audit", "/usage", "/usage/summary?by=key", "/members", "/export")


@dataclass
class Tenant:
    """An organisation, its key, and what it asked."""

    people: httpx2.Client
    tokens: httpx2.Client
    ids: set[str]
    asked: list[str] = field(default_factory=list[str])

    def ask(self, prompt: str) -> str:
        """Whether the answer was cached."""
        body = {"model": "same", "messages": [{"role": "user", "content": prompt}]}
        answer = self.tokens.post("/v1/chat/completions", json=body, headers=CACHED)
        assert answer.status_code == 200, answer.text
        self.asked.append(answer.headers["x-request-id"])
        return answer.headers["x-llmgateway-cache"]

    def stored(self) -> None:
        """Wait until all of it is in the database."""
        deadline = time.monotonic() + 30
        while self.people.get(f"/usage/{self.asked[-1]}").status_code == 404:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture(scope="module")
def people(stage: Stage) -> Iterator[httpx2.Client]:
    found = re.search(r"Password\s+(\S+)", stage.gateway.greeting)
    assert found is not None
    with httpx2.Client(base_url=f"{stage.gateway.url}/api/v1") as http:
        given = {"email": "owner@localhost", "password": found[1]}
        http.headers["authorization"] = f"Bearer {http.post('/auth/login', json=given).json()['access_token']}"
        yield http


def _tenant(stage: Stage, people: httpx2.Client, closing: ExitStack) -> Tenant:
    made = people.post("/orgs", json={"name": "Twin"})
    assert made.status_code == 201, made.text
    org: dict[str, str] = made.json()
    address = f"{stage.gateway.url}/api/v1/orgs/{org['id']}"
    inside = closing.enter_context(httpx2.Client(base_url=address, headers=people.headers))
    target = {"provider": "openai", "model": "echo"}
    route = inside.put("/routes/same", json={"targets": [target]}).json()
    inside.patch("/policy", json={"content_logging": "all"})
    key = inside.post("/keys", json={"name": "same", "tags": ["same"], "limits": {"requests_per_minute": 1000}}).json()
    bearer = {"authorization": f"Bearer {key['key']}"}
    tokens = closing.enter_context(httpx2.Client(base_url=stage.gateway.url, headers=bearer))
    return Tenant(inside, tokens, {org["id"], org["slug"], route["id"], key["id"], key["secrets"][0]["id"]})


@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(prompts=st.lists(st.text("abc é", min_size=1, max_size=20), min_size=1, max_size=3, unique=True))
def test_two_organisations_that_ask_the_same_never_see_each_other(
    stage: Stage, people: httpx2.Client, prompts: Sequence[str]
) -> None:
    with ExitStack() as closing:
        left, right = [_tenant(stage, people, closing) for _ in range(2)]
        for prompt in prompts:
            for tenant in (left, right):
                assert (tenant.ask(prompt), tenant.ask(prompt)) == ("miss", "hit")
        for tenant in (left, right):
            tenant.stored()
        _look(left, right)
        _look(right, left)
        assert left.people.delete("/cache").status_code == 202
        deadline = time.monotonic() + 10
        while left.ask(prompts[0]) == "hit":
            assert time.monotonic() < deadline
        assert right.ask(prompts[0]) == "hit"  # the other's is not forgotten


def _look(own: Tenant, other: Tenant) -> None:
    foreign = {*other.ids, *other.asked} - {"twin"}
    for page in PAGES:
        answer = own.people.get(page)
        assert answer.status_code == 200, page
        words = set(re.findall(r"[\w-]+", answer.text))
        assert words.isdisjoint(foreign), (page, words & foreign)
    for request_id in other.asked:
        for answer in (
            own.tokens.get(f"/v1/requests/{request_id}"),
            own.people.get(f"/usage/{request_id}"),
            own.people.get(f"/usage/{request_id}/content"),
        ):
            assert answer.status_code == 404, answer.text
    total: Mapping[str, Any] = own.people.get("/usage/summary?by=key").json()
    assert [row["requests"] for row in total["data"]] == [len(own.asked)]
