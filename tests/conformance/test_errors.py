"""Every provider's failures are told apart: what kind they are decides on retries, on the next target and on the caller's status."""

from dataclasses import dataclass

import pytest

from llmgateway.canon.call import Operation
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.base import UpstreamReply
from tests.conformance.samples import steps_of
from tests.conformance.targets import TARGETS, Target, chat, those_with
from tests.conformance.wires.base import WORDS

EVERYBODY = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)


@dataclass(frozen=True)
class Fault:
    """A failure as providers report it."""

    name: str
    status: int
    kind: FailureKind


FAULTS = (
    Fault("bad request", 400, FailureKind.BAD_REQUEST),
    Fault("wrong key", 401, FailureKind.AUTH),
    Fault("no credit", 402, FailureKind.BILLING),
    Fault("forbidden", 403, FailureKind.AUTH),
    Fault("unknown model", 404, FailureKind.NOT_FOUND),
    Fault("too large", 413, FailureKind.BAD_REQUEST),
    Fault("rate limit", 429, FailureKind.RATE_LIMITED),
    Fault("server error", 500, FailureKind.SERVER_ERROR),
    Fault("overloaded", 503, FailureKind.OVERLOADED),
    Fault("context length", 400, FailureKind.CONTEXT_TOO_LONG),
    Fault("content filter", 400, FailureKind.CONTENT_FILTERED),
)


@EVERYBODY
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_failure_has_its_kind_and_the_providers_words(target: Target, fault: Fault) -> None:
    if fault.kind is FailureKind.CONTENT_FILTERED and "filtered_error" in target.wire.lacks:
        pytest.skip(f"{target.name} reports filters in its answers, not as errors")
    error = target.provider.classify(target.wire.failure(fault.kind, fault.status))
    assert error.kind is fault.kind
    assert WORDS in error.message
    assert error.status == fault.status


@EVERYBODY
@pytest.mark.parametrize(("status", "kind"), [(429, FailureKind.RATE_LIMITED), (503, FailureKind.OVERLOADED)])
def test_when_to_come_back_is_read(target: Target, status: int, kind: FailureKind) -> None:
    failed = target.wire.failure(kind, status)
    told = UpstreamReply(failed.status, {**failed.headers, "retry-after": "7"}, failed.body)
    assert target.provider.classify(told).retry_after == 7
    assert target.provider.classify(failed).retry_after is None


STATUSES = {
    400: FailureKind.BAD_REQUEST,
    401: FailureKind.AUTH,
    402: FailureKind.BILLING,
    403: FailureKind.AUTH,
    404: FailureKind.NOT_FOUND,
    408: FailureKind.TIMEOUT,
    413: FailureKind.BAD_REQUEST,
    422: FailureKind.BAD_REQUEST,
    429: FailureKind.RATE_LIMITED,
    500: FailureKind.SERVER_ERROR,
    502: FailureKind.SERVER_ERROR,
    503: FailureKind.OVERLOADED,
    504: FailureKind.TIMEOUT,
    529: FailureKind.OVERLOADED,
}


@EVERYBODY
def test_what_a_proxy_says_without_the_providers_shape_counts_by_its_status(target: Target) -> None:
    for status, kind in STATUSES.items():
        for body in (b"<html><h1>A proxy says no</h1></html>", b"", b"[]", b'{"x": 1}', b"\xff"):
            error = target.provider.classify(UpstreamReply(status, {}, body))
            assert error.kind is kind, (status, body)
            assert error.message


@pytest.mark.parametrize("target", those_with(Operation.CHAT), ids=lambda target: target.name)
def test_a_failure_in_the_middle_of_a_stream_is_told(target: Target) -> None:
    steps = steps_of(target.provider.decoder(chat({}, stream=True), native=False), target.wire.broken())
    errors = [step.error for step in steps if step.error]
    assert [error.kind for error in errors] == [FailureKind.SERVER_ERROR]
    assert WORDS in errors[0].message
    assert not any(step.finish for step in steps)


def test_errors_are_no_answers() -> None:
    for target in those_with(Operation.CHAT):
        with pytest.raises(ProviderError):
            target.provider.read(chat({}), target.wire.failure(FailureKind.SERVER_ERROR, 200))
