"""What callers read when a stream breaks off: the class of the failure is told as its status would have told it."""

import json

import pytest

from llmgateway.canon.call import Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dataplane.dialects.base import DialectWriter
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.dataplane.dispatch.failure import broken_stream
from llmgateway.errors import FailureKind, ProviderError

ASKED: Json = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}


def told(dialect: DialectWriter, kind: FailureKind) -> list[Json]:
    """The events of a stream that fails so."""
    body = {"model": "m", "stream": True, "input": "Hi"} if isinstance(dialect, ResponsesDialect) else ASKED
    writer = dialect.stream(dialect.read(Operation.CHAT, json.dumps(body).encode(), Wishes()))
    data = writer.failure(broken_stream(ProviderError(kind, "No more."), []), "req_1")
    return [json.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: {")]


@pytest.mark.parametrize(
    ("kind", "messages", "chat", "responses"),
    [
        (FailureKind.OVERLOADED, "overloaded_error", ("api_error", "upstream_failed"), "server_error"),
        (
            FailureKind.RATE_LIMITED,
            "rate_limit_error",
            ("rate_limit_error", "rate_limit_exceeded"),
            "rate_limit_exceeded",
        ),
        (
            FailureKind.CONTEXT_TOO_LONG,
            "invalid_request_error",
            ("invalid_request_error", "context_length_exceeded"),
            "server_error",
        ),
        (FailureKind.CUT, "api_error", ("api_error", "upstream_failed"), "server_error"),
    ],
)
def test_a_broken_stream_says_what_kind_of_failure_it_was(
    kind: FailureKind, messages: str, chat: tuple[str, str], responses: str
) -> None:
    """Clients try again by it: Claude Code after `overloaded_error`."""
    [event] = told(AnthropicDialect(), kind)
    assert event["error"]["type"] == messages
    [event] = told(OpenAIDialect(), kind)
    assert (event["error"]["type"], event["error"]["code"]) == chat
    failed, event = told(ResponsesDialect(), kind)
    assert (failed["response"]["error"]["code"], event["code"]) == (responses, chat[1])
