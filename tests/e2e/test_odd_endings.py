"""Answers of hosts that break off in the caller's own dialect, and of hosts that never say what was used."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from llmgateway.canon.chat import Json
from tests.e2e.gateway import Gateway, run_gateway


def framed(*events: Json) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)


RESPONSE: Json = {"id": "resp_9", "object": "response", "model": "gpt-5-2026", "created_at": 7, "status": "in_progress"}
CUT = framed(
    {"type": "response.created", "sequence_number": 0, "response": {**RESPONSE, "output": []}},
    {"type": "response.in_progress", "sequence_number": 1, "response": {**RESPONSE, "output": []}},
    {"type": "response.output_text.delta", "sequence_number": 2, "item_id": "msg_1", "delta": "hi"},
)


WHOLE: Json = {"message": {"role": "assistant", "content": "Hello there, friend."}, "finish_reason": "stop"}
CHAT: Json = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, **WHOLE}]}
CHUNK: Json = {"index": 0, "delta": {"content": "Hello there, friend."}, "finish_reason": "stop"}
ENDLESS = framed(
    {**CHAT, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "word " * 20_000}}]}
)
CHUNKS = framed({**CHAT, "object": "chat.completion.chunk", "choices": [CHUNK]}) + b"data: [DONE]\n\n"


class _Host(BaseHTTPRequestHandler):
    """A Response that is cut; chats that never say what they used."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if asked.get("stream") else "application/json")
        self.end_headers()
        chat = CHUNKS if asked.get("stream") else json.dumps(CHAT).encode()
        if asked["model"] == "endless":
            chat = ENDLESS * 200
        with suppress(ConnectionError):
            self.wfile.write(CUT if self.path.endswith("responses") else chat)

    def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] it says nothing
        """Nothing is logged."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    config = f"""
providers:
  openai: {{api_key: k, base_url: '{url}'}}
  lab: {{type: openai_compatible, base_url: '{url}'}}
"""
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


TURN: Json = {"model": "lab/m", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}


@pytest.mark.parametrize("stream", [False, True])
def test_messages_tell_what_was_counted(gateway: Gateway, *, stream: bool) -> None:
    response = asked(gateway, "messages", {**TURN, "stream": stream})
    told = events(response)[-2]["usage"] if stream else response.json()["usage"]
    assert (told["input_tokens"], told["output_tokens"]) == counted(gateway, response)


@pytest.mark.parametrize("stream", [False, True])
def test_responses_tell_what_was_counted(gateway: Gateway, *, stream: bool) -> None:
    response = asked(gateway, "responses", {"model": "lab/m", "input": "Hello", "stream": stream})
    told = events(response)[-1]["response"]["usage"] if stream else response.json()["usage"]
    assert (told["input_tokens"], told["output_tokens"]) == counted(gateway, response)


@pytest.mark.parametrize("stream", [False, True])
def test_chats_tell_what_was_counted(gateway: Gateway, *, stream: bool) -> None:
    wish = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    response = asked(gateway, "chat/completions", {**TURN, **wish})
    told = events(response)[-1]["usage"] if stream else response.json()["usage"]
    assert (told["prompt_tokens"], told["completion_tokens"]) == counted(gateway, response)


def counted(gateway: Gateway, response: httpx2.Response) -> tuple[int, int]:
    """What the request's event says."""
    event = gateway.usage(response.headers["x-request-id"])
    assert event["usage_source"] == "counted"
    assert event["prompt_tokens"] > 0
    assert event["completion_tokens"] > 0
    return event["prompt_tokens"], event["completion_tokens"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("chat/completions", TURN),
        ("messages", TURN),
        ("responses", {"input": "Hello"}),
    ],
)
def test_a_stream_without_end_is_left_and_told_and_billed_as_far_as_it_came(
    gateway: Gateway, path: str, body: Json
) -> None:
    response = asked(gateway, path, {**body, "model": "lab/endless", "stream": True})
    last = events(response)[-1]
    assert "no end: it is more than 16,777,216 characters" in str(last)
    assert "error" in last or last["type"] == "error"
    event = gateway.usage(response.headers["x-request-id"])
    words = response.content.count(b"word word")
    assert (event["outcome"], event["usage_source"]) == ("failed", "counted")
    assert event["completion_tokens"] > words > 1_000_000
