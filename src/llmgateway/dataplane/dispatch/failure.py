"""What a caller is told when no target answered: the provider's kind of failure where all failed alike, else 502."""

import math
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from llmgateway.contract.usage import Attempt
from llmgateway.errors import AttemptReport, FailureKind, ProviderError, Unavailable, UpstreamFailed


class Failure(NamedTuple):
    """A failed attempt and its error."""

    attempt: Attempt
    error: ProviderError
    native: bool
    """Whether the provider owns the caller's dialect, so that the caller knows its error codes."""


_CLASS_OF_KIND = {
    FailureKind.BAD_REQUEST: (400, "invalid_request"),
    FailureKind.STORED_ELSEWHERE: (400, "invalid_request"),
    FailureKind.CONTEXT_TOO_LONG: (400, "context_length_exceeded"),
    FailureKind.CONTENT_FILTERED: (400, "content_filter"),
    FailureKind.NOT_FOUND: (404, "model_not_found"),
    FailureKind.RATE_LIMITED: (429, "rate_limit_exceeded"),
    FailureKind.OVERLOADED: (503, "upstream_failed"),
}
"""Failures that are told as what they are when all targets failed alike; all others are a 502."""
_OF_ALL_OTHERS: Final = (502, "upstream_failed")
_UNTOLD_WAIT: Final = {429: 1}
"""Seconds after which to ask again where a status promises to say so and the provider did not."""
_KEPT_AS_THEY_ARE = frozenset({400, 409, 413, 422})
_CODE: Final = re.compile(r"[a-z][a-z0-9_.]{0,63}")
"""What an error code looks like, as opposed to a sentence or a key."""
_ADVICE = {
    FailureKind.RATE_LIMITED: "Try again later, or add a fallback target to the model's alias.",
    FailureKind.OVERLOADED: "Try again later, or add a fallback target to the model's alias.",
    FailureKind.AUTH: "The operator must check the provider's credential.",
    FailureKind.BILLING: "The operator must top up or change the provider's account.",
    FailureKind.NOT_FOUND: "Check the model's name.",
}


def final_problem(failures: Sequence[Failure]) -> UpstreamFailed | Unavailable:
    """One Problem that sums up all attempts, with the last provider's message in it."""
    if not failures:
        return Unavailable(
            "No target could be asked for this model now. Try again shortly.", code="no_target", retry_after=1
        )
    reports = [_report(failure.attempt) for failure in failures]
    last = failures[-1].error
    kinds = {failure.error.kind for failure in failures}
    status, code = _CLASS_OF_KIND.get(last.kind, _OF_ALL_OTHERS) if len(kinds) == 1 else _OF_ALL_OTHERS
    if last.kind is FailureKind.CONTENT_FILTERED:
        status, code = _CLASS_OF_KIND[last.kind]
    if status == 400 and last.status in _KEPT_AS_THEY_ARE:
        status = last.status
    problem = UpstreamFailed(
        _sentence(reports[-1], last),
        upstream_status=status,
        code=code,
        param=last.param,
        retry_after=math.ceil(last.retry_after) if last.retry_after is not None else _UNTOLD_WAIT.get(status),
        attempts=reports,
        innererror=last.innererror,
    )
    if code == "invalid_request":
        problem.own_code = _own_code(failures[-1])
    return problem


def broken_stream(error: ProviderError, attempts: Sequence[Attempt]) -> UpstreamFailed:
    """The Problem of a stream that failed after its first content. It is sent as an event, with the status it would have had."""
    status, code = _CLASS_OF_KIND.get(error.kind, _OF_ALL_OTHERS)
    reports = [_report(attempt) for attempt in attempts]
    return UpstreamFailed(
        f"The answer is incomplete: {error.message}", upstream_status=status, code=code, attempts=reports
    )


def _own_code(failure: Failure) -> str | None:
    """The provider's own code of the mistake, where it says more than the kind of failure; else None."""
    code = failure.error.code or ""
    known = failure.native and _CODE.fullmatch(code) is not None and not code.endswith("_error")
    return code if known else None


def _sentence(attempt: AttemptReport, error: ProviderError) -> str:
    advice = _ADVICE.get(error.kind)
    said = error.message.strip() or f"{attempt.provider} failed without a word."
    return f"{said} ({attempt.provider}: {error.kind}. {advice})" if advice else said


def _report(attempt: Attempt) -> AttemptReport:
    return AttemptReport(
        provider=attempt.provider,
        model=attempt.model,
        status=attempt.status,
        outcome=attempt.outcome,
        milliseconds=attempt.milliseconds,
        message=attempt.message,
    )
