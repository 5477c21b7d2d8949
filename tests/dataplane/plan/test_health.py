"""Circuits: what opens them, how they are probed, and that they always close again."""

import math
from collections.abc import Sequence

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgateway.dataplane.plan.health import Health, Path
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.kit.clock import ManualClock
from tests.dataplane.routing import NOON

PATH = ("openai/0", "gpt-4.1")
SIBLING = ("openai/0", "gpt-4.1-mini")
STRANGER = ("org_2/openai", "gpt-4.1")
OF_THE_REQUEST = [
    FailureKind.BAD_REQUEST,
    FailureKind.NOT_FOUND,
    FailureKind.CONTEXT_TOO_LONG,
    FailureKind.CONTENT_FILTERED,
]
RECOVERY = 30.0
"""Seconds within which a provider that is well again serves again."""


class Ward:
    """A health with its clock."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOON)
        self.health = Health(self.clock)

    def fail(self, kind: FailureKind = FailureKind.SERVER_ERROR, times: int = 1, path: Path = PATH) -> None:
        for _ in range(times):
            self.health.failed(path, ProviderError(kind, "no"))

    def limit(self, retry_after: float | None, path: Path = PATH) -> None:
        self.health.failed(path, ProviderError(FailureKind.RATE_LIMITED, "slow down", retry_after=retry_after))

    def is_cooled(self, path: Path = PATH) -> bool:
        return self.health.cooled(path) is not None

    def until_due(self) -> float:
        """Advance until the path may be probed; the seconds it took."""
        for second in range(200):
            if not self.is_cooled():
                return second
            self.clock.advance(1)
        raise AssertionError("the path is never asked again")


def test_a_path_nobody_asked_is_well() -> None:
    assert not Ward().is_cooled()


def test_four_failures_in_a_row_are_borne_the_fifth_opens() -> None:
    ward = Ward()
    ward.fail(times=4)
    assert not ward.is_cooled()
    ward.fail()
    assert ward.is_cooled()


def test_a_success_between_starts_the_row_anew() -> None:
    ward = Ward()
    for _ in range(3):
        ward.fail(times=4)
        ward.health.succeeded(PATH)
    assert not ward.is_cooled()


@pytest.mark.parametrize(("failures", "opens"), [(10, False), (11, True)])
def test_more_than_half_of_twenty_requests_open(failures: int, *, opens: bool) -> None:
    ward = Ward()
    good = 20 - failures
    for turn in range(10):  # failures and successes by turns, so that none are five in a row
        if turn < good:
            ward.health.succeeded(PATH)
        ward.fail()
    if opens:
        ward.fail()
    assert ward.is_cooled() is opens


@pytest.mark.parametrize("kind", OF_THE_REQUEST)
def test_what_is_the_requests_own_fault_opens_nothing(kind: FailureKind) -> None:
    ward = Ward()
    ward.fail(kind, times=50)
    assert not ward.is_cooled()


def test_a_rate_limit_cools_its_pair_for_as_long_as_the_provider_said() -> None:
    ward = Ward()
    ward.limit(7.0)
    assert ward.is_cooled()
    assert not ward.is_cooled(SIBLING)
    ward.clock.advance(6.9)
    assert ward.is_cooled()
    ward.clock.advance(0.2)
    assert not ward.is_cooled()


def test_rate_limits_without_a_time_cool_longer_and_longer_to_a_bound() -> None:
    ward, seconds = Ward(), list[float]()
    for _ in range(8):
        ward.limit(None)
        seconds.append(ward.until_due())
    assert seconds == sorted(seconds)
    assert seconds[0] <= 1 < seconds[-1] <= 20


@pytest.mark.parametrize("kind", [FailureKind.AUTH, FailureKind.BILLING])
def test_a_bad_key_or_an_empty_account_cools_all_of_the_credential_and_nobody_elses(kind: FailureKind) -> None:
    ward = Ward()
    ward.fail(kind)
    assert ward.is_cooled()
    assert ward.is_cooled(SIBLING)
    assert not ward.is_cooled(STRANGER)


def test_the_operator_is_told_once_of_a_bad_key() -> None:
    ward = Ward()
    with structlog.testing.capture_logs() as lines:
        for _ in range(5):
            ward.fail(FailureKind.AUTH)
            ward.until_due()
    assert [line["credential"] for line in lines if line["log_level"] == "warning"] == ["openai/0"]


def test_recovery_is_probed_by_one_request_at_a_time() -> None:
    ward = Ward()
    ward.fail(times=5)
    ward.until_due()
    ward.health.asks(PATH)
    assert ward.is_cooled(), "everybody else waits for the probe"
    ward.health.succeeded(PATH)
    assert not ward.is_cooled()


def test_a_probe_that_fails_opens_again_at_once_and_for_longer() -> None:
    ward = Ward()
    ward.fail(times=5)
    first = ward.until_due()
    ward.health.asks(PATH)
    ward.fail()
    second = ward.until_due()
    assert second > first


def test_a_probe_whose_end_nobody_tells_does_not_keep_the_path_shut() -> None:
    ward = Ward()
    ward.fail(times=5)
    ward.until_due()
    ward.health.asks(PATH)
    assert ward.until_due() <= 15


def test_a_probe_that_the_provider_answers_with_the_requests_own_fault_closes() -> None:
    ward = Ward()
    ward.fail(times=5)
    ward.until_due()
    ward.health.asks(PATH)
    ward.fail(FailureKind.BAD_REQUEST)
    assert not ward.is_cooled()


def test_a_key_that_works_again_opens_all_its_models() -> None:
    ward = Ward()
    ward.fail(FailureKind.AUTH)
    ward.until_due()
    ward.health.asks(PATH)
    ward.health.succeeded(PATH)
    assert not ward.is_cooled(SIBLING)


def test_answers_that_always_break_off_open_although_each_began_well() -> None:
    ward = Ward()
    for _ in range(5):
        assert not ward.is_cooled()
        ward.health.succeeded(PATH)
        ward.health.broke(PATH, ProviderError(FailureKind.CUT, "cut"))
    assert ward.is_cooled()


def test_one_broken_answer_among_whole_ones_opens_nothing() -> None:
    ward = Ward()
    for _ in range(20):
        ward.health.succeeded(PATH)
        ward.health.broke(PATH, ProviderError(FailureKind.CUT, "cut"))
        ward.health.succeeded(PATH)
        ward.health.succeeded(PATH)
    assert not ward.is_cooled()


def test_late_news_of_requests_that_were_asked_before_say_nothing_of_now() -> None:
    ward = Ward()
    early = ward.health.asks(PATH)
    ward.clock.advance(1)
    ward.limit(7.0)
    ward.health.succeeded(PATH, early)
    assert ward.is_cooled(), "it was asked before the limit was reached"
    for _ in range(20):
        ward.health.failed(PATH, ProviderError(FailureKind.RATE_LIMITED, "slow down"), early)
        ward.health.failed(PATH, ProviderError(FailureKind.SERVER_ERROR, "no"), early)
    assert ward.until_due() == 7


def test_what_failed_before_the_provider_was_asked_closes_nothing() -> None:
    ward = Ward()
    ward.fail(times=5)
    ward.until_due()
    ward.health.failed(PATH, ProviderError(FailureKind.BAD_REQUEST, "cannot be written"), -math.inf)
    assert [path.state for path in ward.health.report()] == ["half_open"]


def test_a_probe_whose_caller_leaves_gives_its_turn_to_the_next() -> None:
    ward = Ward()
    ward.fail(times=5)
    ward.until_due()
    ward.health.asks(PATH)
    ward.health.left(PATH)
    assert not ward.is_cooled()


def test_a_refused_request_shows_that_the_key_works_again() -> None:
    ward = Ward()
    ward.fail(FailureKind.AUTH)
    ward.until_due()
    ward.health.asks(SIBLING)
    ward.fail(FailureKind.BAD_REQUEST, path=SIBLING)
    assert not ward.is_cooled()


_PATHS = st.sampled_from([PATH, SIBLING, STRANGER])
_EVENTS = st.lists(
    st.one_of(
        st.tuples(
            st.just("failed"), _PATHS, st.sampled_from([k for k in FailureKind if k is not FailureKind.RATE_LIMITED])
        ),
        st.tuples(st.just("limited"), _PATHS, st.none() | st.floats(0, 20)),
        st.tuples(st.just("succeeded"), _PATHS, st.none()),
        st.tuples(st.just("asks"), _PATHS, st.none()),
        st.tuples(st.just("waits"), _PATHS, st.floats(0, 30)),
    ),
    max_size=60,
)


def _play(ward: Ward, events: Sequence[tuple[str, Path, object]]) -> None:
    for what, path, detail in events:
        if what == "failed" and isinstance(detail, FailureKind):
            ward.fail(detail, path=path)
        elif what == "limited":
            ward.limit(detail if isinstance(detail, float) else None, path)
        elif what == "succeeded":
            ward.health.succeeded(path)
        elif what == "asks":
            ward.health.asks(path)
        elif isinstance(detail, float):
            ward.clock.advance(detail)


@settings(deadline=None)
@given(_EVENTS)
def test_whatever_happened_a_path_that_is_well_again_serves_within_thirty_seconds(
    events: list[tuple[str, Path, object]],
) -> None:
    ward = Ward()
    _play(ward, events)
    ward.clock.advance(20)  # the longest time to cool; a probe that is under way may take what is left
    if ward.is_cooled():
        ward.clock.advance(RECOVERY - 20)
    assert not ward.is_cooled()
    ward.health.asks(PATH)
    ward.health.succeeded(PATH)
    assert not ward.is_cooled()


@settings(deadline=None)
@given(_EVENTS)
def test_nothing_that_happens_to_one_credential_cools_another(events: list[tuple[str, Path, object]]) -> None:
    ward = Ward()
    _play(ward, [(what, PATH if path == STRANGER else path, detail) for what, path, detail in events])
    assert not ward.is_cooled(STRANGER)


@settings(deadline=None)
@given(_EVENTS)
def test_a_success_closes_whatever_was_open(events: list[tuple[str, Path, object]]) -> None:
    ward = Ward()
    _play(ward, events)
    ward.health.succeeded(PATH)
    assert not ward.is_cooled()


@settings(deadline=None)
@given(_EVENTS)
def test_the_report_names_each_path_once_and_agrees_with_what_is_cooled(events: list[tuple[str, Path, object]]) -> None:
    ward = Ward()
    _play(ward, events)
    report = {(path.credential, path.model): path.state for path in ward.health.report()}
    assert len(report) == len(ward.health.report())
    for path in (PATH, SIBLING, STRANGER):
        states = {report.get(path, "closed"), report.get((path[0], None), "closed")}
        if "open" in states:
            assert ward.is_cooled(path)
        if states == {"closed"}:
            assert not ward.is_cooled(path)


def test_speeds_are_a_decayed_mean() -> None:
    ward = Ward()
    assert ward.health.expected_seconds(PATH) is None
    ward.health.answered(PATH, 0.5, 200, 2.0)
    assert ward.health.expected_seconds(PATH) == pytest.approx(0.5 + 2.0)
    ward.health.answered(PATH, 1.5, 200, 2.0)
    later = ward.health.expected_seconds(PATH)
    assert later is not None
    assert 2.5 < later < 3.5
    for _ in range(40):
        ward.health.answered(PATH, 0.1, 400, 2.0)
    assert ward.health.expected_seconds(PATH) == pytest.approx(1.1, rel=0.01)


def test_memory_is_bounded_however_many_models_callers_name() -> None:
    ward = Ward()
    for number in range(10_500):
        ward.health.succeeded(("openai/0", f"model-{number}"))
    assert len(ward.health.report()) == 10_000


def test_names_that_somebody_makes_up_push_out_no_path_that_is_asked() -> None:
    ward = Ward()
    ward.fail(times=5)
    for number in range(20_001):
        ward.health.succeeded(("org_2/cred", f"m{number}"))
        if number % 5_000 == 0:
            ward.fail()
    assert ward.health.cooled(PATH) is not None
