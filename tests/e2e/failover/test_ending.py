"""SIGTERM in mid-stream: readiness ends at once, streams drain up to a limit, and who is cut off is told."""

import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from tests.e2e.beside import beside
from tests.e2e.gateway import Gateway, Json, run_gateway
from tests.upstreams.faults import Misbehaving
from tests.upstreams.misbehaving import misbehaving
from tests.upstreams.wires import WORDS

pytestmark = pytest.mark.slow

CALLERS = [("openai", "/v1/chat/completions"), ("anthropic", "/v1/chat/completions"), ("anthropic", "/v1/messages")]
"""A provider's wire, and the dialect of who asks it."""


@dataclass
class Caller:
    """Somebody who reads a stream."""

    request_id: str = ""
    pieces: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def listen(self, gateway: Gateway, model: str, path: str) -> None:
        """Until the end of the stream."""
        body = {"model": model, "stream": True, "max_tokens": 900, "messages": [{"role": "user", "content": "Go"}]}
        headers = {"authorization": f"Bearer {gateway.key}"}
        with httpx2.stream("POST", gateway.url + path, json=body, headers=headers, timeout=40) as response:
            assert response.status_code == 200
            self.request_id = response.headers["x-request-id"]
            for piece in response.iter_text():
                self.pieces.append(piece)


@pytest.fixture(scope="module")
def provider() -> Iterator[Misbehaving]:
    with beside(misbehaving()) as provider:
        yield provider


def _config(url: str) -> str:
    return f"""
providers:
  openai: {{api_key: sk-up, base_url: {url}/v1}}
  anthropic: {{api_key: sk-up, base_url: {url}}}
"""


def _end_under(
    model: str, provider: Misbehaving, data_dir: Path, **environment: str
) -> tuple[list[Caller], list[Json]]:
    """SIGTERM while all callers hear a model: what they heard, and their events afterwards."""
    callers = [Caller() for _ in CALLERS]
    with (
        run_gateway(data_dir, _config(provider.url), **environment) as gateway,
        ThreadPoolExecutor(len(callers)) as pool,
    ):
        heard = [
            pool.submit(caller.listen, gateway, f"{wire}/{model}", path)
            for caller, (wire, path) in zip(callers, CALLERS, strict=True)
        ]
        deadline = time.monotonic() + 20
        while not all(caller.pieces for caller in callers):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert httpx2.get(f"{gateway.url}/readyz").status_code == 200
        gateway.process.send_signal(signal.SIGTERM)
        if environment.get("LLMGATEWAY_DRAIN_DELAY"):
            _refuses_new_work(gateway)
        for one in heard:
            one.result(40)
        assert gateway.process.wait(30) == 0
        told = [gateway.command("usage", "list", "--json", "--request", caller.request_id) for caller in callers]
    return callers, [event for one in told for event in json.loads(one)]


def _refuses_new_work(gateway: Gateway) -> None:
    """Balancers are told while it still listens."""
    deadline = time.monotonic() + 5
    while (answer := httpx2.get(f"{gateway.url}/readyz")).status_code == 200:
        assert time.monotonic() < deadline
    assert (answer.status_code, answer.json()["status"]) == (503, "draining")
    assert httpx2.get(f"{gateway.url}/healthz").status_code == 200


def test_22_streams_are_drained_whole_and_nothing_is_lost(tmp_path: Path, provider: Misbehaving) -> None:
    callers, events = _end_under("slow", provider, tmp_path, LLMGATEWAY_DRAIN_DELAY="2")
    for caller in callers:
        assert all(json.dumps(word) in caller.text for word in WORDS)
        assert "[DONE]" in caller.text or "message_stop" in caller.text
    assert [event["outcome"] for event in events] == ["finished"] * len(CALLERS)
    assert [event["completion_tokens"] for event in events] == [len(WORDS)] * len(CALLERS)


def test_22_a_stream_over_the_limit_ends_with_an_error_and_is_counted(tmp_path: Path, provider: Misbehaving) -> None:
    callers, events = _end_under("endless", provider, tmp_path, LLMGATEWAY_DRAIN_TIMEOUT="1")
    for caller in callers:
        assert '"draining"' in caller.text
        assert "[DONE]" not in caller.text
        assert "message_stop" not in caller.text
    assert [event["outcome"] for event in events] == ["failed"] * len(CALLERS)
    assert all(event["completion_tokens"] > 0 for event in events)
    assert provider.answering.total() == 0
