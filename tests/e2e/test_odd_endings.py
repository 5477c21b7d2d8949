"""Answers of hosts that break off in the caller's own dialect, and of hosts that never say what was used."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from llmgateway.canon.chat import Json

from .gateway import Gateway, run_gateway


def framed(*events: Json) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)


RESPONSE: Json = {"id": "resp_9", "object": "response", "model": "gpt-5-2026", "created_at": 7, "status": "in_progress"}
CUT = framed(
    {"type": "response.created", "sequence_number": 0, "response": {**RESPONSE, "output": []}},
    {"type": "response.in_progress", "sequence_number": 1, "response": {**RESPONSE, "output": []}},
    {"type": "response.output_text.delta", "sequence_number": 2, "item_id": "msg_1", "delta": "hi"},
)


class _Host(BaseHTTPRequestHandler):
    """A Response that is cut, on its own path."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.wfile.write(CUT)

    def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] it says nothing
        """Nothing is logged."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    config = f"providers:\n  openai: {{api_key: k, base_url: '{url}'}}\n"
    folder: Path = tmp_path_factory.mktemp("endings")
    with run_gateway(folder / "data", config) as running:
        yield running
    server.shutdown()
    server.server_close()


def asked(gateway: Gateway, path: str, body: Json) -> httpx2.Response:
    headers = {"authorization": f"Bearer {gateway.key}"}
    return httpx2.post(f"{gateway.url}/v1/{path}", headers=headers, json=body, timeout=20)


def events(response: httpx2.Response) -> list[Any]:
    return [json.loads(line[6:]) for line in response.text.split("\n") if line.startswith("data: {")]


def test_a_native_response_that_is_cut_fails_as_the_same_response(gateway: Gateway) -> None:
    response = asked(gateway, "responses", {"model": "openai/gpt-5", "input": "Hi", "stream": True})
    assert response.content.startswith(CUT)
    *_, failed, error = found = events(response)
    assert [event["sequence_number"] for event in found] == [0, 1, 2, 3, 4]
    assert (failed["type"], error["type"]) == ("response.failed", "error")
    assert {name: failed["response"][name] for name in RESPONSE} == {**RESPONSE, "status": "failed"}
    assert failed["response"]["error"]["code"] == "server_error"
