"""Reads Amazon Bedrock's errors, in whole answers and in event streams, and names their kind.

Pages: https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html and
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import text_of
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.failures import error_object, kind_of_sentence, kind_of_status, retry_after, shown

_BY_NAME: Final[Mapping[str, FailureKind]] = MappingProxyType(
    {
        name.lower(): kind
        for kind, names in {
            FailureKind.AUTH: (
                "AccessDeniedException",
                "UnrecognizedClientException",
                "InvalidSignatureException",
                "InvalidClientTokenId",
                "IncompleteSignature",
                "MissingAuthenticationTokenException",
                "ExpiredTokenException",
                "NotAuthorized",
                "OptInRequired",
            ),
            FailureKind.BAD_REQUEST: ("ValidationException", "ConflictException"),
            FailureKind.NOT_FOUND: ("ResourceNotFoundException",),
            FailureKind.RATE_LIMITED: ("ThrottlingException", "ServiceQuotaExceededException"),
            FailureKind.OVERLOADED: ("ServiceUnavailableException", "ModelNotReadyException"),
            FailureKind.SERVER_ERROR: ("InternalServerException", "ModelStreamErrorException", "InternalFailure"),
            FailureKind.TIMEOUT: ("ModelTimeoutException",),
        }.items()
        for name in names
    }
)
_BY_WORDS: Final[tuple[tuple[str, FailureKind], ...]] = (
    # ValidationException and AccessDeniedException cover all of these; only the sentence tells them apart.
    ("input is too long", FailureKind.CONTEXT_TOO_LONG),
    ("prompt is too long", FailureKind.CONTEXT_TOO_LONG),
    ("too many input tokens", FailureKind.CONTEXT_TOO_LONG),
    ("too many tokens", FailureKind.CONTEXT_TOO_LONG),
    ("exceeds the maximum number of tokens", FailureKind.CONTEXT_TOO_LONG),
    ("maximum context length", FailureKind.CONTEXT_TOO_LONG),
    ("exceed context limit", FailureKind.CONTEXT_TOO_LONG),
    ("model identifier is invalid", FailureKind.NOT_FOUND),
    ("blocked by content filtering", FailureKind.CONTENT_FILTERED),
    ("invalid_payment_instrument", FailureKind.BILLING),
)
_OF_THE_MODEL: Final = "modelerrorexception"
"""424 for whatever went wrong in the model; the original status tells whether that was the request's fault.

Page: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html (errors).
"""
_WORDED: Final = frozenset({"validationexception", "accessdeniedexception", ""})


def answer_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The failure in an answer with an error status."""
    found = error_object(body)
    name = _short(headers.get("x-amzn-errortype") or text_of(found.get("__type")))
    said = text_of(found.get("message")) or text_of(found.get("Message"))
    message = said or shown(body) or name
    return ProviderError(
        _kind(name, message, _original(found, 502) if name.lower() == _OF_THE_MODEL else status),
        message or f"Amazon Bedrock answered {status} without a message.",
        status=status,
        code=name or None,
        retry_after=retry_after(headers),
    )


def stream_error(name: str, payload: bytes) -> ProviderError:
    """The failure that an exception in an event stream reports."""
    found = error_object(payload)
    message = text_of(found.get("message")) or text_of(found.get("Message"))
    kind = _kind(name, message, _original(found, 500))
    return ProviderError(kind, message or f"Amazon Bedrock ended the stream with {name}.", code=name or None)


def _original(found: Json, otherwise: int) -> int:
    """The status with which the model's server answered Bedrock."""
    status = found.get("originalStatusCode")
    return status if isinstance(status, int) else otherwise


def _short(name: str) -> str:
    """`aws.protocoltests#ThrottlingException:http://internal/...` -> `ThrottlingException`."""
    return name.partition(":")[0].rpartition("#")[2]


def _kind(name: str, message: str, status: int) -> FailureKind:
    word = name.lower()
    told = kind_of_sentence(message, _BY_WORDS) if word in _WORDED and status < 500 else None
    return told or _BY_NAME.get(word) or kind_of_status(status)
