"""Recorded answers of the Messages API mean the same after translation, and pass untouched to who speaks it."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.canon.chat import Json
from llmgateway.providers.anthropic.answer import finish_of, reported_usage, usage_of
from llmgateway.providers.anthropic.declaration import ANTHROPIC
from llmgateway.providers.base import Answer, Step, UpstreamReply
from tests.providers.anthropic_recordings import Meaning, Recording, each, final_message, meaning, recordings

NOW = datetime(2026, 1, 2, tzinfo=UTC)
GOOD = [r for r in recordings() if r.status == 200]
WHOLE = [r for r in GOOD if not r.stream]
STREAMED = [r for r in GOOD if r.stream]


def call(dialect: Dialect = Dialect.OPENAI, *, stream: bool = False, operation: Operation = Operation.CHAT) -> Call:
    body: Json = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    return Call(operation=operation, dialect=dialect, model="m", stream=stream, body=body, canon=body)


def reply(recording: Recording) -> UpstreamReply:
    return UpstreamReply(recording.status, recording.headers, recording.body)


def check_meaning(completion: Json, answer: Answer, wanted: Meaning) -> None:
    """The completion says what the recorded message said."""
    choice = completion["choices"][0]
    message = choice["message"]
    assert completion["id"] == wanted.id
    assert (message.get("content") or "") == wanted.text
    assert (message.get("reasoning_content") or "") == wanted.thinking
    thinking: list[Json] = message.get("thinking_blocks", [])
    assert [b["signature"] for b in thinking if b["type"] == "thinking"] == wanted.signatures
    calls = [
        (c["id"], c["function"]["name"], msgspec.json.decode(c["function"]["arguments"]))
        for c in message.get("tool_calls", [])
    ]
    assert calls == wanted.calls
    assert choice["finish_reason"] == finish_of(wanted.stop)
    assert choice["native_finish_reason"] == wanted.stop
    assert [a["url_citation"]["url"] for a in message.get("annotations", [])] == wanted.urls
    check_usage(completion["usage"], answer, wanted)


def check_usage(usage: Json, answer: Answer, wanted: Meaning) -> None:
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (wanted.input, wanted.output)
    assert (answer.usage.cached_tokens, answer.usage.cache_write_tokens) == (wanted.cached, wanted.written)
    assert usage["prompt_tokens"] == wanted.input
    assert usage["total_tokens"] == wanted.input + wanted.output
    assert usage["prompt_tokens_details"]["cached_tokens"] == wanted.cached


def assembled(steps: Sequence[Step]) -> tuple[Json, Answer]:
    """A completion from chunks, as an OpenAI client adds them up."""
    message: Json = {"role": "assistant", "content": ""}
    calls: dict[int, Json] = {}
    completion: Json = {"choices": [{"index": 0, "message": message, "finish_reason": None}]}
    usage = None
    for step in steps:
        usage = step.usage or usage
        if step.chunk is None:
            continue
        completion["id"] = step.chunk["id"]
        if step.usage_only:
            assert not step.chunk["choices"]
            completion["usage"] = step.chunk.get("usage")
        for choice in step.chunk["choices"]:
            for name, value in choice["delta"].items():
                if name == "tool_calls":
                    add_calls(calls, choice["delta"].get("tool_calls", []))
                elif name != "role":
                    message[name] = message[name] + value if message.get(name) else value
            if choice["finish_reason"]:
                completion["choices"][0].update({k: v for k, v in choice.items() if k not in {"delta", "index"}})
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    return completion, Answer(body=completion, usage=usage)


def add_calls(calls: dict[int, Json], pieces: Sequence[Json]) -> None:
    for piece in pieces:
        if "id" in piece:
            calls[piece["index"]] = {"id": piece["id"], "function": dict(piece["function"])}
        else:
            calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]


def decoded(body: bytes, *, native: bool, seed: int | None = None) -> list[Step]:
    """All steps of a stream that comes in pieces of random size."""
    decoder = ANTHROPIC.decoder(call(stream=True), native=native)
    cuts = random.Random(seed)
    steps: list[Step] = []
    rest = body
    while rest:
        size = len(rest) if seed is None else cuts.randint(1, 200)
        steps += decoder.feed(rest[:size])
        rest = rest[size:]
    return [*steps, *decoder.close()]


@each(WHOLE)
def test_a_whole_answer_means_the_same_in_canon(recording: Recording) -> None:
    answer = ANTHROPIC.read(call(), reply(recording))
    check_meaning(answer.body, answer, meaning(recording.whole))
    assert answer.raw is None


@each(WHOLE)
def test_a_whole_native_answer_keeps_its_bytes(recording: Recording) -> None:
    answer = ANTHROPIC.read(call(Dialect.ANTHROPIC), reply(recording))
    assert answer.raw == recording.body
    assert answer.finish == finish_of(recording.whole["stop_reason"])
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == meaning(recording.whole).input


def test_what_changes_the_price_is_read_whole_and_streamed() -> None:
    figures: Json = {"input_tokens": 9, "output_tokens": 2, "speed": "fast", "inference_geo": "us"}
    whole: Json = {"type": "message", "content": [], "stop_reason": "end_turn", "usage": figures}
    read = ANTHROPIC.read(call(), UpstreamReply(200, {}, msgspec.json.encode(whole))).usage
    assert read is not None
    assert (read.speed, read.region) == ("fast", "us")
    start: Json = {"type": "message_start", "message": {"id": "m", "usage": figures}}
    delta: Json = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}
    events = [f"event: {e['type']}\n".encode() + b"data: " + msgspec.json.encode(e) + b"\n\n" for e in (start, delta)]
    for native in (True, False):
        assert [step.usage for step in decoded(b"".join(events), native=native) if step.usage][-1] == read


def test_the_usual_speed_is_no_speed() -> None:
    figures = reported_usage({"usage": {"input_tokens": 9, "output_tokens": 2, "speed": "standard"}})
    usage = usage_of(figures)
    assert usage is not None
    assert usage.speed is None


@each(STREAMED)
def test_a_streamed_answer_means_the_same_in_canon(recording: Recording) -> None:
    wanted = meaning(final_message(recording))
    steps = decoded(recording.body, native=False)
    check_meaning(*assembled(steps), wanted)
    assert steps[-1].end
    assert [step.finish for step in steps if step.finish] == [finish_of(wanted.stop)]


@each(STREAMED)
def test_a_stream_cut_anywhere_gives_the_same_steps(recording: Recording) -> None:
    whole = decoded(recording.body, native=False)
    for seed in range(5):
        assert decoded(recording.body, native=False, seed=seed) == whole


@each(STREAMED)
def test_a_native_stream_keeps_its_bytes_and_is_understood(recording: Recording) -> None:
    steps = decoded(recording.body, native=True, seed=1)
    assert b"".join(step.raw for step in steps).rstrip(b"\n") == recording.body.rstrip(b"\n")
    assert all(step.chunk is None for step in steps)
    wanted = meaning(final_message(recording))
    usage = [step.usage for step in steps if step.usage][-1]
    assert (usage.prompt_tokens, usage.completion_tokens) == (wanted.input, wanted.output)
    assert [step.finish for step in steps if step.finish] == [finish_of(wanted.stop)]
    assert any(step.content for step in steps)
    assert steps[-1].end
