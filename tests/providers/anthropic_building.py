"""Canon requests, and the Messages bodies built from them."""

from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.canon.chat import Json
from llmgateway.providers.anthropic.declaration import ANTHROPIC
from llmgateway.providers.base import Place, UpstreamRequest

MODEL = "claude-sonnet-4-5"
PLACE = Place(
    model=MODEL,
    base_url="https://api.anthropic.com",
    secrets={"api_key": "sk-ant-1"},
    stream=False,
    now=datetime(2026, 1, 2, tzinfo=UTC),
)
HELLO: Json = {"role": "user", "content": "hello"}


def chat(body: Json, dialect: Dialect = Dialect.OPENAI, operation: Operation = Operation.CHAT) -> Call:
    whole: Json = {"model": "asked-for", "messages": [HELLO], **body}
    return Call(operation=operation, dialect=dialect, model="asked-for", stream=False, body=whole, canon=whole)


def sent(request: UpstreamRequest) -> Json:
    return cast("Json", msgspec.json.decode(request.body))


def built(body: Json, model: str = MODEL, **place: Any) -> Json:
    """The Messages body for a canon request."""
    return sent(ANTHROPIC.build(chat(body), replace(PLACE, model=model, **place)))
