"""A provider that closes its kept connections in the moment of the next request: nobody sees it, and nothing counts twice."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from tests.e2e.gateway import Gateway, run_gateway

ANSWER = {
    "id": "c1", "object": "chat.completion", "created": 1, "model": "m", "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
}  # fmt: skip


class _Host(BaseHTTPRequestHandler):
    """Answers one request a connection; it takes the next one, and closes."""

    protocol_version = "HTTP/1.1"
    answered = False

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if self.answered:
            self.close_connection = True
            return
        self.answered = True
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] it says nothing
        """Nothing is logged."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = f"""
providers:
  lab: {{type: openai_compatible, base_url: 'http://127.0.0.1:{server.server_port}/v1'}}
defaults: {{retries: 0}}
"""
    with run_gateway(tmp_path / "data", config) as running:
        yield running
    server.shutdown()
    server.server_close()


def test_who_has_one_target_sees_nothing_of_it(gateway: Gateway) -> None:
    body = {"model": "lab/m", "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"authorization": f"Bearer {gateway.key}"}
    ids = list[str]()
    for _ in range(10):
        answer = httpx2.post(f"{gateway.url}/v1/chat/completions", headers=headers, json=body, timeout=20)
        assert (answer.status_code, answer.headers["x-llmgateway-attempts"]) == (200, "1")
        ids.append(answer.headers["x-request-id"])
    last = gateway.usage(ids[-1])
    assert (last["outcome"], last["prompt_tokens"], len(last["attempts"])) == ("finished", 3, 1)
    assert {event["id"] for event in json.loads(gateway.command("usage", "list", "--json"))} == set(ids)
