"""Every recorded answer of generateContent says in canon what it says by Google's pages."""

import random
from typing import Any

import msgspec
import pytest

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.canon.chat import ChatChunk, Json
from llmgateway.canon.shapes import objects
from llmgateway.canon.usage import Usage
from llmgateway.providers.base import Step
from llmgateway.providers.gemini.declaration import GEMINI
from tests.providers.gemini_recordings import Meaning, Recording, each, figures, meanings, recordings

_WHOLE = recordings("google.generateContent", "chat")
_STREAMS = recordings("google.generateContent", "chat_stream")
_FINISH = {"STOP": "stop", "MAX_TOKENS": "length"}
_CALL = Call(operation=Operation.CHAT, dialect=Dialect.OPENAI, model="m", stream=True, body={}, canon={})


@each(_WHOLE)
def test_a_whole_answer_keeps_its_meaning(recording: Recording) -> None:
    answer = GEMINI.read(_CALL, recording.reply)
    expected = meanings(recording.frames)

    assert _counts(answer.usage) == figures(recording.frames)
    if not expected:
        (choice,) = answer.body["choices"]
        assert choice["finish_reason"] == answer.finish == "content_filter"
        assert recording.frames[0]["promptFeedback"]["blockReasonMessage"] in choice["message"]["refusal"]
        return
    assert [choice["index"] for choice in answer.body["choices"]] == sorted(expected)
    for choice in answer.body["choices"]:
        _check(choice["message"], choice["finish_reason"], expected[choice["index"]])


@each(_STREAMS)
def test_a_stream_keeps_its_meaning(recording: Recording) -> None:
    steps = _steps(recording.reply.body, len(recording.reply.body))
    expected = meanings(recording.frames)

    assert _counts([step.usage for step in steps if step.usage][-1]) == figures(recording.frames)
    assert [step.finish for step in steps if step.finish] == [_expected_finish(expected[0])]
    assert not any(step.error for step in steps)
    for index, meaning in expected.items():
        message, finish = _joined([step.chunk for step in steps if step.chunk], index)
        _check(message, finish, meaning)


@each(_STREAMS)
def test_a_stream_may_be_cut_anywhere(recording: Recording) -> None:
    body = recording.reply.body
    whole = _steps(body, len(body))

    assert _steps(body, 1) == whole
    dice = random.Random(recording.name)
    for _ in range(20):
        assert _steps(body, dice.randint(2, 700)) == whole


@each(_STREAMS)
def test_both_framings_say_the_same(recording: Recording) -> None:
    events = b"".join(b"data: %b\r\n\r\n" % msgspec.json.encode(frame) for frame in recording.frames)
    array = msgspec.json.encode(recording.frames)

    assert _steps(array, 333) == _steps(events, 333)


@each(_STREAMS)
def test_a_cut_stream_is_not_finished(recording: Recording) -> None:
    last = recording.reply.body.rindex(b"finishReason")
    assert not any(step.finish for step in _steps(recording.reply.body[:last], 100))


@each(_WHOLE, failed=True)
def test_a_recorded_failure_has_a_kind_and_the_words_of_google(recording: Recording) -> None:
    error = GEMINI.classify(recording.reply)
    told = recording.frames[0]["error"]

    assert error.message == told["message"]
    assert error.status == recording.reply.status
    assert error.kind.value in {"auth", "bad_request", "not_found", "rate_limited"}
    delays = [detail["retryDelay"] for detail in told.get("details", []) if "retryDelay" in detail]
    assert error.retry_after == (float(delays[0].removesuffix("s")) if delays else None)


def _check(message: Json, finish: str | None, meaning: Meaning) -> None:
    assert (message.get("content") or "") == meaning.text
    assert (message.get("reasoning_content") or "") == meaning.thoughts
    calls = objects(message.get("tool_calls"))
    told = [(call["function"]["name"], msgspec.json.decode(call["function"]["arguments"])) for call in calls]
    assert told == meaning.calls
    assert len({call["id"] for call in calls}) == len(calls)
    assert finish == _expected_finish(meaning)
    kept = msgspec.json.encode(message).decode()
    assert all(signature in kept for signature in meaning.signatures)
    spans = [annotation["url_citation"] for annotation in objects(message.get("annotations"))]
    assert [meaning.text[span["start_index"] : span["end_index"]] for span in spans] == meaning.cited


def _expected_finish(meaning: Meaning) -> str:
    return "tool_calls" if meaning.calls else _FINISH[meaning.finish or ""]


def _counts(usage: Usage | None) -> tuple[int, int, int, int] | None:
    if usage is None:
        return None
    return usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.reasoning_tokens


def _steps(body: bytes, size: int) -> list[Step]:
    decoder = GEMINI.decoder(_CALL, native=False)
    steps = [step for start in range(0, len(body), size) for step in decoder.feed(body[start : start + size])]
    return [*steps, *decoder.close()]


def _joined(chunks: list[ChatChunk], index: int) -> tuple[Json, str | None]:
    """The message that a client puts together, and its finish reason."""
    message: dict[str, Any] = {}
    finish: str | None = None
    for chunk in chunks:
        for choice in chunk["choices"]:
            if choice["index"] != index:
                continue
            finish = choice["finish_reason"] or finish
            for name, value in choice["delta"].items():
                joins = name in message and isinstance(value, (str, list))
                message[name] = message[name] + value if joins else value
    assert [call["index"] for call in message.get("tool_calls", [])] == list(range(len(message.get("tool_calls", []))))
    return message, finish


@pytest.mark.parametrize("body", [b"", b"data: \n\n", b": comment\n\n", b"data: nonsense\n\n", b"[", b"[nonsense]"])
def test_what_is_no_frame_is_skipped(body: bytes) -> None:
    assert _steps(body, 1) == []
