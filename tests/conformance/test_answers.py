"""Every provider's answer means the same to the caller as it did to the provider: whole, streamed, and cut anywhere."""

from dataclasses import replace

import pytest

from llmgateway.canon.call import Operation
from llmgateway.canon.chat import Json
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.base import Decoder, Reply, Step
from tests.conformance.meaning import Said, said_in_stream, said_whole
from tests.conformance.targets import Target, chat, those_with

_ROME: Json = {"city": "Rom", "deep": {"list": [1, 2.5, None, 'ü{}"\\']}}
ANSWERS = {
    "text": Said(text='Grüße aus 東京, w/ "quotes" and \\n — 🙂.', prompt=40, completion=20),
    "cut off": Said(text="It ends in the mid", finish="length"),
    "filtered": Said(text="I can", finish="content_filter"),
    "thinking": Said(reasoning="Größer als 9 — 🤔?", text="Ja.", completion=30, reasoned=12),
    "one call": Said(calls=(("call_1", "weather", _ROME),), finish="tool_calls"),
    "parallel calls": Said(
        text="Both:",
        calls=(
            ("call_1", "weather", _ROME),
            ("call_2", "time", {"city": "Köln"}),
            ("call_3", "time", {"city": "Bern"}),
        ),
        finish="tool_calls",
    ),
    "cached prompt": Said(text="Hi", prompt=2_000, cached=1_536, completion=1),
}
CUT = Said(
    reasoning="ü🤔",
    text="ß",
    calls=(("a", "f", {"x": "ö"}), ("b", "g", {"y": [1]})),
    finish="tool_calls",
)

CHATS = pytest.mark.parametrize("target", those_with(Operation.CHAT), ids=lambda target: target.name)
EACH = pytest.mark.parametrize("name", ANSWERS)


def sayable(target: Target, said: Said) -> Said:
    """What the target's wire can say of it; skips what it cannot say at all."""
    if said.finish == "content_filter" and "content_filter" in target.wire.lacks:
        pytest.skip(f"{target.name} has no word for a filtered answer")
    return said.without(target.wire.lacks)


def same(target: Target, found: Said, said: Said) -> None:
    """The meanings agree; who gives calls no id has got ids made for them."""
    if "ids" in target.wire.lacks:
        made = [identifier for identifier, _, _ in found.calls]
        assert all(made)
        assert len(set(made)) == len(made)
        found = replace(found, calls=tuple(("", name, arguments) for _, name, arguments in found.calls))
    assert found == said


def steps_of(decoder: Decoder, *data: bytes) -> list[Step]:
    """All steps of the pieces."""
    return [*(step for piece in data for step in decoder.feed(piece)), *decoder.close()]


@CHATS
@EACH
def test_a_whole_answer(target: Target, name: str) -> None:
    said = sayable(target, ANSWERS[name])
    answer = target.provider.read(chat({}), target.wire.answer(said))
    body = answer.body
    same(target, said_whole(body, answer.usage), said)
    assert answer.finish == said.finish
    assert said.text in answer.text


@CHATS
@EACH
def test_a_stream(target: Target, name: str) -> None:
    said = sayable(target, ANSWERS[name])
    steps = steps_of(target.provider.decoder(chat({}, stream=True), native=False), target.wire.stream(said))
    same(target, said_in_stream(steps), said)
    assert [step.finish for step in steps if step.finish] == [said.finish]
    assert not [step.error for step in steps if step.error]
    assert any(step.content for step in steps)
    heard = "".join(step.text for step in steps)
    assert said.reasoning in heard
    assert said.text in heard


@CHATS
def test_calls_alone_come_without_a_text(target: Target) -> None:
    said = sayable(target, ANSWERS["one call"])
    whole = target.provider.read(chat({}), target.wire.answer(said)).body["choices"][0]["message"]
    steps = steps_of(target.provider.decoder(chat({}, stream=True), native=False), target.wire.stream(said))
    pieces = [choice["delta"] for step in steps if step.chunk for choice in step.chunk["choices"]]
    assert pieces[0].get("role") == "assistant"
    assert {piece.get("content") for piece in (whole, *pieces)} == {None}


@CHATS
def test_a_stream_that_is_cut_at_any_byte_means_the_same(target: Target) -> None:
    said = sayable(target, CUT)
    data, call = target.wire.stream(said), chat({}, stream=True)
    whole = said_in_stream(steps_of(target.provider.decoder(call, native=False), data))
    same(target, whole, said)
    for place in range(1, len(data)):
        steps = steps_of(target.provider.decoder(call, native=False), data[:place], data[place:])
        same(target, said_in_stream(steps), said)
    single = [data[place : place + 1] for place in range(len(data))]
    same(target, said_in_stream(steps_of(target.provider.decoder(call, native=False), *single)), said)


@CHATS
def test_a_stream_that_breaks_off_is_not_finished(target: Target) -> None:
    data = target.wire.stream(Said(text="It goes on and on."))
    steps = steps_of(target.provider.decoder(chat({}, stream=True), native=False), data[: len(data) // 2])
    assert not [step.finish for step in steps if step.finish]
    assert not any(step.end for step in steps)


@CHATS
def test_a_malformed_answer_is_a_failure(target: Target) -> None:
    for body in (b"", b"<html>", b"[]", b"{}", b"\xff\xfe", b"null"):
        with pytest.raises(ProviderError) as caught:
            target.provider.read(chat({}), Reply(200, {}, body))
        assert caught.value.kind is FailureKind.PROTOCOL
