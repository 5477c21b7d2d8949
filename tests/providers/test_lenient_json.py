"""A character cut in halves, as JSON.stringify and json.dumps write it, is part of what was said."""

import json
from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Dialect
from llmgateway.canon.chat import Json
from llmgateway.providers.anthropic.declaration import ANTHROPIC
from llmgateway.providers.base import Decoder, Provider, Step, UpstreamReply
from llmgateway.providers.cohere.declaration import COHERE
from llmgateway.providers.gemini.declaration import GEMINI
from llmgateway.providers.hosts.openai import OPENAI
from llmgateway.providers.lenient_json import mended
from llmgateway.providers.ollama_native.declaration import OLLAMA_NATIVE
from tests.providers.calls import chat
from tests.providers.openai_building import LAB
from tests.providers.streams import completion

Wire = Callable[..., bytes]
HALVES = ("So \ud83d", "\ude00 it is")
JOINED = "So \U0001f600 it is"
APART = ("So \ud83d", "... ", "\ude00 it is")
LOST = "So \ufffd... \ufffd it is"


def _events(*bodies: Json) -> bytes:
    return b"".join(b"data: " + json.dumps(body).encode() + b"\n\n" for body in bodies)


def _openai(*pieces: str) -> bytes:
    deltas = [{"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]} for piece in pieces]
    end: Json = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return _events(*deltas, end) + b"data: [DONE]\n\n"


def _anthropic(*pieces: str) -> bytes:
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}} for piece in pieces
    ]
    return _events(
        {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    )


def _gemini(*pieces: str) -> bytes:
    said: list[Json] = [{"candidates": [{"index": 0, "content": {"parts": [{"text": piece}]}}]} for piece in pieces]
    return _events(*said, {"candidates": [{"index": 0, "finishReason": "STOP"}]})


def _cohere(*pieces: str) -> bytes:
    said = [
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": piece}}}} for piece in pieces
    ]
    return _events(*said, {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}})


def _ollama(*pieces: str) -> bytes:
    said: list[Json] = [{"message": {"content": piece}, "done": False} for piece in pieces]
    lines = [*said, {"message": {"content": ""}, "done": True, "done_reason": "stop"}]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


WIRES = pytest.mark.parametrize(
    ("provider", "wire"),
    [(LAB, _openai), (ANTHROPIC, _anthropic), (GEMINI, _gemini), (COHERE, _cohere), (OLLAMA_NATIVE, _ollama)],
    ids=["openai", "anthropic", "gemini", "cohere", "ollama"],
)


def _read(decoder: Decoder, data: bytes) -> Sequence[Step]:
    return [*decoder.feed(data), *decoder.close()]


@WIRES
@pytest.mark.parametrize(("pieces", "text"), [(HALVES, JOINED), (APART, LOST)], ids=["joined", "apart"])
def test_a_translated_stream_says_all(provider: Provider, wire: Wire, pieces: tuple[str, ...], text: str) -> None:
    made = completion(_read(provider.decoder(chat(), native=False), wire(*pieces)))
    assert (made["message"]["content"], made["finish"]) == (text, "stop")


def test_what_a_stream_ends_with_is_said() -> None:
    cut = {"choices": [{"index": 0, "delta": {"content": "So \ud83d"}, "finish_reason": "length"}]}
    for end in (b"data: [DONE]\n\n", b""):
        made = completion(_read(LAB.decoder(chat(), native=False), _events(cut) + end))
        assert (made["message"]["content"], made["finish"]) == ("So \ufffd", "length")


@pytest.mark.parametrize(
    ("provider", "wire"), [(OPENAI, _openai), (ANTHROPIC, _anthropic)], ids=["openai", "anthropic"]
)
def test_a_native_stream_goes_on_as_it_came(provider: Provider, wire: Wire) -> None:
    data = wire(*HALVES)
    steps = _read(provider.decoder(chat(), native=True), data)
    assert b"".join(step.raw for step in steps) == data
    assert "".join(step.text for step in steps) == "So \ufffd\ufffd it is"
    assert [step.finish for step in steps if step.finish] == ["stop"]


def test_an_event_of_responses_goes_on_as_it_came() -> None:
    data = _events({"type": "response.output_text.delta", "delta": "So \ud83d"})
    call = replace(chat(), dialect=Dialect.RESPONSES)
    [step] = _read(OPENAI.decoder(call, native=True), data)
    assert (step.raw, step.text, step.content) == (data, "So \ufffd", True)


@pytest.mark.parametrize("provider", [OPENAI, LAB])
def test_a_whole_answer_that_is_cut_inside_a_character_is_an_answer(provider: Provider) -> None:
    message = {"role": "assistant", "content": "So \ud83d"}
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "length"}]}).encode()
    answer = provider.read(chat(), UpstreamReply(200, {}, body))
    assert answer.body["choices"][0]["message"]["content"] == "So \ufffd"
    assert answer.raw in (body, None)


def test_a_whole_answer_of_gemini_is_one_as_well() -> None:
    content = {"parts": [{"text": "So \ud83d"}]}
    body = json.dumps({"candidates": [{"index": 0, "content": content, "finishReason": "MAX_TOKENS"}]}).encode()
    assert GEMINI.read(chat(), UpstreamReply(200, {}, body)).text == "So \ufffd"


def test_other_slips_are_mended_too() -> None:
    assert mended(b'{"logprob": -Infinity, "text": "a\nb"}') == b'{"logprob": null, "text": "a\\nb"}'
    assert mended(b"{no JSON") == b""
