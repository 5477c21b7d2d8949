"""Failures on OpenAI's wire: their kind, their words, and when to come back."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from llmgateway.errors import FailureKind
from llmgateway.providers.openai_wire.errors import stream_error
from tests.providers.openai_building import LAB, reply

K = FailureKind
GROQ_LIMIT = (
    "Rate limit reached for model `llama-3.3-70b` on tokens per day (TPD): Limit 100000. Please try again in 7m. "
    "Need more tokens? Upgrade to Dev Tier today at https://console.groq.com/settings/billing"
)
OPENAI_LIMIT = (
    "Rate limit reached for gpt-4.1 on requests per min. Limit: 3 / min. Please add a payment method to your account to "
    "increase your rate limit. Visit https://platform.openai.com/account/billing to add a payment method."
)


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (400, None, "Unsupported value", K.BAD_REQUEST),
        (422, None, "Field required", K.BAD_REQUEST),
        (413, "rate_limit_exceeded", "Request too large for model", K.BAD_REQUEST),
        (401, "invalid_api_key", "Incorrect API key provided", K.AUTH),
        (400, None, "Incorrect API key provided: sk-1", K.AUTH),
        (403, None, "You are not allowed to sample from this model", K.AUTH),
        (402, None, "Insufficient Balance", K.BILLING),
        (429, "insufficient_quota", "You exceeded your current quota, please check your plan and billing.", K.BILLING),
        (429, "1113", "Insufficient balance or no resource package. Please recharge.", K.BILLING),
        (429, "exceeded_current_quota_error", "Your account is suspended", K.BILLING),
        (400, "Arrearage", "Access denied", K.BILLING),
        (429, "rate_limit_exceeded", GROQ_LIMIT, K.RATE_LIMITED),
        (429, "rate_limit_exceeded", OPENAI_LIMIT, K.RATE_LIMITED),
        (404, "model_not_found", "The model `x` does not exist", K.NOT_FOUND),
        (408, None, "too slow", K.TIMEOUT),
        (400, "previous_response_not_found", "Previous response with id 'resp_1' not found.", K.STORED_ELSEWHERE),
        (400, "context_length_exceeded", "Please reduce the length of the messages", K.CONTEXT_TOO_LONG),
        (400, None, "This model's maximum context length is 8192 tokens", K.CONTEXT_TOO_LONG),
        (400, None, "This model's maximum prompt length is 131072 but the request contains 200000", K.CONTEXT_TOO_LONG),
        (422, None, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097", K.CONTEXT_TOO_LONG),
        (400, "exceed_context_size_error", "request (2009 tokens) is too large", K.CONTEXT_TOO_LONG),
        (400, "content_filter", "The response was filtered", K.CONTENT_FILTERED),
        (400, "content_policy_violation", "Your request was rejected", K.CONTENT_FILTERED),
        (498, None, "Flex tier capacity exceeded", K.OVERLOADED),
        (503, None, "over capacity", K.OVERLOADED),
        (529, None, "overloaded", K.OVERLOADED),
        (500, "server_error", "The server had an error", K.SERVER_ERROR),
        (502, None, "bad gateway", K.SERVER_ERROR),
    ],
)
def test_a_failure_has_a_kind(status: int, code: str | None, message: str, kind: FailureKind) -> None:
    error = LAB.classify(reply({"error": {"message": message, "code": code, "param": "messages"}}, status))
    assert error.kind is kind
    assert (error.status, error.message, error.code, error.param) == (status, message, code, "messages")


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "no", "type": "t", "code": None}}, "no", "t"),
        ({"error": {"message": "no", "code": 404}}, "no", "404"),
        ({"error": "no"}, "no", None),
        ({"code": "c", "error": "no"}, "no", "c"),
        ({"message": "no", "code": "3051"}, "no", "3051"),
        ({"detail": "no"}, "no", None),
        ({"detail": [{"msg": "no"}]}, '[{"msg":"no"}]', None),
        ({"Message": "no"}, "no", None),
        ([{"error": {"message": "no", "code": "c"}}], "no", "c"),
        ("no", "no", None),
        ({"errors": [{"code": 7009, "message": "no"}], "success": False}, "no", "7009"),
        ({"error": {"message": "no", "metadata": {"raw": "because"}}}, "no: because", None),
        ({"error": {"metadata": {"raw": "because"}}}, "because", None),
        ({"error": {"message": {"inner": 1}}}, '{"error":{"message":{"inner":1}}}', None),
        (b"<html>busy</html>", "<html>busy</html>", None),
        (b"", "The provider answered 404 without a word.", None),
        (b"\xff\xfe", "\ufffd\ufffd", None),
        ([], "[]", None),
        (5, "5", None),
    ],
)
def test_the_words_are_found_wherever_they_are(body: object, message: str, code: str | None) -> None:
    error = LAB.classify(reply(body, 404))
    assert (error.kind, error.message, error.code) == (K.NOT_FOUND, message, code)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "2", "retry-after-ms": "1500"}, 2.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "x"}, None),
        ({}, None),
    ],
)
def test_when_to_come_back(headers: dict[str, str], seconds: float | None) -> None:
    assert LAB.classify(reply({}, 429, headers)).retry_after == seconds


def test_a_date_to_come_back_is_seconds_from_now() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    wait = LAB.classify(reply({}, 429, {"retry-after": at})).retry_after
    assert wait is not None
    assert wait > 0


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        ({"message": "no"}, K.SERVER_ERROR, 500),
        ({"message": "no", "code": 429}, K.RATE_LIMITED, 429),
        ({"message": "no", "code": "503"}, K.OVERLOADED, 503),
        ({"message": "no", "status": 401}, K.AUTH, 401),
        ({"message": "no", "code": 7}, K.SERVER_ERROR, 500),
        ({"message": "no", "type": "invalid_request_error", "code": "tool_use_failed"}, K.BAD_REQUEST, 400),
        ({"message": "no", "type": "insufficient_quota"}, K.BILLING, 429),
        ({"message": "no", "code": "content_filter"}, K.CONTENT_FILTERED, 400),
        ("no", K.SERVER_ERROR, 500),
    ],
)
def test_an_error_without_an_http_status_tells_its_own(error: object, kind: FailureKind, status: int) -> None:
    found = stream_error(error)
    assert (found.kind, found.status, found.message) == (kind, status, "no")
    inside = LAB.classify(reply({"error": error}))
    assert (inside.kind, inside.status) == (kind, status)


def test_an_error_without_words_says_so() -> None:
    assert stream_error({}).message == "The provider reported an error."


def test_words_without_end_are_cut() -> None:
    """They stand in logs, in events and in what a circuit remembers."""
    endless = "x" * 3_000_000
    error = LAB.classify(reply({"error": {"message": endless, "code": endless, "param": endless}}, 401))
    assert (len(error.message), len(error.code or ""), len(error.param or "")) == (4_000, 200, 200)
    assert len(str(error)) == 4_000
