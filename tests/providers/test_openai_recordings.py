"""Every recording on OpenAI's wire: requests keep their fields, answers and streams their meaning."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import msgspec
import pytest

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import objects
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.dispatch.assembly import Assembly
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.base import Answer, Decoder, Place, Step
from llmgateway.providers.openai_compatible import OpenAICompatible
from llmgateway.providers.openai_wire.history import as_system
from tests.providers.openai_recordings import Recording, each, meaning, recordings

CHATS = recordings("openai.chat", "chat")
STREAMS = recordings("openai.chat", "chat_stream")
VECTORS = recordings("openai.embeddings", "embeddings")
GOOD = 200
FAILED = [r for r in [*CHATS, *STREAMS, *VECTORS] if r.reply.status != GOOD]
WHOLE = [r for r in CHATS if r.reply.status == GOOD and "choices" in r.whole]
RUNNING = [r for r in STREAMS if r.reply.status == GOOD and not any(f.get("error") for f in r.frames)]
BROKEN = [r for r in STREAMS if r.reply.status == GOOD and any(f.get("error") for f in r.frames)]
CHANGED = frozenset({"model", "stream", "stream_options", "encoding_format"})
KINDS = {
    400: {FailureKind.BAD_REQUEST, FailureKind.CONTEXT_TOO_LONG},
    401: {FailureKind.AUTH},
    403: {FailureKind.AUTH},
    404: {FailureKind.NOT_FOUND},
    422: {FailureKind.BAD_REQUEST},
    429: {FailureKind.RATE_LIMITED},
    500: {FailureKind.SERVER_ERROR},
    501: {FailureKind.SERVER_ERROR},
}


def call_of(recording: Recording, operation: Operation = Operation.CHAT) -> Call:
    body = {"model": "asked-for", **recording.request}  # Azure names it in the path
    return OpenAIDialect().read(operation, msgspec.json.encode(body), Wishes())


def place(*, stream: bool = False) -> Place:
    return Place(
        model="served",
        base_url="http://h",
        secrets={"api_key": "k"},
        stream=stream,
        now=datetime(2026, 1, 2, tzinfo=UTC),
    )


@each([r for r in [*CHATS, *STREAMS] if r.reply.status == GOOD])
def test_a_request_arrives_with_all_its_fields(recording: Recording) -> None:
    provider, call = recording.provider, call_of(recording)
    assert list(provider.refuses(call, "served")) == []
    sent: Json = msgspec.json.decode(provider.build(call, place(stream=call.stream)).body)
    assert sent["model"] == "served"
    assert bool(sent.get("stream")) is call.stream
    for name, value in recording.request.items():
        if name not in CHANGED and name not in provider.unsupported:
            kept = _history(provider, value) if name == "messages" else value
            assert sent[provider.renames.get(name, name)] == kept, name
    assert sent.keys() - {"model", "stream", "stream_options", *provider.renames.values()} <= recording.request.keys()


def _history(provider: OpenAICompatible, messages: list[Json]) -> Sequence[Json]:
    """As the provider takes it; ids that its recorder made unreadable are no longer in its form."""
    named = provider.call_ids.in_history(messages) if provider.call_ids else messages
    return named if provider.native else [as_system(message) for message in named]


@each(WHOLE)
def test_an_answer_keeps_its_meaning(recording: Recording) -> None:
    answer = recording.provider.read(call_of(recording), recording.reply)
    given = recording.whole
    assert [meaning(choice) for choice in answer.body["choices"]] == [
        replace(meaning(choice), finish=made["finish_reason"])
        for choice, made in zip(given["choices"], answer.body["choices"], strict=True)
    ]
    for choice, made in zip(given["choices"], answer.body["choices"], strict=True):
        reason = meaning(choice).finish
        called = bool(choice["message"].get("tool_calls"))
        assert made["finish_reason"] in ({reason, "tool_calls"} if called else {reason or "stop"})
    _check_usage(answer, given)


def _total(figures: Json) -> int:
    """With reasoning that a host leaves out of its own total: it is more than the completion it should be in."""
    details: Json = figures.get("completion_tokens_details") or {}
    reasoning: int = details.get("reasoning_tokens") or 0
    told: int = figures["total_tokens"]
    beside = (
        reasoning > figures["completion_tokens"] and told == figures["prompt_tokens"] + figures["completion_tokens"]
    )
    return told + (reasoning if beside else 0)


def _check_usage(answer: Answer, given: Json) -> None:
    figures = given.get("usage")
    if not figures:
        assert answer.usage is None
        return
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == figures["prompt_tokens"]
    details: Json = figures.get("completion_tokens_details") or {}
    assert answer.usage.completion_tokens >= figures["completion_tokens"]
    assert answer.usage.reasoning_tokens >= (details.get("reasoning_tokens") or 0)
    assert answer.usage.total_tokens == _total(figures)


@each(RUNNING)
def test_a_stream_keeps_its_meaning(recording: Recording) -> None:
    call = call_of(recording)
    steps = decoded(recording.provider.decoder(call, native=False), recording.reply.body)
    assembly = Assembly()
    for step in steps:
        assembly.add(step)
    whole = assembly.answer()
    made = {c["index"]: (_field(c, "content"), _field(c, "reasoning_content")) for c in whole.body["choices"]}
    assert made == spoken_in(recording)
    assert whole.finish
    figures = [frame["usage"] for frame in recording.frames if frame.get("usage")]
    assert (whole.usage is not None) is (
        bool(figures) or any(frame.get("x_groq", {}).get("usage") for frame in recording.frames)
    )
    if figures and whole.usage is not None:
        assert whole.usage.total_tokens == _total(figures[-1])
    for choice in whole.body["choices"]:
        for call_made in objects(choice["message"].get("tool_calls")):
            assert call_made["id"]
            assert call_made["function"]["name"]
            if choice["finish_reason"] == "tool_calls":
                msgspec.json.decode(call_made["function"]["arguments"] or "{}")


def _field(choice: Json, name: str) -> str:
    return choice["message"].get(name) or ""


def spoken_in(recording: Recording) -> dict[int, tuple[str, str]]:
    """Choice -> (text, thoughts), added up."""
    said = dict[int, tuple[str, str]]()
    for frame in recording.frames:
        for choice in objects(frame.get("choices")):
            index = choice.get("index") or 0
            piece = meaning({"message": {**(choice.get("delta") or {}), "tool_calls": []}})
            text, thoughts = said.get(index, ("", ""))
            said[index] = (text + piece.text, thoughts + piece.thoughts)
    return said


@each(RUNNING)
def test_a_stream_cut_at_every_byte_gives_the_same_steps(recording: Recording) -> None:
    call, body = call_of(recording), recording.reply.body
    for native in (False, True):
        at_once = decoded(recording.provider.decoder(call, native=native), body)
        assert decoded(recording.provider.decoder(call, native=native), body, piece=1) == at_once


@each(RUNNING)
def test_a_native_stream_passes_byte_for_byte(recording: Recording) -> None:
    steps = decoded(recording.provider.decoder(call_of(recording), native=True), recording.reply.body)
    passed = b"".join(step.raw for step in steps)
    assert passed.replace(b"\n", b"") == recording.reply.body.replace(b"\r", b"").replace(b"\n", b"")


@each(BROKEN)
def test_an_error_inside_a_stream_is_one(recording: Recording) -> None:
    for native in (False, True):
        steps = decoded(recording.provider.decoder(call_of(recording), native=native), recording.reply.body)
        errors = [step.error for step in steps if step.error]
        assert [error.message for error in errors] == [
            f["error"]["message"] for f in recording.frames if f.get("error")
        ]


@each(FAILED)
def test_a_failure_has_its_kind_and_words(recording: Recording) -> None:
    error = recording.provider.classify(recording.reply)
    assert error.status == recording.reply.status
    assert error.kind in KINDS[recording.reply.status]
    words = cast("str", recording.whole.get("detail") or recording.whole.get("message") or "")
    inner = recording.whole.get("error")
    assert error.message.startswith((inner if isinstance(inner, str) else inner["message"]) if inner else words)


@each([r for r in VECTORS if r.reply.status == GOOD])
def test_vectors_and_their_figures_are_read(recording: Recording) -> None:
    call = call_of(recording, Operation.EMBEDDINGS)
    sent: Json = msgspec.json.decode(recording.provider.build(call, place()).body)
    assert sent["input"] == recording.request["input"]
    answer = recording.provider.read(call, recording.reply)
    assert len(answer.body["data"]) == len(recording.whole["data"])
    total = recording.whole["usage"]["total_tokens"]
    assert (answer.usage.total_tokens if answer.usage else 0) == total  # a host that counts nothing is counted for


@each([r for r in CHATS if r.reply.status == GOOD and "choices" not in r.whole])
def test_an_error_inside_a_200_is_a_failure(recording: Recording) -> None:
    with pytest.raises(ProviderError) as failure:
        recording.provider.read(call_of(recording), recording.reply)
    assert failure.value.message.startswith(recording.whole["error"]["message"])
    assert failure.value.status != GOOD


def decoded(decoder: Decoder, data: bytes, piece: int | None = None) -> list[Step]:
    """All steps, from pieces of that many bytes."""
    size = piece or max(1, len(data))
    steps = [step for start in range(0, len(data), size) for step in decoder.feed(data[start : start + size])]
    return [*steps, *decoder.close()]
