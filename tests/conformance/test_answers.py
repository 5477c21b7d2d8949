"""Every provider's answer means the same to the caller as it did to the provider: whole, streamed, and cut anywhere."""

import pytest

from llmgateway.canon.call import Operation
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.base import UpstreamReply
from tests.conformance.meaning import Said, said_in_stream, said_whole
from tests.conformance.samples import ANSWERS, CUT, same, sayable, steps_of
from tests.conformance.targets import Target, chat, those_with

CHATS = pytest.mark.parametrize("target", those_with(Operation.CHAT), ids=lambda target: target.name)
EACH = pytest.mark.parametrize("name", ANSWERS)


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
            target.provider.read(chat({}), UpstreamReply(200, {}, body))
        assert caught.value.kind is FailureKind.PROTOCOL
