"""How a gateway ends: whatever the signal, usage is shipped and the database is stopped before the process is gone."""

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from llmgateway.db.embedded import cluster_home
from tests.e2e.gateway import Gateway, run_gateway

pytestmark = pytest.mark.slow


def _database_runs(data_dir: Path) -> bool:
    return (cluster_home(data_dir) / "data" / "postmaster.pid").exists()


def _chat(gateway: Gateway) -> str:
    """One answered request's id."""
    body = {"model": "sandbox/chat", "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"authorization": f"Bearer {gateway.key}"}
    answer = httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=20)
    assert answer.status_code == 200
    return answer.headers["x-request-id"]


@pytest.mark.parametrize("delay", ["0", "0.1"])
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(tmp_path: Path, sent: signal.Signals, delay: str) -> None:
    data_dir = tmp_path / "data"
    with run_gateway(data_dir, LLMGATEWAY_DRAIN_DELAY=delay) as gateway:
        assert _database_runs(data_dir)
        request_id = _chat(gateway)
        gateway.process.send_signal(sent)
        assert gateway.process.wait(30) == 0
        assert not _database_runs(data_dir)
        events = json.loads(gateway.command("usage", "list", "--json", "--request", request_id))
    assert [event["outcome"] for event in events] == ["finished"]
    assert not _database_runs(data_dir)


def test_a_live_stream_tells_requests_and_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with run_gateway(tmp_path / "data") as gateway:
        password = re.search(r"Password\s+(\S+)", gateway.greeting)
        assert password is not None
        with httpx2.Client(base_url=f"{gateway.url}/api/v1", timeout=20) as owner:
            login = {"email": "owner@localhost", "password": password[1]}
            token = owner.post("/auth/login", json=login).json()["access_token"]
            headers = {"authorization": f"Bearer {token}"}
            with owner.stream("GET", "/orgs/default/usage/live", headers=headers) as live:
                lines = live.iter_lines()
                _until(lines, "event: ready")
                request_id = _chat(gateway)
                _until(lines, "event: request")
                assert json.loads(next(lines).removeprefix("data: "))["id"] == request_id
                gateway.process.send_signal(signal.SIGTERM)
                _until(lines, "event: end")
                assert json.loads(next(lines).removeprefix("data: "))["code"] == "draining"
        assert gateway.process.wait(20) == 0


def _until(lines: Iterator[str], wanted: str) -> None:
    """Read on until a line is this."""
    assert wanted in lines, f"the stream ended before {wanted}"
