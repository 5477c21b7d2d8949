"""Requests to Cohere for tests, and the frames of its streams."""

from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from llmgateway.canon.chat import Json
from llmgateway.providers.base import Place
from llmgateway.providers.cohere.declaration import COHERE
from tests.providers.calls import chat

PLACE = Place(
    model="command-a-03-2025",
    base_url="https://api.cohere.com",
    secrets={"api_key": "k"},
    stream=False,
    now=datetime(2026, 1, 2, tzinfo=UTC),
)


def built(body: Json, **place: Any) -> Json:
    """The body that is sent for it."""
    return cast("Json", msgspec.json.decode(COHERE.build(chat(body), replace(PLACE, **place)).body))


def event(kind: str, index: int = 0, **message: Any) -> bytes:
    """A frame of a stream: its kind, and what its delta says."""
    body = {"type": kind, "index": index, "delta": {"message": message}}
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(body))
