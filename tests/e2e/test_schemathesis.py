"""The whole control plane, asked with whatever its own description allows and forbids: never a fault of ours."""

import json
import re
from collections.abc import Generator
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from tests.e2e.gateway import Gateway, run_gateway

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_EXAMPLES = 12
_STREAMS = {"/api/v1/orgs/{org}/usage/live"}
"""They stay open as long as they are asked to."""
_ENDS_THE_SESSION = {"/api/v1/auth/logout"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Gateway, str]]:
    """A gateway, and its owner's access token."""
    with run_gateway(tmp_path_factory.mktemp("schemathesis"), LLMGATEWAY_SIGNUP="on") as gateway:
        found = re.search(r"Password\s+(\S+)", gateway.greeting)
        assert found is not None
        given = {"email": "owner@localhost", "password": found[1]}
        answer = httpx2.post(f"{gateway.url}/api/v1/auth/login", json=given)
        yield gateway, answer.json()["access_token"]


def test_no_request_is_answered_with_a_fault(served: tuple[Gateway, str]) -> None:
    gateway, token = served
    schema: Any = schemathesis.openapi.from_url(f"{gateway.url}/api/v1/openapi.json")
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        asked += 1
        headers = {} if operation.path in _ENDS_THE_SESSION else {"authorization": f"Bearer {token}"}
        _try(operation, headers)
        restored = f"{gateway.url}/api/v1/orgs/default/restore"  # whatever it was that was just tried
        httpx2.post(restored, headers={"authorization": f"Bearer {token}"})
    assert asked > 60
    me = httpx2.get(f"{gateway.url}/api/v1/me", headers={"authorization": f"Bearer {token}"})
    assert me.status_code == 200, "the walk ended its own session"
    assert "made a mistake" not in (gateway.data_dir / "gateway.log").read_text("utf-8")


def _try(operation: Any, headers: dict[str, str]) -> None:
    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        if "org" in (case.path_parameters or {}):
            case.path_parameters["org"] = "default"
        if operation.path in _STREAMS:
            case.query = {**(case.query or {}), "seconds": 0}
        answer = case.call(headers=headers)
        assert answer.status_code < 500, (operation.label, answer.status_code, answer.text)
        if answer.status_code >= 400:
            assert set(json.loads(answer.content)) == {"error"}, operation.label

    ask()
