"""Several processes on one PostgreSQL: what people decide in one reaches the others, at once."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from deploy.local.topology import Topology, topology

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_SECONDS = 15.0
"""For what takes milliseconds, on a machine that may be busy."""
Json = dict[str, Any]


class _Owner:
    """The first owner at the control process, and what the data processes say to a key."""

    def __init__(self, made: Topology) -> None:
        self._replicas = made.urls("data")
        (self.people,) = made.urls("control")
        given = {
            "email": made.environment["LLMGATEWAY_BOOTSTRAP_EMAIL"],
            "password": made.environment["LLMGATEWAY_BOOTSTRAP_PASSWORD"],
        }
        self.http = httpx2.Client(base_url=f"{self.people}/api/v1")
        token = self.http.post("/auth/login", json=given).json()["access_token"]
        self.http.headers["authorization"] = f"Bearer {token}"

    def new_key(self, **rules: Any) -> Json:
        made: Json = self.http.post("/orgs/default/keys", json={"name": "k", **rules}).json()
        return made

    def health(self) -> list[tuple[str, str, str, int]]:
        """Provider, model, state, and the processes that told it, as people see it."""
        paths = self.http.get("/orgs/default/health").json()["data"]
        return [(path["provider"], path["model"], path["state"], path["processes"]) for path in paths]

    def ask(self, key: str, model: str = "sandbox/chat") -> list[tuple[int, str | None]]:
        """(status, error code) at each data process."""
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
        answers = [
            httpx2.post(f"{url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}, timeout=30)
            for url in self._replicas
        ]
        return [(answer.status_code, _code(answer.json())) for answer in answers]


def _code(body: Json) -> str | None:
    return body["error"]["code"] if "error" in body else None


def _becomes(look: Callable[[], object], wanted: object) -> None:
    deadline = time.monotonic() + _SECONDS
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"still {seen}"
        time.sleep(0.02)


def test_revocation_suspension_plan_and_routes_reach_every_process(tmp_path: Path) -> None:
    with ExitStack() as cleaning, topology(tmp_path) as made:
        owner = _Owner(made)
        cleaning.callback(owner.http.close)
        key = owner.new_key()
        assert owner.ask(key["key"]) == [(200, None)] * 2
        _becomes(owner.health, [("sandbox", "chat", "closed", 2)])  # who serves people asked nobody

        route = {"targets": [{"provider": "sandbox", "model": "chat"}]}
        assert owner.ask(key["key"], "smart") == [(404, "model_not_found")] * 2
        owner.http.put("/orgs/default/routes/smart", json=route)
        _becomes(lambda: owner.ask(key["key"], "smart"), [(200, None)] * 2)

        owner.http.patch("/orgs/default/policy", json={"allowed_models": ["smart"]})
        _becomes(lambda: owner.ask(key["key"]), [(403, "model_not_allowed")] * 2)
        owner.http.patch("/orgs/default/policy", json={"allowed_models": None})
        _becomes(lambda: owner.ask(key["key"]), [(200, None)] * 2)

        rotated = owner.http.post(f"/orgs/default/keys/{key['id']}/rotate", json={"overlap_seconds": 3600}).json()
        assert owner.ask(rotated["key"]) == owner.ask(key["key"]) == [(200, None)] * 2
        last = owner.http.post(f"/orgs/default/keys/{key['id']}/rotate", json={"overlap_seconds": 0}).json()
        _becomes(lambda: owner.ask(rotated["key"]) + owner.ask(key["key"]), [(401, "invalid_api_key")] * 4)
        _becomes(lambda: owner.ask(last["key"]), [(200, None)] * 2)

        owner.http.patch("/admin/orgs/default", json={"suspended": True})
        _becomes(lambda: owner.ask(last["key"]), [(403, "organisation_closed")] * 2)
        owner.http.patch("/admin/orgs/default", json={"suspended": False, "plan": "free"})
        _becomes(lambda: owner.ask(last["key"]), [(200, None)] * 2)

        owner.http.delete(f"/orgs/default/keys/{key['id']}")
        _becomes(lambda: owner.ask(last["key"]), [(401, "invalid_api_key")] * 2)

        alone = httpx2.post(f"{owner.people}/v1/chat/completions", json={}, headers={"authorization": "Bearer x"})
        assert alone.status_code == 404  # a control process serves people alone
        assert httpx2.get(f"{owner.people}/readyz").status_code == 200
