"""Canon requests, and the bodies of generateContent built from them."""

from datetime import UTC, datetime
from typing import Any, cast

from msgspec.structs import replace

from llmgateway.canon.chat import Json
from llmgateway.providers.base import Place
from llmgateway.providers.gemini.declaration import GEMINI
from tests.providers.calls import chat, sent

MODEL = "gemini-2.5-flash"
NEWER = "gemini-3-flash-preview"
PLACE = Place(
    model=MODEL,
    base_url="https://generativelanguage.googleapis.com",
    secrets={"api_key": "AIza-1"},
    stream=False,
    now=datetime(2026, 1, 2, tzinfo=UTC),
)
WEATHER: Json = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
NOTHING: Json = {
    "type": "function",
    "function": {"name": "nothing", "parameters": {"type": "object", "properties": {}}},
}


def built(body: Json, model: str = MODEL, **place: Any) -> Json:
    """The body for a canon request."""
    return sent(GEMINI.build(chat(body), replace(PLACE, model=model, **place)))


def config(body: Json, model: str = MODEL, **place: Any) -> Json:
    """The generationConfig for a canon request; empty when there is none."""
    return cast("Json", built(body, model, **place).get("generationConfig", {}))


def history(*messages: Json, model: str = MODEL) -> list[Json]:
    """The contents for a history."""
    return cast("list[Json]", built({"messages": list(messages)}, model)["contents"])


def call(identifier: str, name: str, arguments: str = "{}", **more: Any) -> Json:
    """A tool call of canon."""
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}, **more}
