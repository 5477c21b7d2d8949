"""What is asked and answered in tests of several files, and how its meaning is compared."""

from dataclasses import replace
from typing import Final

import pytest

from llmgateway.canon.chat import Json
from llmgateway.providers.base import Decoder, Step
from tests.conformance.meaning import Said
from tests.conformance.targets import Target

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
"""By name: everything a model may say."""
CUT = Said(
    reasoning="ü🤔",
    text="ß",
    calls=(("a", "f", {"x": "ö"}), ("b", "g", {"y": [1]})),
    finish="tool_calls",
)
"""An answer that is short, and has signs of several bytes in each of its parts: streams of it are cut at any byte."""
VECTORS = [[0.25, -1.0, 3.5], [0.5, 2.0, -0.125]]
"""Of two texts."""
QUESTION: Final[dict[str, Json]] = {
    "openai": {
        "model": "a-model",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream_options": {"include_usage": True},
    },
    "anthropic": {"model": "a-model", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]},
    "responses": {"model": "a-model", "input": "Hello", "store": False},
}
"""The same question in each dialect."""


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
