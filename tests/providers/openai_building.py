"""Calls, places and streams for tests of OpenAI's wire."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from llmgateway.canon.call import Call
from llmgateway.canon.chat import Json
from llmgateway.providers.base import Place, Step, UpstreamReply
from llmgateway.providers.openai_compatible import OpenAICompatible, compatible_host
from tests.providers.calls import chat

LAB = compatible_host("lab", "http://lab/v1")
PLACE = Place(
    model="served",
    base_url="http://lab/v1",
    secrets={"api_key": "k"},
    stream=False,
    now=datetime(2026, 1, 2, tzinfo=UTC),
)
STREAMED = replace(PLACE, stream=True)


def reply(body: object, status: int = 200, headers: dict[str, str] | None = None) -> UpstreamReply:
    return UpstreamReply(status, headers or {}, body if isinstance(body, bytes) else msgspec.json.encode(body))


def answered(*choices: Json, host: OpenAICompatible = LAB, **body: Any) -> Json:
    """A whole answer as the caller gets it."""
    return host.read(chat(), reply({"choices": list(choices), **body})).body


def frames(*bodies: Json, done: bool = True) -> bytes:
    events = b"".join(b"data: " + msgspec.json.encode(body) + b"\n\n" for body in bodies)
    return events + (b"data: [DONE]\n\n" if done else b"")


def streamed(data: bytes, *, call: Call | None = None, native: bool = False) -> Sequence[Step]:
    decoder = LAB.decoder(call or chat(), native=native)
    return [*decoder.feed(data), *decoder.close()]


def deltas(*given: Json, finish: str | None = "stop") -> bytes:
    """A stream with these deltas of one choice, and how it ends."""
    chunks: list[Json] = [
        {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in given
    ]
    chunks.append({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    return frames(*chunks)


def pieces(steps: Sequence[Step], name: str) -> list[Any]:
    """A field of all deltas that have it."""
    chunks = [step.chunk for step in steps if step.chunk is not None]
    found: list[Any] = [choice["delta"].get(name) for chunk in chunks for choice in chunk["choices"]]
    return [value for value in found if value is not None]


def finishes(steps: Sequence[Step]) -> list[str]:
    return [step.finish for step in steps if step.finish]
