"""Reads Google's errors (google.rpc.Status), in whole answers, also as a list, and in mid-stream, and names their kind.

Pages: https://ai.google.dev/gemini-api/docs/troubleshooting and https://google.aip.dev/193.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.failures import kind_of_sentence, kind_of_status, retry_after, seconds, shown

_BY_NAME: Final[Mapping[str, FailureKind]] = MappingProxyType(
    {
        "INVALID_ARGUMENT": FailureKind.BAD_REQUEST,
        "FAILED_PRECONDITION": FailureKind.BAD_REQUEST,
        "OUT_OF_RANGE": FailureKind.BAD_REQUEST,
        "UNAUTHENTICATED": FailureKind.AUTH,
        "PERMISSION_DENIED": FailureKind.AUTH,
        "NOT_FOUND": FailureKind.NOT_FOUND,
        "RESOURCE_EXHAUSTED": FailureKind.RATE_LIMITED,
        "UNAVAILABLE": FailureKind.OVERLOADED,
        "DEADLINE_EXCEEDED": FailureKind.TIMEOUT,
        "INTERNAL": FailureKind.SERVER_ERROR,
        "UNKNOWN": FailureKind.SERVER_ERROR,
        "CANCELLED": FailureKind.SERVER_ERROR,
    }
)
_BY_REASON: Final[Mapping[str, FailureKind]] = MappingProxyType(
    {
        # google.rpc.ErrorInfo says what the status only hints at.
        "API_KEY_INVALID": FailureKind.AUTH,
        "API_KEY_EXPIRED": FailureKind.AUTH,
        "API_KEY_SERVICE_BLOCKED": FailureKind.AUTH,
        "ACCESS_TOKEN_EXPIRED": FailureKind.AUTH,
        "BILLING_DISABLED": FailureKind.BILLING,
    }
)
_BY_WORDS: Final[tuple[tuple[str, FailureKind], ...]] = (
    # The status is the same for all of these; only the sentence tells them apart.
    ("exceeds the maximum number of tokens", FailureKind.CONTEXT_TOO_LONG),
    ("input token count", FailureKind.CONTEXT_TOO_LONG),
    ("prepayment credits are depleted", FailureKind.BILLING),
    ("enable billing", FailureKind.BILLING),
    ("spending cap", FailureKind.BILLING),
    ("api key expired", FailureKind.AUTH),
)
_WORDED: Final = frozenset({"INVALID_ARGUMENT", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED", "PERMISSION_DENIED", ""})


def answer_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The failure in an answer with an error status."""
    found = _status_of(body)
    if not text_of(found.get("message")):
        found = {**found, "message": shown(body) or f"The provider answered {status} without a message."}
    error = status_error(found, status)
    if error.retry_after is None:
        error.retry_after = retry_after(headers)
    return error


def status_error(found: Json, status: int | None) -> ProviderError:
    """The failure that a google.rpc.Status reports. Without an HTTP `status` its own code counts."""
    code = found.get("code")
    number = status if status is not None else code if isinstance(code, int) else None
    details = objects(found.get("details"))
    reason = next((text_of(detail.get("reason")) for detail in details if detail.get("reason")), "")
    return ProviderError(
        _kind(found, reason, number or 500),
        text_of(found.get("message")) or "Google reported an error without a message.",
        status=number,
        code=reason or text_of(found.get("status")) or None,
        retry_after=next((_duration(detail["retryDelay"]) for detail in details if "retryDelay" in detail), None),
    )


def _kind(found: Json, reason: str, status: int) -> FailureKind:
    name = text_of(found.get("status"))
    if reason in _BY_REASON:
        return _BY_REASON[reason]
    told = kind_of_sentence(text_of(found.get("message")), _BY_WORDS) if name in _WORDED else None
    return told or _BY_NAME.get(name) or kind_of_status(status)


def _status_of(body: bytes) -> Json:
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    if is_array(value):
        value = value[0] if value else None
    error = value.get("error") if is_object(value) else None
    if is_object(error):
        return error
    return {"message": error} if isinstance(error, str) else {}


def _duration(given: object) -> float | None:
    """A google.protobuf.Duration such as `1.5s`; None for anything else."""
    return seconds(text_of(given).strip().removesuffix("s"))
