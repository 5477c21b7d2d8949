"""Everything the gateway can refuse or fail at, as one tree.

Problem                            what a caller is told: status, stable code, a sentence that says what to do next
+-- InternalFault           500    internal_error
+-- BadRequest              400    invalid_request, unsupported_parameter, context_length_exceeded, content_filter, ...
+-- Unauthorized            401    invalid_api_key
+-- PaymentRequired         402    quota_exceeded, budget_exceeded, insufficient_credit, unpriced_model
+-- Forbidden               403    scope_denied, model_not_allowed, address_denied, permission_denied, ...
+-- NotFound                404    model_not_found, not_found
+-- MethodNotAllowed        405    method_not_allowed
+-- Conflict                409    conflict
+-- TooLarge                413    body_too_large
+-- UnsupportedEncoding     415    unsupported_encoding
+-- TooMany                 429    rate_limit_exceeded, concurrency_exceeded; the first three of 402 while running requests hold the rest
+-- HeadersTooLarge         431    headers_too_large
+-- UpstreamFailed          502    upstream_failed, or the provider's own class
+-- Unavailable             503    no_target, store_unavailable, draining

ProviderError                      what one attempt at one provider ended in; the router and the meter look at `kind` only
ConfigurationError                 what stops a process at its start, in one sentence
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final


@dataclass(frozen=True, slots=True)
class AttemptReport:
    """One attempt at one target, as error bodies and explanations show it."""

    provider: str
    model: str
    status: int | None
    """The provider's HTTP status; None when it never answered."""
    outcome: str
    """`ok`, or a `FailureKind`."""
    milliseconds: int
    message: str = ""


class Problem(Exception):
    """A refusal or failure as the caller is told it; dialects write it in their own words."""

    status: ClassVar[int] = 500
    default_code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
        resets_at: datetime | None = None,
        attempts: Sequence[AttemptReport] = (),
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.param = param
        self.retry_after = retry_after
        """Seconds; sent as the `retry-after` header."""
        self.resets_at = resets_at
        self.attempts = tuple(attempts)
        self.headers = tuple(headers)

    @property
    def http_status(self) -> int:
        return self.status


class InternalFault(Problem):
    """A mistake of the gateway itself."""


class BadRequest(Problem):
    """The request itself is wrong; sending it again unchanged cannot work."""

    status = 400
    default_code = "invalid_request"


class Unauthorized(Problem):
    """No key, or one that is unknown, revoked or expired."""

    status = 401
    default_code = "invalid_api_key"


class PaymentRequired(Problem):
    """Money or quota ran out."""

    status = 402
    default_code = "budget_exceeded"


class Forbidden(Problem):
    """The key is known and may not do this."""

    status = 403
    default_code = "scope_denied"


class NotFound(Problem):
    """No such model, or no such thing for this key."""

    status = 404
    default_code = "not_found"


class MethodNotAllowed(Problem):
    """The path is there, for another method."""

    status = 405
    default_code = "method_not_allowed"


class Conflict(Problem):
    """What is there already, or a state in which this cannot be done."""

    status = 409
    default_code = "conflict"


class TooLarge(Problem):
    """The body is over the limit."""

    status = 413
    default_code = "body_too_large"


class UnsupportedEncoding(Problem):
    """The body is packed in a way that is not unpacked here."""

    status = 415
    default_code = "unsupported_encoding"


class TooMany(Problem):
    """A rate or concurrency limit."""

    status = 429
    default_code = "rate_limit_exceeded"


class HeadersTooLarge(Problem):
    """The request's headers are over the limit."""

    status = 431
    default_code = "headers_too_large"


class UpstreamFailed(Problem):
    """The providers failed. The status is theirs where all failed alike, else 502."""

    status = 502
    default_code = "upstream_failed"

    def __init__(
        self,
        message: str,
        *,
        upstream_status: int = 502,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
        attempts: Sequence[AttemptReport] = (),
        innererror: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, code=code, param=param, retry_after=retry_after, attempts=attempts)
        self.upstream_status = upstream_status
        self.own_code: str | None = None
        """The provider's own code, such as `invalid_image_format`: told in place of ours to callers who speak its dialect."""
        self.innererror = innererror
        """Azure's word for what its content filter found, which clients of OpenAI's SDK look for under this name."""

    @property
    def http_status(self) -> int:
        return self.upstream_status


class Unavailable(Problem):
    """The gateway cannot serve this now; the same request can work later."""

    status = 503
    default_code = "store_unavailable"


class ConfigurationError(Exception):
    """A setting or file is wrong; the process says so in one sentence and exits with a status that is not 0."""


class FailureKind(StrEnum):
    """Why an attempt failed: the closed set that routing, retrying and circuits decide by."""

    AUTH = "auth"
    """The provider refuses our key."""
    BILLING = "billing"
    """The account behind our key is out of credit or quota."""
    BAD_REQUEST = "bad_request"
    NOT_FOUND = "not_found"
    """The provider does not know the model or the path."""
    STORED_ELSEWHERE = "stored_elsewhere"
    """What the call goes on from is not stored in this credential's account."""
    CONTEXT_TOO_LONG = "context_too_long"
    CONTENT_FILTERED = "content_filtered"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    """503, 529 and their like: busy, and says so."""
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    """Refused, reset, TLS, DNS."""
    PROTOCOL = "protocol"
    """The answer could not be read."""
    CUT = "cut"
    """The stream ended before it was finished."""


_LONGEST_WORDS: Final = 4_000
_LONGEST_NAME: Final = 200
_SHORTEST_SECRET: Final = 8
"""Characters: a shorter one may be a word of the sentence."""


class ProviderError(Exception):
    """What one attempt ended in."""

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        innererror: Mapping[str, Any] | None = None,
    ) -> None:
        message = message[:_LONGEST_WORDS]
        super().__init__(message)
        self.kind = kind
        self.message = message
        """The provider's own words where it had any, cut where they would fill logs and memory."""
        self.status = status
        """The provider's HTTP status, None when there was no answer."""
        self.code = code and code[:_LONGEST_NAME]
        """The provider's own code or type, such as `insufficient_quota`."""
        self.param = param and param[:_LONGEST_NAME]
        self.retry_after = retry_after
        """Seconds, as the provider asked."""
        self.innererror = innererror
        """Azure's details (https://learn.microsoft.com/en-us/azure/ai-foundry/openai/concepts/content-filter)."""

    def strike_out(self, secrets: Iterable[str]) -> None:
        """Take out of its words what callers and logs must not see: a provider may quote the key that it refuses."""
        for secret in secrets:
            if len(secret) >= _SHORTEST_SECRET:
                self.message = self.message.replace(secret, "***")
                self.code = self.code and self.code.replace(secret, "***")
                self.param = self.param and self.param.replace(secret, "***")
