"""Streams in tests: bytes in arbitrary pieces in, one completion out."""

import random
from collections.abc import Sequence
from typing import Any

from llmgateway.canon.chat import Json
from llmgateway.canon.usage import Usage
from llmgateway.providers.base import Decoder, Step


def decoded(decoder: Decoder, data: bytes, seed: int | None = None) -> list[Step]:
    """All steps; cut at random places when there is a seed."""
    if seed is None:
        return [*decoder.feed(data), *decoder.close()]
    cuts = sorted(random.Random(seed).sample(range(len(data) + 1), min(40, len(data))))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    steps = [step for piece in pieces for step in decoder.feed(piece)]
    return [*steps, *decoder.close()]


def completion(steps: Sequence[Step]) -> Json:
    """The completion as an OpenAI client adds it up; the delta fields of `message` joined, calls in their places."""
    message: Json = {"content": "", "tool_calls": {}}
    made: Json = {"message": message, "finish": None, "usage": None}
    for step in steps:
        if step.chunk is None:
            continue
        made["usage"] = step.chunk.get("usage") or made["usage"]
        for choice in step.chunk["choices"]:
            assert choice["index"] == 0
            made["finish"] = choice["finish_reason"] or made["finish"]
            for name, value in choice["delta"].items():
                if name == "tool_calls":
                    _add_calls(message["tool_calls"], value)
                elif name != "role" and value:
                    message[name] = message[name] + value if message.get(name) else value
    message["tool_calls"] = [message["tool_calls"][index] for index in sorted(message["tool_calls"])]
    return made


def _add_calls(calls: dict[int, Json], deltas: Any) -> None:
    for delta in deltas:
        function = delta["function"]
        if delta.get("id"):
            assert delta["index"] == len(calls)
            calls[delta["index"]] = {"id": delta["id"], "name": function["name"], "arguments": ""}
        calls[delta["index"]]["arguments"] += function["arguments"]


def last_usage(steps: Sequence[Step]) -> Usage | None:
    """What the meter would count."""
    return next((step.usage for step in reversed(steps) if step.usage), None)
