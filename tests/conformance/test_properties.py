"""Whatever is said and asked keeps its meaning between any dialect and any wire, however the bytes are cut."""

import json
from dataclasses import replace
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import objects, text_of
from llmgateway.providers.base import Step
from tests.conformance.dialects import CLIENTS, Client, Conversation, Turn
from tests.conformance.meaning import Said
from tests.conformance.samples import QUESTION, same
from tests.conformance.targets import Target, one_a_wire

_FEW: Final = settings(max_examples=40, deadline=None)
_SIGNS: Final = st.characters(exclude_categories=("Cs", "Cc"))
WORDS: Final = st.text(_SIGNS, min_size=1, max_size=12).filter(lambda text: text.strip() != "" and text[0] not in "{[")
_NAMES: Final = st.sampled_from(["weather", "time", "look_up"])
_GIVEN: Final = st.dictionaries(
    st.sampled_from(["city", "country", "ü"]), st.one_of(WORDS, st.integers(-9_999, 9_999), st.lists(WORDS, max_size=2))
)


def _identified(calls: list[Any]) -> Any:
    return tuple((f"call_{number}", *call) for number, call in enumerate(calls))


@st.composite
def answers(draw: st.DrawFn) -> Said:
    """Anything a model may say."""
    calls = _identified(draw(st.lists(st.tuples(_NAMES, _GIVEN), max_size=3)))
    text, reasoning = draw(st.one_of(WORDS, st.just(""))), draw(st.one_of(WORDS, st.just("")))
    finish = "tool_calls" if calls else draw(st.sampled_from(["stop", "length"]))
    prompt, completion = draw(st.integers(1, 9_999)), draw(st.integers(2, 9_999))
    cached, reasoned = draw(st.integers(0, prompt)), draw(st.integers(0, completion - 1))
    said = Said(text=text or ("" if calls else "."), reasoning=reasoning, calls=calls, finish=finish)
    return replace(said, prompt=prompt, completion=completion, cached=cached, reasoned=reasoned)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """Any history of text and tools."""
    turns, number = list[Turn](), 0
    drawn = draw(st.lists(st.tuples(WORDS, WORDS, st.lists(st.tuples(_NAMES, _GIVEN, WORDS), max_size=2)), max_size=2))
    for user, answer, calls in drawn:
        identified = tuple((f"call_{number + place}", *call) for place, call in enumerate(calls))
        number += len(calls)
        turns.append(Turn(user, answer, identified))
    turns.append(Turn(draw(WORDS)))
    tools = tuple(draw(st.lists(_NAMES, unique=True, max_size=3)))
    if number:
        tools = ("weather", "time", "look_up")
    choice = draw(st.sampled_from([None, "auto"]))
    return Conversation(draw(WORDS), tuple(turns), draw(st.integers(1, 4_096)), tools, choice)


BOTH = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.writer.id)
WIRES = pytest.mark.parametrize("target", one_a_wire(), ids=lambda target: target.name)


@BOTH
@WIRES
@_FEW
@given(said=answers())
def test_an_answer_keeps_its_meaning(client: Client, target: Target, said: Said) -> None:
    call = client.call({**QUESTION[client.writer.id]})
    answer = target.provider.read(call, target.wire.answer(said))
    written: Json = json.loads(
        client.writer.answer(call, msgspec.structs.replace(answer, raw=None)) if answer.raw is None else answer.raw
    )
    same(target, client.whole(written), said.without(target.wire.lacks))


@BOTH
@WIRES
@_FEW
@given(said=answers(), dice=st.randoms(use_true_random=False))
def test_a_stream_cut_anywhere_keeps_its_meaning(client: Client, target: Target, said: Said, dice: Any) -> None:
    call = client.call({**QUESTION[client.writer.id], "stream": True})
    data = target.wire.stream(said)
    cuts = sorted(dice.sample(range(len(data)), min(9, len(data))))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    decoder = target.provider.decoder(call, native=False)
    steps = [*(step for piece in pieces for step in decoder.feed(piece)), *decoder.close()]
    same(target, client.stream(_written(client, call, steps)), said.without(target.wire.lacks))


@BOTH
@WIRES
@_FEW
@given(conversation=conversations())
def test_a_request_keeps_its_meaning(client: Client, target: Target, conversation: Conversation) -> None:
    call = client.call(client.body(conversation))
    assert list(target.provider.refuses(call, target.model)) == []
    asked = target.wire.asked(target.provider, target.provider.build(call, target.place()))
    wanted = conversation.asked
    if asked.settings.get("tool_choice") is None and conversation.choice == "auto":
        wanted.settings.pop("tool_choice", None)  # it is the default, and may be left unsaid
    assert asked == wanted


@BOTH
@_FEW
@given(said=answers())
def test_an_answer_comes_back_as_history_unharmed(client: Client, said: Said) -> None:
    """Dialect to canon to dialect: what a client sends back on the next turn is what the model had said."""
    target = next(one for one in one_a_wire() if one.name == "anthropic")
    other = client if client.writer.id != "anthropic" else CLIENTS[0]
    first = target.provider.read(other.call(QUESTION[other.writer.id]), target.wire.answer(said))
    if client.writer.id == "anthropic":
        body: Json = json.loads(target.wire.answer(said).body)
    else:
        body = json.loads(client.writer.answer(client.call(QUESTION[client.writer.id]), first))
    history = [m for m in objects(client.call(client.again(body)).canon["messages"]) if m["role"] == "assistant"]
    assert len(history) == 1
    message, origin = history[0], first.body["choices"][0]["message"]
    assert text_of(message.get("content")) == said.text
    assert text_of(message.get("reasoning_content")) == said.reasoning
    assert message.get("thinking_blocks") == origin.get("thinking_blocks")
    found = [(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in _calls(message)]
    assert tuple(found) == said.calls


def _calls(message: Json) -> list[Json]:
    return objects(message.get("tool_calls"))


def _written(client: Client, call: Any, steps: list[Step]) -> bytes:
    """The stream as the caller gets it."""
    writer = client.writer.stream(call)
    usage = next((step.usage for step in reversed(steps) if step.usage), None)
    return writer.open() + b"".join(writer.chunk(step.chunk) for step in steps if step.chunk) + writer.close(usage)
