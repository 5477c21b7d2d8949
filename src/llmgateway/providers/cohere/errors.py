"""Cohere's errors by name, in whole answers and in mid-stream.

Page: https://docs.cohere.com/reference/errors.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, text_of
from llmgateway.errors import FailureKind, ProviderError

_BY_STATUS: Final[Mapping[int, FailureKind]] = MappingProxyType(
    {
        401: FailureKind.AUTH,
        402: FailureKind.BILLING,
        403: FailureKind.AUTH,
        404: FailureKind.NOT_FOUND,
        408: FailureKind.TIMEOUT,
        429: FailureKind.RATE_LIMITED,
        498: FailureKind.CONTENT_FILTERED,  # the text holds a deny-listed token
        503: FailureKind.OVERLOADED,
        504: FailureKind.TIMEOUT,
    }
)
_BY_WORDS: Final[tuple[tuple[str, FailureKind], ...]] = (
    # A status covers several causes; only the sentence tells them apart.
    ("too many tokens", FailureKind.CONTEXT_TOO_LONG),
    ("calls / month", FailureKind.BILLING),
    ("billing limit", FailureKind.BILLING),
    ("payment method", FailureKind.BILLING),
)
_WORDED: Final = frozenset({400, 402, 413, 422, 429})
_SHOWN: Final = 2_000


def answer_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The failure in an answer with an error status."""
    found = _object(body)
    shown = text_of(found.get("message")) or body[:_SHOWN].decode(errors="replace").strip()
    message = shown or f"Cohere answered {status} without a message."
    return ProviderError(
        _kind(status, message),
        message,
        status=status,
        code=text_of(found.get("error_type")) or None,
        retry_after=_seconds(headers.get("retry-after")),
    )


def ending_error(finish: str, said: object) -> ProviderError | None:
    """The failure that a finish reason tells: Cohere's answer ended by ERROR or TIMEOUT is none."""
    if finish not in {"ERROR", "TIMEOUT"}:
        return None
    kind = FailureKind.TIMEOUT if finish == "TIMEOUT" else FailureKind.SERVER_ERROR
    return ProviderError(kind, text_of(said) or f"Cohere ended the answer with {finish}.", code=finish)


def _kind(status: int, message: str) -> FailureKind:
    if status in _WORDED:
        said = message.lower()
        for words, kind in _BY_WORDS:
            if words in said:
                return kind
    return _BY_STATUS.get(status, FailureKind.SERVER_ERROR if status >= 500 else FailureKind.BAD_REQUEST)


def _object(body: bytes) -> Json:
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return value if is_object(value) else {}


def _seconds(header: str | None) -> float | None:
    try:
        seconds = float(header) if header else math.nan
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
