"""Calls for tests of providers, whatever language these speak, and what is sent for them."""

import msgspec

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.canon.chat import Json
from llmgateway.providers.base import UpstreamRequest

HELLO: Json = {"role": "user", "content": "hello"}


def chat(body: Json | None = None, dialect: Dialect = Dialect.OPENAI, operation: Operation = Operation.CHAT) -> Call:
    """A call whose body has these fields, beside a greeting where there are messages."""
    greeting: Json = {} if operation is Operation.EMBEDDINGS else {"messages": [HELLO]}
    whole: Json = {"model": "asked-for", **greeting, **(body or {})}
    return Call(operation=operation, dialect=dialect, model="asked-for", stream=False, body=whole, canon=whole)


def sent(request: UpstreamRequest) -> Json:
    body: Json = msgspec.json.decode(request.body)
    return body
