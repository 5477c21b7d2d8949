"""Canon requests, and the Messages bodies built from them."""

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from llmgateway.canon.chat import Json
from llmgateway.providers.anthropic.declaration import ANTHROPIC
from llmgateway.providers.base import Place
from tests.providers.calls import chat, sent

MODEL = "claude-sonnet-4-5"
PLACE = Place(
    model=MODEL,
    base_url="https://api.anthropic.com",
    secrets={"api_key": "sk-ant-1"},
    stream=False,
    now=datetime(2026, 1, 2, tzinfo=UTC),
)


def built(body: Json, model: str = MODEL, **place: Any) -> Json:
    """The Messages body for a canon request."""
    return sent(ANTHROPIC.build(chat(body), replace(PLACE, model=model, **place)))
