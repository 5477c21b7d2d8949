"""OpenAI's native Responses: what ends a stream, and what only seems to."""

import json
from typing import Any

import pytest

from llmgateway.errors import FailureKind, ProviderError
from llmgateway.kit.sse import Splitter
from llmgateway.providers.base import Step
from llmgateway.providers.openai_wire.responses import ResponsesReader, read_response


def _read(event: dict[str, Any]) -> Step:
    [frame] = Splitter().feed(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
    [step] = ResponsesReader().read(frame)
    return step


def test_a_completed_response_is_finished() -> None:
    step = _read({"type": "response.completed", "response": {"output": [], "usage": None}})
    assert (step.finish, step.end, step.error) == ("stop", True, None)


def test_an_incomplete_response_tells_its_reason() -> None:
    details = {"reason": "max_output_tokens"}
    step = _read({"type": "response.incomplete", "response": {"output": [], "incomplete_details": details}})
    assert (step.finish, step.end) == ("length", True)


def test_a_failed_response_is_a_failure_and_never_finished() -> None:
    error = {"code": "server_error", "message": "The model broke down."}
    step = _read({"type": "response.failed", "response": {"output": [], "error": error}})
    assert (step.finish, step.end) == (None, False)
    assert step.error is not None
    assert (step.error.kind, step.error.message) == (FailureKind.SERVER_ERROR, "The model broke down.")


def test_a_whole_response_that_failed_is_a_failure() -> None:
    body: dict[str, Any] = {
        "status": "failed",
        "output": [],
        "error": {"code": "server_error", "message": "The model broke down."},
    }
    with pytest.raises(ProviderError, match="The model broke down"):
        read_response(body, json.dumps(body).encode())


SEARCHED: dict[str, Any] = {
    "status": "completed",
    "usage": {"input_tokens": 9, "output_tokens": 3},
    "output": [
        {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "a"}},
        {"type": "web_search_call", "status": "completed", "action": {"type": "open_page", "url": "https://a.example"}},
        {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "b"}},
        {"type": "web_search_call", "status": "failed", "action": {"type": "search", "query": "c"}},
        {"type": "message", "content": [{"type": "output_text", "text": "Found."}]},
    ],
}


def test_finished_searches_are_counted_since_each_is_billed() -> None:
    whole = read_response(SEARCHED, json.dumps(SEARCHED).encode()).usage
    streamed = _read({"type": "response.completed", "response": SEARCHED}).usage
    assert whole is not None
    assert (whole.searches, whole.prompt_tokens) == (2, 9)
    assert streamed == whole


def test_what_is_no_response_is_a_failure() -> None:
    with pytest.raises(ProviderError, match="sent no answer") as failed:
        read_response({}, b"{}")
    assert failed.value.kind is FailureKind.PROTOCOL
