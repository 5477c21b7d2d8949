"""Canon requests, and the bodies of generateContent built from them."""

from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.canon.chat import Json
from llmgateway.providers.base import Place, UpstreamRequest
from llmgateway.providers.gemini.declaration import GEMINI

MODEL = "gemini-2.5-flash"
NEWER = "gemini-3-flash-preview"
PLACE = Place(
    model=MODEL,
    base_url="https://generativelanguage.googleapis.com",
    secrets={"api_key": "AIza-1"},
    stream=False,
    now=datetime(2026, 1, 2, tzinfo=UTC),
)
HELLO: Json = {"role": "user", "content": "hello"}
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


def chat(body: Json, operation: Operation = Operation.CHAT) -> Call:
    whole: Json = {"model": "asked-for", **body}
    if operation is Operation.CHAT:
        whole.setdefault("messages", [HELLO])
    return Call(operation=operation, dialect=Dialect.OPENAI, model="asked-for", stream=False, body=whole, canon=whole)


def sent(request: UpstreamRequest) -> Json:
    return cast("Json", msgspec.json.decode(request.body))


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
