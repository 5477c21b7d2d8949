"""Anthropic's failures by kind, whole and in mid-stream, and answers that cannot be read."""

import msgspec
import pytest

from llmgateway.canon.call import Dialect, Operation
from llmgateway.canon.chat import Json
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.anthropic.declaration import ANTHROPIC
from llmgateway.providers.base import UpstreamReply
from tests.providers.anthropic_recordings import Recording, each, recordings
from tests.providers.calls import chat

FAILED = [r for r in [*recordings(), *recordings("count_tokens")] if r.status >= 400]
KINDS = {400: FailureKind.BAD_REQUEST, 401: FailureKind.AUTH, 404: FailureKind.NOT_FOUND}


def reply(status: int, kind: str | None, message: str, **headers: str) -> UpstreamReply:
    body: Json = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return UpstreamReply(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, msgspec.json.encode(body)
    )


@each(FAILED)
def test_a_recorded_failure_has_its_kind_and_words(recording: Recording) -> None:
    error = ANTHROPIC.classify(UpstreamReply(recording.status, recording.headers, recording.body))
    assert error.kind is KINDS[recording.status]
    assert error.status == recording.status
    assert error.message == recording.whole["error"]["message"]
    assert error.code == recording.whole["error"]["type"]


@pytest.mark.parametrize(
    ("status", "name", "message", "kind"),
    [
        (400, "invalid_request_error", "messages: at least one message is required", FailureKind.BAD_REQUEST),
        (
            400,
            "invalid_request_error",
            "prompt is too long: 200251 tokens > 200000 maximum",
            FailureKind.CONTEXT_TOO_LONG,
        ),
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 199211 + 20000 > 200000",
            FailureKind.CONTEXT_TOO_LONG,
        ),
        (
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API.",
            FailureKind.BILLING,
        ),
        (
            400,
            "invalid_request_error",
            "You have reached your specified API usage limits. You will regain access on 2026-02-01.",
            FailureKind.BILLING,
        ),
        (400, "invalid_request_error", "Output blocked by content filtering policy", FailureKind.CONTENT_FILTERED),
        (401, "authentication_error", "invalid x-api-key", FailureKind.AUTH),
        (402, "billing_error", "pay", FailureKind.BILLING),
        (403, "permission_error", "no", FailureKind.AUTH),
        (404, "not_found_error", "model: x", FailureKind.NOT_FOUND),
        (413, "request_too_large", "Request exceeds the maximum size", FailureKind.BAD_REQUEST),
        (429, "rate_limit_error", "prompt is too long for this minute", FailureKind.RATE_LIMITED),
        (500, "api_error", "Internal server error", FailureKind.SERVER_ERROR),
        (504, "timeout_error", "late", FailureKind.TIMEOUT),
        (529, "overloaded_error", "Overloaded", FailureKind.OVERLOADED),
        (503, None, "busy", FailureKind.OVERLOADED),
        (418, "new_error", "tea", FailureKind.BAD_REQUEST),
        (502, "new_error", "coffee", FailureKind.SERVER_ERROR),
    ],
)
def test_each_failure_has_its_kind(status: int, name: str | None, message: str, kind: FailureKind) -> None:
    error = ANTHROPIC.classify(reply(status, name, message))
    assert (error.kind, error.status, error.message, error.code) == (kind, status, message, name)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("0.5", 0.5), ("-1", None), ("Fri, 02 Jan", None)])
def test_retry_after_is_kept(header: str, seconds: float | None) -> None:
    assert ANTHROPIC.classify(reply(429, "rate_limit_error", "slow", retry_after=header)).retry_after == seconds


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>Bad gateway</html>", "<html>Bad gateway</html>"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"message": "from the host"}', "from the host"),
        (b'{"error": "in short"}', "in short"),
        (b"{}", "The provider answered 502 without a message."),
        (b"", "The provider answered 502 without a message."),
    ],
)
def test_a_failure_in_another_form_keeps_its_words(body: bytes, message: str) -> None:
    error = ANTHROPIC.classify(UpstreamReply(502, {}, body))
    assert (error.kind, error.message) == (FailureKind.SERVER_ERROR, message)


def test_an_error_in_mid_stream_is_named() -> None:
    frame = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    for native in (True, False):
        (step,) = ANTHROPIC.decoder(chat({}), native=native).feed(frame)
        assert step.error is not None
        assert (step.error.kind, step.error.message) == (FailureKind.OVERLOADED, "Overloaded")
        assert step.raw == (frame if native else b"")


def test_an_error_without_words_is_a_server_error() -> None:
    for native in (True, False):
        (step,) = ANTHROPIC.decoder(chat({}), native=native).feed(b'data: {"type":"error"}\n\n')
        assert step.error is not None
        assert step.error.kind is FailureKind.SERVER_ERROR


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'{"a":"\xff"}'])
def test_an_answer_that_cannot_be_read_is_a_protocol_failure(body: bytes) -> None:
    with pytest.raises(ProviderError) as raised:
        ANTHROPIC.read(chat({}), UpstreamReply(200, {}, body))
    assert raised.value.kind is FailureKind.PROTOCOL


def test_an_error_inside_a_200_is_raised_as_one() -> None:
    with pytest.raises(ProviderError) as raised:
        ANTHROPIC.read(chat({}, Dialect.ANTHROPIC), reply(200, "overloaded_error", "Overloaded"))
    assert raised.value.kind is FailureKind.OVERLOADED


def test_counted_tokens_are_read() -> None:
    counted = ANTHROPIC.read(chat({}, operation=Operation.COUNT_TOKENS), UpstreamReply(200, {}, b'{"input_tokens":36}'))
    assert counted.body == {"input_tokens": 36}
    assert counted.usage is None
    native = chat({}, Dialect.ANTHROPIC, Operation.COUNT_TOKENS)
    assert ANTHROPIC.read(native, UpstreamReply(200, {}, b'{"input_tokens":36}')).raw == b'{"input_tokens":36}'
