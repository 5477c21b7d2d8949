"""A provider that says nonsense is a provider that failed: the next target is asked, and nobody sees a fault of the gateway's own."""

import json
import random
from contextlib import suppress
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgateway.canon.call import Call
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object
from llmgateway.errors import ProviderError
from llmgateway.providers.base import Step, UpstreamReply
from llmgateway.providers.bedrock.framing import MessageSplitter
from tests.conformance.dialects import CLIENTS, Client
from tests.conformance.samples import ANSWERS, CUT, QUESTION, steps_of
from tests.conformance.targets import Target, one_a_wire
from tests.conformance.wires.bedrock import BedrockWire
from tests.providers.bedrock_building import event

_SAID: Final = [*(said for said in ANSWERS.values() if said.finish != "content_filter"), CUT]
_NONSENSE: Final = (
    "null",
    "0",
    "-1",
    "1.5",
    '""',
    '"x"',
    "[]",
    "{}",
    "[1]",
    "[null]",
    '{"a":1}',
    "true",
    "[[]]",
    "[{}]",
)


def _places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where there is something to spoil."""
    found = [here] if here else []
    inner = value.items() if is_object(value) else enumerate(value) if is_array(value) else ()
    for name, part in inner:
        found += _places(part, (*here, name))
    return found


def _spoilt(text: bytes, dice: random.Random) -> bytes:
    """The JSON with a few values taken out or replaced."""
    value: Any = json.loads(text)
    for _ in range(dice.randint(1, 3)):
        places = _places(value)
        if not places:
            break
        *way, last = dice.choice(places)
        owner = value
        for step in way:
            owner = owner[step]
        if dice.random() < 0.3:
            del owner[last]
        else:
            owner[last] = json.loads(dice.choice(_NONSENSE))
    return json.dumps(value).encode()


def _spoilt_stream(target: Target, data: bytes, dice: random.Random) -> bytes:
    if isinstance(target.wire, BedrockWire):
        messages, _ = MessageSplitter().feed(data)
        bodies = [_spoilt(m.payload, dice) if dice.random() < 0.3 else m.payload for m in messages]
        kinds = [message.headers[":event-type"] for message in messages]
        return b"".join(event(kind, json.loads(body)) for kind, body in zip(kinds, bodies, strict=True))
    lines = list[bytes]()
    for line in data.split(b"\n"):
        head, brace, rest = line.partition(b"{")
        spoils = brace and head in {b"", b"data: "} and dice.random() < 0.3
        lines.append(head + _spoilt(brace + rest, dice) if spoils else line)
    return b"\n".join(lines)


def _call(client: Client, *, stream: bool) -> Call:
    return client.call({**QUESTION[client.writer.id], "stream": stream})


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.writer.id)
@pytest.mark.parametrize("target", one_a_wire(), ids=lambda target: target.name)
@settings(max_examples=40, deadline=None)
@given(said=st.sampled_from(_SAID), dice=st.randoms(use_true_random=False))
def test_nonsense_is_understood_or_a_failure(client: Client, target: Target, said: Any, dice: random.Random) -> None:
    call = _call(client, stream=False)
    body = _spoilt(target.wire.answer(said).body, dice)
    with suppress(ProviderError):
        answer = target.provider.read(call, UpstreamReply(200, {}, body))
        if answer.raw is None:
            client.writer.answer(call, answer)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.writer.id)
@pytest.mark.parametrize("target", one_a_wire(), ids=lambda target: target.name)
@settings(max_examples=40, deadline=None)
@given(said=st.sampled_from(_SAID), dice=st.randoms(use_true_random=False))
def test_nonsense_in_a_stream_is_passed_over_or_a_failure(
    client: Client, target: Target, said: Any, dice: random.Random
) -> None:
    call = _call(client, stream=True)
    data = _spoilt_stream(target, target.wire.stream(said), dice)
    steps_of(target.provider.decoder(call, native=target.provider.speaks(call)), data)
    steps: list[Step] = steps_of(target.provider.decoder(call, native=False), data)
    writer = client.writer.stream(call)
    written = writer.open() + b"".join(writer.chunk(step.chunk) for step in steps if step.chunk)
    assert written + writer.close(next((step.usage for step in reversed(steps) if step.usage), None))


def test_spoiling_spoils() -> None:
    whole: Json = {"a": [{"b": 1}], "c": "d"}
    text = json.dumps(whole).encode()
    assert {_spoilt(text, random.Random(seed)) for seed in range(20)} - {text}
