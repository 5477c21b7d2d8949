"""Reads Cohere's errors, in whole answers and in mid-stream, and names their kind.

Page: https://docs.cohere.com/reference/errors.
"""

from collections.abc import Mapping
from typing import Final

from llmgateway.canon.shapes import text_of
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.failures import error_object, kind_of_sentence, kind_of_status, retry_after, shown

_BY_WORDS: Final[tuple[tuple[str, FailureKind], ...]] = (
    # A status covers several causes; only the sentence tells them apart.
    ("too many tokens", FailureKind.CONTEXT_TOO_LONG),
    ("calls / month", FailureKind.BILLING),
    ("billing limit", FailureKind.BILLING),
    ("payment method", FailureKind.BILLING),
)
_DENIED: Final = 498
"""The HTTP status of a text with a deny-listed token."""
_WORDED: Final = frozenset({400, 402, 413, 422, 429})


def answer_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The failure in an answer with an error status."""
    found = error_object(body)
    message = text_of(found.get("message")) or shown(body) or f"Cohere answered {status} without a message."
    return ProviderError(
        _kind(status, message),
        message,
        status=status,
        code=text_of(found.get("error_type")) or None,
        retry_after=retry_after(headers),
    )


def ending_error(finish: str, said: object) -> ProviderError | None:
    """The failure that a finish reason ERROR or TIMEOUT means; None for any other."""
    if finish not in {"ERROR", "TIMEOUT"}:
        return None
    kind = FailureKind.TIMEOUT if finish == "TIMEOUT" else FailureKind.SERVER_ERROR
    return ProviderError(kind, text_of(said) or f"Cohere ended the answer with {finish}.", code=finish)


def _kind(status: int, message: str) -> FailureKind:
    told = kind_of_sentence(message, _BY_WORDS) if status in _WORDED else None
    return told or (FailureKind.CONTENT_FILTERED if status == _DENIED else kind_of_status(status))
