"""A native stream whose host says more behind the event that ends the answer: order and end are the caller's."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from tests.e2e.gateway import Gateway, run_gateway

DELTA = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"hi"}\n\n'
COMPLETED = (
    b'event: response.completed\ndata: {"type":"response.completed","response":{"status":"completed","output":[],'
    b'"usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}}\n\n'
)
DONE = b"data: [DONE]\n\n"


class _Host(BaseHTTPRequestHandler):
    """Answers everything with one stream, written at once: its end and [DONE] arrive together."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.wfile.write(DELTA + COMPLETED + DONE)

    def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] it says nothing
        """Nothing is logged."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = f"providers:\n  openai: {{api_key: k, base_url: 'http://127.0.0.1:{server.server_port}'}}\n"
    folder: Path = tmp_path_factory.mktemp("terminators")
    with run_gateway(folder / "data", config) as running:
        yield running
    server.shutdown()
    server.server_close()


def test_nothing_overtakes_the_event_that_ends_the_answer(gateway: Gateway) -> None:
    response = httpx2.post(
        f"{gateway.url}/v1/responses",
        headers={"authorization": f"Bearer {gateway.key}"},
        json={"model": "openai/m", "input": "Hi", "stream": True},
    )
    assert response.content == DELTA + COMPLETED
