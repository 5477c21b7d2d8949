"""Reads Anthropic's errors, in whole answers and in mid-stream, and names their kind.

Page: https://platform.claude.com/docs/en/api/errors.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.failures import kind_of_sentence, kind_of_status, retry_after, shown

_BY_TYPE: Final[Mapping[str, FailureKind]] = MappingProxyType(
    {
        "invalid_request_error": FailureKind.BAD_REQUEST,
        "request_too_large": FailureKind.BAD_REQUEST,
        "authentication_error": FailureKind.AUTH,
        "permission_error": FailureKind.AUTH,
        "billing_error": FailureKind.BILLING,
        "not_found_error": FailureKind.NOT_FOUND,
        "rate_limit_error": FailureKind.RATE_LIMITED,
        "overloaded_error": FailureKind.OVERLOADED,
        "timeout_error": FailureKind.TIMEOUT,
        "api_error": FailureKind.SERVER_ERROR,
    }
)
_BY_WORDS: Final[tuple[tuple[str, FailureKind], ...]] = (
    # One type, invalid_request_error, covers all of these; only the sentence tells them apart.
    ("prompt is too long", FailureKind.CONTEXT_TOO_LONG),
    ("exceed context limit", FailureKind.CONTEXT_TOO_LONG),
    ("exceeds the context window", FailureKind.CONTEXT_TOO_LONG),
    ("credit balance is too low", FailureKind.BILLING),
    ("specified api usage limits", FailureKind.BILLING),
    ("blocked by content filtering", FailureKind.CONTENT_FILTERED),
)


class ErrorDetail(msgspec.Struct, frozen=True):
    """The inner `error` object."""

    type: str | None = None
    message: str | None = None


class _Envelope(msgspec.Struct, frozen=True):
    error: ErrorDetail | str | None = None
    message: str | None = None
    """Hosts in front of the API (AWS, Google, proxies) say only this."""


_envelope = msgspec.json.Decoder(_Envelope)


def answer_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The failure in an answer with an error status."""
    detail = _detail(body)
    message = detail.message or f"The provider answered {status} without a message."
    kind = _kind(detail.type, message) or kind_of_status(status)
    return ProviderError(kind, message, status=status, code=detail.type, retry_after=retry_after(headers))


def event_error(detail: ErrorDetail) -> ProviderError:
    """The failure in an `error` event."""
    message = detail.message or "The provider ended the stream with an error."
    return ProviderError(_kind(detail.type, message) or FailureKind.SERVER_ERROR, message, code=detail.type)


def _detail(body: bytes) -> ErrorDetail:
    try:
        envelope = _envelope.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ErrorDetail(None, shown(body))
    if isinstance(envelope.error, ErrorDetail):
        return envelope.error
    return ErrorDetail(None, envelope.error or envelope.message)


def _kind(name: str | None, message: str) -> FailureKind | None:
    if name in {None, "invalid_request_error", "request_too_large"}:
        told = kind_of_sentence(message, _BY_WORDS)
        if told is not None:
            return told
    return _BY_TYPE.get(name) if name else None
