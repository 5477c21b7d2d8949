"""Test keys ask for failures, so that a team can try its own error handling; live keys may not."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import httpx2
import pytest

from tests.architecture.source import ROOT
from tests.e2e.conftest import Stage

BODY = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Tell me something long, please"}]}
PATH = "/v1/chat/completions"
PAGE = (ROOT / "docs" / "guides" / "sandbox.md").read_text("utf-8")


@pytest.fixture(scope="module")
def test_key(stage: Stage) -> str:
    return stage.gateway.new_key("--test")


@pytest.fixture
def ask(stage: Stage, test_key: str) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {test_key}"}
    with httpx2.Client(base_url=stage.gateway.url, headers=headers, timeout=20) as client:
        yield client


def _fault(ask: httpx2.Client, fault: str, *, stream: bool = False) -> httpx2.Response:
    return ask.post(PATH, json={**BODY, "stream": stream}, headers={"x-llmgateway-fault": fault})


def test_without_a_fault_the_sandbox_answers_in_the_models_name(ask: httpx2.Client) -> None:
    response = ask.post(PATH, json=BODY)
    assert response.json()["model"] == "gpt-4.1"
    assert response.headers["x-llmgateway-cost-usd"] == "0.000000000"


def test_the_pages_example_is_true(stage: Stage, test_key: str) -> None:
    blocks = dict[str, str](re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
    done = subprocess.run(
        [sys.executable, "-c", blocks["python"]],
        env={**os.environ, "LLMGATEWAY_URL": stage.gateway.url, "LLMGATEWAY_TEST_KEY": test_key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == (blocks["text"], "")


@pytest.mark.parametrize("stream", [True, False])
def test_429_comes_with_the_time_to_wait(ask: httpx2.Client, *, stream: bool) -> None:
    response = _fault(ask, "429", stream=stream)
    assert (response.status_code, response.headers["retry-after"]) == (429, "1")
    assert response.headers["x-llmgateway-attempts"] == "1"


@pytest.mark.parametrize("stream", [True, False])
def test_500_is_a_failed_upstream(ask: httpx2.Client, *, stream: bool) -> None:
    response = _fault(ask, "500", stream=stream)
    assert (response.status_code, response.json()["error"]["code"]) == (502, "upstream_failed")


def test_cut_ends_a_stream_with_an_error_event(stage: Stage, ask: httpx2.Client) -> None:
    response = _fault(ask, "cut:2", stream=True)
    assert response.status_code == 200
    assert '"error"' in response.text
    assert "[DONE]" not in response.text
    assert stage.gateway.usage(response.headers["x-request-id"])["outcome"] == "failed"
    assert _fault(ask, "cut:2").status_code == 502


def test_drop_closes_the_connection_without_a_word(ask: httpx2.Client) -> None:
    got = list[bytes]()

    def listen() -> None:
        headers = {"x-llmgateway-fault": "drop:2"}
        with ask.stream("POST", PATH, json={**BODY, "stream": True}, headers=headers) as response:
            for piece in response.iter_bytes():
                got.append(piece)

    with pytest.raises(httpx2.RemoteProtocolError):
        listen()
    assert b"data: " in b"".join(got)
    assert b"error" not in b"".join(got)
    with pytest.raises(httpx2.RemoteProtocolError):
        _fault(ask, "drop:2")
    assert ask.post(PATH, json=BODY).status_code == 200


@pytest.mark.parametrize("fault", ["cut", "503", "cut:x", "drop:-1", ""])
def test_an_unknown_fault_is_told_what_there_is(ask: httpx2.Client, fault: str) -> None:
    response = _fault(ask, fault)
    assert response.status_code == 400
    assert "cut:N" in response.json()["error"]["message"]


def test_a_live_key_may_not_ask_for_faults(stage: Stage, ask: httpx2.Client) -> None:
    headers = {"authorization": f"Bearer {stage.gateway.key}", "x-llmgateway-fault": "500"}
    response = ask.post(PATH, json=BODY, headers=headers)
    assert (response.status_code, response.json()["error"]["param"]) == (400, "x-llmgateway-fault")


def test_only_ten_faults_run_at_once(stage: Stage, test_key: str) -> None:
    headers = {"authorization": f"Bearer {test_key}", "x-llmgateway-fault": "stall"}
    with httpx2.Client(base_url=stage.gateway.url, headers=headers, timeout=20) as client:
        held = [
            client.send(client.build_request("POST", PATH, json={**BODY, "stream": True}), stream=True)
            for _ in range(10)
        ]
        pieces = [response.iter_bytes() for response in held]
        assert all(next(piece) for piece in pieces)
        refused = client.post(PATH, json=BODY)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "concurrency_exceeded")
        for response in held:
            response.close()
