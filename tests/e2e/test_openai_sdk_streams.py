"""The `.stream()` of the official `openai` package, which joins what a stream brings, for answers that hold more than text."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from openai import OpenAI

from llmgateway.canon.chat import Json
from tests.e2e.gateway import run_gateway

pytestmark = pytest.mark.slow

THOUGHTS: list[Json] = [
    {"type": "thinking", "thinking": "One.", "signature": "s1"},
    {"type": "thinking", "thinking": "Two.", "signature": "s2"},
]
FOUND: list[Json] = [
    {"type": "web_search_result_location", "url": f"https://{n}.org", "title": n, "cited_text": n} for n in ("a", "b")
]
SEARCH: Json = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
RESULT: Json = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
CLAUDE: dict[str, list[Json]] = {
    "thinks": [THOUGHTS[0], THOUGHTS[1], {"type": "text", "text": "Three."}],
    "searches": [
        {"type": "text", "text": "I look. "},
        SEARCH,
        RESULT,
        {"type": "text", "text": "A. ", "citations": FOUND[:1]},
        {"type": "text", "text": "B.", "citations": FOUND[1:]},
    ],
}
PICTURES = [{"inlineData": {"mimeType": "image/png", "data": data}} for data in ("QUFB", "QkJC")]


def _grounded(said: str, source: str) -> Json:
    chunks = [{"web": {"uri": f"https://{source}.org", "title": source}}]
    segment = {"startIndex": 0, "endIndex": len(said), "text": said}
    return {"groundingChunks": chunks, "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]}]}


GEMINI: dict[str, list[Json]] = {
    "paints": [{"content": {"parts": [part]}} for part in PICTURES],
    "grounds": [
        {"content": {"parts": [{"text": text}]}, "groundingMetadata": _grounded(text, source)}
        for text, source in (("A. ", "a"), ("B.", "b"))
    ],
}


def _claude(model: str) -> Iterator[Json]:
    usage = {"input_tokens": 9, "output_tokens": 1}
    yield {"type": "message_start", "message": {"id": "msg_1", "model": model, "role": "assistant", "usage": usage}}
    for index, block in enumerate(CLAUDE[model]):
        grown = {name: value for name, value in block.items() if name in {"text", "thinking", "signature"}}
        start = {name: "" if name in grown else value for name, value in block.items() if name != "citations"}
        deltas = [{"type": f"{name}_delta", name: value} for name, value in grown.items()]
        deltas += [{"type": "citations_delta", "citation": citation} for citation in block.get("citations", ())]
        yield {"type": "content_block_start", "index": index, "content_block": start}
        yield from ({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}
    yield {"type": "message_stop"}


def _gemini(model: str) -> Iterator[Json]:
    head = {"responseId": "r1", "modelVersion": model}
    if model == "garbles":
        yield {**head, "candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}
        return
    for candidate in GEMINI[model]:
        yield {**head, "candidates": [candidate]}
    yield {**head, "candidates": [{"content": {"parts": []}, "finishReason": "STOP"}]}


class _Host(BaseHTTPRequestHandler):
    """Claude and Gemini as streams."""

    bodies: ClassVar = list[Json]()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.bodies.append(body)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        model = body.get("model") or self.path.rpartition("/")[2].partition(":")[0]
        for event in _claude(model) if "model" in body else _gemini(model):
            self.wfile.write(b"data: %b\n\n" % json.dumps(event).encode())

    def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] it says nothing
        """Nothing is logged."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    config = f"""
providers:
  anthropic: {{api_key: k, base_url: '{url}'}}
  gemini: {{api_key: k, base_url: '{url}'}}
models:
  either:
    targets: [{{provider: gemini, model: garbles}}, {{provider: anthropic, model: thinks}}]
"""
    folder: Path = tmp_path_factory.mktemp("streams")
    with (
        run_gateway(folder / "data", config) as gateway,
        OpenAI(api_key=gateway.key, base_url=f"{gateway.url}/v1", max_retries=0, timeout=20) as client,
    ):
        yield client
    server.shutdown()
    server.server_close()


def joined(client: OpenAI, model: str, *history: Json, cached: bool = False) -> Json:
    """The message that the client puts together; `cached`: of an answer that was kept."""
    messages = cast("Any", [{"role": "user", "content": "Go"}, *history])
    headers = {"x-llmgateway-cache": "60"} if cached else {}
    message, asked = Json(), 0
    for _ in range(1 + cached):
        asked = len(_Host.bodies)
        with client.chat.completions.stream(model=model, messages=messages, extra_headers=headers) as stream:
            message = stream.get_final_completion().choices[0].message.to_dict()
    assert (len(_Host.bodies) == asked) is cached
    return message


def numbered(entries: list[Json]) -> list[Json]:
    return [{**entry, "index": index} for index, entry in enumerate(entries)]


def addresses(message: Json) -> list[str]:
    return [annotation["url_citation"]["url"] for annotation in message["annotations"]]


@pytest.mark.parametrize("cached", [False, True], ids=["fresh", "kept"])
def test_two_thoughts_of_claude_and_back(client: OpenAI, *, cached: bool) -> None:
    message = joined(client, "anthropic/thinks", cached=cached)
    assert message["thinking_blocks"] == numbered(THOUGHTS)
    joined(client, "anthropic/thinks", message, {"role": "user", "content": "Go on"})
    assert _Host.bodies[-1]["messages"][1]["content"] == CLAUDE["thinks"]


@pytest.mark.parametrize("cached", [False, True], ids=["fresh", "kept"])
def test_a_search_of_claude_with_two_citations_and_back(client: OpenAI, *, cached: bool) -> None:
    message = joined(client, "anthropic/searches", cached=cached)
    assert message["provider_blocks"] == numbered(CLAUDE["searches"])
    assert addresses(message) == ["https://a.org", "https://b.org"]
    joined(client, "anthropic/searches", message, {"role": "user", "content": "Go on"})
    assert _Host.bodies[-1]["messages"][1]["content"] == CLAUDE["searches"]


@pytest.mark.parametrize("cached", [False, True], ids=["fresh", "kept"])
def test_two_pictures_of_gemini_and_back(client: OpenAI, *, cached: bool) -> None:
    message = joined(client, "gemini/paints", cached=cached)
    assert [image["image_url"]["url"][-4:] for image in message["images"]] == ["QUFB", "QkJC"]
    joined(client, "gemini/paints", message, {"role": "user", "content": "Go on"})
    assert _Host.bodies[-1]["contents"][1]["parts"] == PICTURES


@pytest.mark.parametrize("cached", [False, True], ids=["fresh", "kept"])
def test_two_groundings_of_gemini(client: OpenAI, *, cached: bool) -> None:
    message = joined(client, "gemini/grounds", cached=cached)
    assert addresses(message) == ["https://a.org", "https://b.org"]
    assert message["content"] == "A. B."


def test_another_is_asked_when_gemini_writes_what_cannot_be_read(client: OpenAI) -> None:
    assert joined(client, "either")["content"] == "Three."
