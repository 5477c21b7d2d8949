"""Calls, places, event streams and bodies for tests of Bedrock."""

import zlib
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from llmgateway.canon.chat import Json
from llmgateway.providers.base import Place
from llmgateway.providers.bedrock.declaration import BEDROCK
from tests.providers.calls import chat

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-lite-v1:0"
PLACE = Place(
    model=NOVA,
    base_url="https://bedrock-runtime.us-east-1.amazonaws.com",
    secrets={"api_key": "k"},
    options={"region": "us-east-1"},
    stream=False,
    now=datetime(2026, 1, 2, tzinfo=UTC),
)


def built(body: Json, model: str = NOVA, **place: Any) -> Json:
    """The Converse body for a canon request."""
    request = BEDROCK.language(model).build(chat(body), replace(PLACE, model=model, **place))
    return cast("Json", msgspec.json.decode(request.body))


def message(payload: bytes, **headers: str) -> bytes:
    """One message of an event stream; `event_type` becomes `:event-type`."""
    raw = b""
    for name, value in headers.items():
        field = f":{name.replace('_', '-')}".encode()
        raw += bytes([len(field)]) + field + b"\x07" + len(value).to_bytes(2) + value.encode()
    prelude = (16 + len(raw) + len(payload)).to_bytes(4) + len(raw).to_bytes(4)
    whole = prelude + zlib.crc32(prelude).to_bytes(4) + raw + payload
    return whole + zlib.crc32(whole).to_bytes(4)


def event(kind: str, body: Json) -> bytes:
    return message(msgspec.json.encode(body), message_type="event", event_type=kind)


SAID: list[Json] = [
    {"type": "message_start", "message": {"id": "msg_1", "content": [], "usage": {"input_tokens": 9}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
    {"type": "message_stop"},
]


def in_frames(said: list[Json]) -> bytes:
    """A stream of InvokeModel: events of the Messages API in Amazon's frames."""
    return b"".join(event("chunk", {"bytes": b64encode(msgspec.json.encode(one)).decode()}) for one in said)
