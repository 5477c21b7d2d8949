"""Failures in OpenAI's form and the forms of its imitators, named by kind."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object
from llmgateway.errors import FailureKind, ProviderError

_KIND_OF_STATUS = {
    401: FailureKind.AUTH,
    402: FailureKind.BILLING,
    403: FailureKind.AUTH,
    404: FailureKind.NOT_FOUND,
    408: FailureKind.TIMEOUT,
    429: FailureKind.RATE_LIMITED,
    503: FailureKind.OVERLOADED,
    529: FailureKind.OVERLOADED,
}
_BILLING = ("insufficient_quota", "insufficient_balance", "credit_balance", "billing", "payment_required")
_CONTEXT = (
    "context_length_exceeded", "context length", "context window", "maximum context", "context size",
    "prompt is too long", "prompt too long", "too many tokens", "input is too long",
)  # fmt: skip
_FILTER = ("content_filter", "content_policy", "responsibleaipolicyviolation", "content management policy")
_KEY = ("invalid_api_key", "incorrect api key", "api key not valid", "invalid api key")


def classify_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Name a failure by its status, code and words."""
    said = _decode(body)
    message, code, param = _words(said)
    if not message:
        message = body.decode("utf-8", "replace").strip()[:2000] or f"The provider answered {status} without a word."
    return ProviderError(
        kind_of(status, f"{code or ''} {message}"),
        message,
        status=status,
        code=code,
        param=param,
        retry_after=retry_after(headers),
    )


def kind_of(status: int, words: str) -> FailureKind:
    """The kind of a failure: words decide where the status is ambiguous."""
    low = words.lower()
    if status in (400, 413, 422, 500) and any(word in low for word in _CONTEXT):
        return FailureKind.CONTEXT_TOO_LONG
    if status in (400, 403, 422) and any(word in low for word in _FILTER):
        return FailureKind.CONTENT_FILTERED
    if status in (400, 401, 403, 429) and any(word in low for word in _BILLING):
        return FailureKind.BILLING
    if status == 400 and any(word in low for word in _KEY):
        return FailureKind.AUTH
    known = _KIND_OF_STATUS.get(status)
    if known is not None:
        return known
    return FailureKind.SERVER_ERROR if status >= 500 else FailureKind.BAD_REQUEST


def stream_error(error: Any) -> ProviderError:
    """An error object in the middle of a stream."""
    message, code, param = _words({"error": error})
    status = error.get("code") if is_object(error) else None
    number = status if isinstance(status, int) and 400 <= status < 600 else 500
    kind = kind_of(number, f"{code or ''} {message}")
    return ProviderError(kind, message or "The provider reported an error.", status=number, code=code, param=param)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until the provider wants to be asked again; it may say so as seconds, milliseconds or a date."""
    value, millis = headers.get("retry-after", "").strip(), headers.get("retry-after-ms", "")
    if not value and millis.replace(".", "", 1).isdigit():
        return float(millis) / 1000
    if value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    now = datetime.now(at.tzinfo or UTC)
    return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now.timestamp())


def _decode(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _words(said: object) -> tuple[str, str | None, str | None]:
    """(message, code, param) wherever the provider puts them."""
    if is_array(said) and said:
        said = said[0]
    if isinstance(said, str):
        return said, None, None
    if not is_object(said):
        return "", None, None
    error: object = said.get("error")
    inner: Json = error if is_object(error) else said
    candidates = (inner.get("message"), error, said.get("message"), said.get("Message"), said.get("detail"))
    message = next((_text(c) for c in candidates if c and not is_object(c)), "")
    metadata = inner.get("metadata")
    if is_object(metadata) and isinstance(metadata.get("raw"), str):
        message = f"{message}: {metadata['raw']}" if message else metadata["raw"]
    code = inner.get("code") or inner.get("type")
    param = inner.get("param")
    return message, None if code is None else str(code), param if isinstance(param, str) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
