"""Google's errors by name."""

import msgspec
import pytest

from llmgateway.canon.chat import Json
from llmgateway.errors import FailureKind
from llmgateway.providers.base import UpstreamReply
from llmgateway.providers.gemini.declaration import GEMINI

_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
_RETRY = "type.googleapis.com/google.rpc.RetryInfo"


def status(code: int, name: str, message: str = "why", *details: Json) -> bytes:
    return msgspec.json.encode({"error": {"code": code, "status": name, "message": message, "details": details}})


@pytest.mark.parametrize(
    ("code", "name", "message", "kind"),
    [
        (400, "INVALID_ARGUMENT", "bad", FailureKind.BAD_REQUEST),
        (
            400,
            "INVALID_ARGUMENT",
            "The input token count (5) exceeds the maximum number of tokens allowed (4).",
            FailureKind.CONTEXT_TOO_LONG,
        ),
        (
            400,
            "INVALID_ARGUMENT",
            "Unable to submit request because the input token count is 5 but model only supports up to 4.",
            FailureKind.CONTEXT_TOO_LONG,
        ),
        (400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.", FailureKind.AUTH),
        (400, "FAILED_PRECONDITION", "Please enable billing on project 1.", FailureKind.BILLING),
        (400, "FAILED_PRECONDITION", "User location is not supported.", FailureKind.BAD_REQUEST),
        (401, "UNAUTHENTICATED", "bad token", FailureKind.AUTH),
        (403, "PERMISSION_DENIED", "no", FailureKind.AUTH),
        (404, "NOT_FOUND", "no model", FailureKind.NOT_FOUND),
        (429, "RESOURCE_EXHAUSTED", "slow down", FailureKind.RATE_LIMITED),
        (
            429,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota, please check your plan and billing details.",
            FailureKind.RATE_LIMITED,
        ),
        (429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.", FailureKind.BILLING),
        (500, "INTERNAL", "oops", FailureKind.SERVER_ERROR),
        (503, "UNAVAILABLE", "The model is overloaded.", FailureKind.OVERLOADED),
        (504, "DEADLINE_EXCEEDED", "late", FailureKind.TIMEOUT),
        (499, "CANCELLED", "gone", FailureKind.SERVER_ERROR),
        (418, "", "teapot", FailureKind.BAD_REQUEST),
        (502, "", "gateway", FailureKind.SERVER_ERROR),
    ],
)
def test_each_status_has_a_kind(code: int, name: str, message: str, kind: FailureKind) -> None:
    error = GEMINI.classify(UpstreamReply(code, {}, status(code, name, message)))
    assert (error.kind, error.message, error.status) == (kind, message, code)


@pytest.mark.parametrize(
    ("reason", "kind"), [("API_KEY_INVALID", FailureKind.AUTH), ("BILLING_DISABLED", FailureKind.BILLING)]
)
def test_a_reason_says_more_than_the_status(reason: str, kind: FailureKind) -> None:
    body = status(400, "INVALID_ARGUMENT", "why", {"@type": _INFO, "reason": reason})
    error = GEMINI.classify(UpstreamReply(400, {}, body))
    assert (error.kind, error.code) == (kind, reason)


@pytest.mark.parametrize(("delay", "seconds"), [("48s", 48.0), ("1.5s", 1.5), ("soon", None), ("infs", None)])
def test_the_retry_delay_is_kept(delay: str, seconds: float | None) -> None:
    body = status(429, "RESOURCE_EXHAUSTED", "why", {"@type": _RETRY, "retryDelay": delay})
    assert GEMINI.classify(UpstreamReply(429, {}, body)).retry_after == seconds


def test_the_header_counts_where_the_body_is_silent() -> None:
    assert (
        GEMINI.classify(UpstreamReply(429, {"retry-after": "3"}, status(429, "RESOURCE_EXHAUSTED"))).retry_after == 3.0
    )


def test_a_list_of_errors_is_read() -> None:
    error = GEMINI.classify(UpstreamReply(503, {}, b"[" + status(503, "UNAVAILABLE", "busy") + b"]"))
    assert (error.kind, error.message) == (FailureKind.OVERLOADED, "busy")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>down</html>", "<html>down</html>"),
        (b"", "The provider answered 502 without a message."),
        (b'{"error":"plain"}', "plain"),
        (b"[]", "[]"),
        (b"\xff", "\ufffd"),
    ],
)
def test_a_body_of_another_shape_still_makes_an_error(body: bytes, message: str) -> None:
    error = GEMINI.classify(UpstreamReply(502, {}, body))
    assert (error.kind, error.message) == (FailureKind.SERVER_ERROR, message)
