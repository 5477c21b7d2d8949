"""Reads errors in OpenAI's form and the forms of its imitators, and names their kind.

Page: https://platform.openai.com/docs/guides/error-codes.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.failures import kind_of_status, retry_after, shown

_STATUS_OF_WORD = {
    "invalid_request_error": 400, "content_filter": 400, "context_length_exceeded": 400,
    "authentication_error": 401, "invalid_api_key": 401, "permission_error": 403,
    "not_found_error": 404, "model_not_found": 404,
    "rate_limit_error": 429, "rate_limit_exceeded": 429, "insufficient_quota": 429,
    "overloaded_error": 503, "service_unavailable": 503,
}  # fmt: skip
"""The HTTP status that an error code or type stands for, where an error comes without a status."""
_BILLING = (
    "insufficient_quota", "exceeded your current quota", "exceeded_current_quota", "insufficient_balance",
    "insufficient balance", "insufficient credits", "credit_balance", "credit balance", "available credits",
    "payment_required", "billing_hard_limit", "billing_not_active", "arrearage",
)  # fmt: skip
_CONTEXT = (
    "context_length_exceeded", "context length", "context window", "maximum context", "context size",
    "exceed_context_size", "maximum prompt length", "prompt is too long", "prompt too long", "too_many_prompt_tokens",
    "too many tokens", "input is too long", "range of input length", "max_new_tokens` must be",
)  # fmt: skip
_FILTER = ("content_filter", "content_policy", "responsibleaipolicyviolation", "content management policy")
_STORED = ("previous_response_not_found", "previous response with id")
"""https://platform.openai.com/docs/api-reference/responses/create: `previous_response_id` is one of the account's own."""
_KEY = ("invalid_api_key", "incorrect api key", "api key not valid", "invalid api key")
_ADDRESS = re.compile(r"https?://\S+")
"""Taken out of messages before their words are judged: a rate limit that links to a billing page is no unpaid bill."""
_ERROR = 400
_FLEX_FULL = 498
"""Groq has no room in its flex tier: https://console.groq.com/docs/errors."""
_LAST_STATUS = 599


def classify_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The failure that an answer reports, by status, code and words. An error inside a 200 may name its own status; else it counts as 500."""
    said = _decode(body)
    message, code, param = _words(said)
    if not message:
        message = shown(body) or f"The provider answered {status} without a word."
    error = _error_of(said)
    inner = error.get("innererror") if is_object(error) else None
    if status < _ERROR:
        status = _status_inside(error)
    return ProviderError(
        kind_of(status, f"{code or ''} {message}"),
        message,
        status=status,
        code=code,
        param=param,
        retry_after=retry_after(headers),
        innererror=inner if is_object(inner) else None,
    )


def kind_of(status: int, words: str) -> FailureKind:
    """The kind of failure by status; where a status is ambiguous, by code and message (`words`)."""
    low = _ADDRESS.sub("", words.lower())
    for statuses, marks, kind in _TOLD_BY_WORDS:
        if status in statuses and any(mark in low for mark in marks):
            return kind
    return FailureKind.OVERLOADED if status == _FLEX_FULL else kind_of_status(status)


_TOLD_BY_WORDS = (
    ((400, 413, 422, 500), _CONTEXT, FailureKind.CONTEXT_TOO_LONG),
    ((400, 403, 422), _FILTER, FailureKind.CONTENT_FILTERED),
    ((400, 401, 403, 429), _BILLING, FailureKind.BILLING),
    ((400,), _KEY, FailureKind.AUTH),
    ((400, 404), _STORED, FailureKind.STORED_ELSEWHERE),
)


def stream_error(error: Any) -> ProviderError:
    """The failure that an error object in mid-stream reports."""
    message, code, param = _words({"error": error})
    status = _status_inside(error)
    kind = kind_of(status, f"{code or ''} {message}")
    return ProviderError(kind, message or "The provider reported an error.", status=status, code=code, param=param)


def _status_inside(error: object) -> int:
    """The HTTP status that an error object names or implies; 500 when it does neither."""
    if not is_object(error):
        return 500
    for name in ("status", "status_code", "http_status", "code"):
        given: object = error.get(name)
        number = int(given) if isinstance(given, str) and _THREE_DIGITS.fullmatch(given) else given
        if isinstance(number, int) and _ERROR <= number <= _LAST_STATUS:
            return number
    return next((_STATUS_OF_WORD[w] for n in ("code", "type") if (w := text_of(error.get(n))) in _STATUS_OF_WORD), 500)


_THREE_DIGITS = re.compile(r"[45][0-9]{2}")


def _decode(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _error_of(said: object) -> object:
    """The error object, wherever the provider puts it."""
    if is_array(said) and said:
        said = said[0]
    if not is_object(said):
        return said
    error: object = said.get("error")
    if is_object(error):
        return error
    listed = objects(said.get("errors"))  # Cloudflare: https://developers.cloudflare.com/fundamentals/api/
    return listed[0] if listed and not error else said


class _Words(NamedTuple):
    """What an error says. The message is empty when there is none."""

    message: str
    code: str | None = None
    param: str | None = None


def _words(said: object) -> _Words:
    """Message, code and param of an error, wherever the provider puts them."""
    inner = _error_of(said)
    if isinstance(inner, str):
        return _Words(inner)
    if not is_object(inner):
        return _Words("")
    outer: Json = said if is_object(said) else inner
    candidates = (inner.get("message"), inner.get("error"), outer.get("error"), outer.get("message"))
    candidates = (*candidates, outer.get("Message"), outer.get("detail"))
    message = next((_text(c) for c in candidates if c and not is_object(c)), "")
    metadata = inner.get("metadata")
    if is_object(metadata) and isinstance(metadata.get("raw"), str):
        message = f"{message}: {metadata['raw']}" if message else metadata["raw"]
    code = inner.get("code") or inner.get("type")
    param = inner.get("param")
    return _Words(message, None if code is None else str(code), param if isinstance(param, str) else None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
