"""How the paths to providers are doing: circuits that open and close, and who is fast. In this process's memory.

A path is (credential, model). What is wrong with the credential itself (invalid, out of credit) cools all its paths. A cooled
path goes to the end of the plan, never out of it; when its time is over one real request probes it.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from llmgateway.contract.channels import PathHealth
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.kit.clock import Clock

Path = tuple[str, str]
"""Credential id, model."""

_WINDOW: Final = 20
_IN_A_ROW: Final = 5
_COOL_SECONDS: Final = 2.0
_LONGEST_SECONDS: Final = 20.0
"""A provider that is well again serves again within half a minute."""
_LIMITED_SECONDS: Final = 1.0
_CREDENTIAL_SECONDS: Final = 20.0
_PROBE_SECONDS: Final = 15.0
"""How long one probe keeps others away, should its outcome never be told."""
_MAX_PATHS: Final = 10_000
_DECAY: Final = 0.3
"""Weight of the newest measurement."""
_TYPICAL_TOKENS: Final = 200
"""Of an answer, where speeds are compared."""
_STALE_SECONDS: Final = 600.0
"""After so long a measurement is forgotten, so that who has become faster is noticed."""
_UNANSWERED_SECONDS: Final = 60.0
"""How long a path that failed before it was ever measured is not tried for the sake of measuring."""
_ANY_MODEL: Final = ""
_OF_THE_CREDENTIAL: Final = frozenset({FailureKind.AUTH, FailureKind.BILLING})
_OF_THE_PATH: Final = frozenset(
    {
        FailureKind.OVERLOADED,
        FailureKind.SERVER_ERROR,
        FailureKind.TIMEOUT,
        FailureKind.CONNECTION,
        FailureKind.PROTOCOL,
        FailureKind.CUT,
    }
)
"""Failures that say something of the path; all others are about the request."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Circuit:
    """What is remembered of a path."""

    outcomes: deque[bool] = field(default_factory=lambda: deque[bool](maxlen=_WINDOW))
    in_a_row: int = 0
    openings: int = 0
    """In a row, without a success between; each doubles the time."""
    cooled_until: float | None = None
    """Monotonic seconds; None is closed."""
    probed_until: float = 0.0
    why: str = ""
    first_token: float | None = None
    """Seconds, decayed."""
    tokens_per_second: float | None = None
    measured_at: float = 0.0
    failed_at: float | None = None
    """Monotonic seconds, both."""


class Health:
    """One for a process; never shared, so that one replica's trouble is not everybody's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._circuits = OrderedDict[Path, _Circuit]()

    def cooled(self, path: Path) -> str | None:
        """Why a path should be asked last now; None when it is well, or due for its probe."""
        now = self._clock.monotonic()
        for key in ((path[0], _ANY_MODEL), path):
            circuit = self._circuits.get(key)
            if circuit is None or circuit.cooled_until is None:
                continue
            if now < circuit.cooled_until:
                return f"{circuit.why}; asked again in {circuit.cooled_until - now:.0f} s"
            if now < circuit.probed_until:
                return f"{circuit.why}; being probed"
        return None

    def asks(self, path: Path) -> None:
        """The path is about to be asked: if it is due, this is its probe, and a stale speed is measured by this request."""
        now = self._clock.monotonic()
        known = self._circuits.get(path)
        if known is not None and now - known.measured_at > _STALE_SECONDS:
            known.measured_at = now  # until it is, all others go by the old figure
        for key in ((path[0], _ANY_MODEL), path):
            circuit = self._circuits.get(key)
            if circuit is not None and circuit.cooled_until is not None and now >= circuit.cooled_until:
                circuit.probed_until = now + _PROBE_SECONDS

    def succeeded(self, path: Path) -> None:
        """The path answered: what was open is closed."""
        for key in ((path[0], _ANY_MODEL), path):
            circuit = self._circuits.get(key)
            if circuit is None:
                continue
            if circuit.cooled_until is not None and circuit.why:
                log.info("a path to a provider is well again", credential=path[0], model=path[1])
            circuit.in_a_row = circuit.openings = 0
            circuit.cooled_until, circuit.probed_until, circuit.why = None, 0.0, ""
        self._circuit(path).outcomes.append(True)

    def failed(self, path: Path, error: ProviderError) -> None:
        """The path failed; what is the request's own fault is no news of the path."""
        self._circuit(path).failed_at = self._clock.monotonic()
        if error.kind in _OF_THE_CREDENTIAL:
            self._open((path[0], _ANY_MODEL), _CREDENTIAL_SECONDS, error.message or str(error.kind))
            return
        if error.kind is FailureKind.RATE_LIMITED:
            wait = error.retry_after if error.retry_after is not None else self._grown(path, _LIMITED_SECONDS)
            self._open(path, min(wait, 60.0), "rate limited")
            return
        circuit = self._circuit(path)
        probing = circuit.cooled_until is not None
        if error.kind not in _OF_THE_PATH:
            if probing:  # it spoke: alive, whatever it thought of the request
                self.succeeded(path)
            return
        circuit.outcomes.append(False)
        circuit.in_a_row += 1
        often = len(circuit.outcomes) == _WINDOW and circuit.outcomes.count(False) * 2 > _WINDOW
        if probing or often or circuit.in_a_row >= _IN_A_ROW:
            self._open(path, self._grown(path, _COOL_SECONDS), f"{circuit.in_a_row} failures in a row ({error.kind})")

    def answered(self, path: Path, first_token: float | None, tokens: int, seconds: float) -> None:
        """How fast a whole answer came: seconds to its first token, and its tokens over the seconds of writing.

        What has no tokens (embeddings) counts as an answer of usual length.
        """
        circuit = self._circuit(path)
        if first_token is not None:
            circuit.first_token = _decayed(circuit.first_token, first_token)
        if seconds > 0:
            speed = (tokens or _TYPICAL_TOKENS) / seconds
            circuit.tokens_per_second = _decayed(circuit.tokens_per_second, speed)
            circuit.measured_at = self._clock.monotonic()

    def expected_seconds(self, path: Path) -> float | None:
        """For an answer of usual length; None when that is worth finding out, infinite when it lately failed unmeasured."""
        circuit, now = self._circuits.get(path), self._clock.monotonic()
        if circuit is None:
            return None
        if circuit.tokens_per_second is None:
            failed = circuit.failed_at is not None and now - circuit.failed_at < _UNANSWERED_SECONDS
            return math.inf if failed else None
        if now - circuit.measured_at > _STALE_SECONDS:
            return None
        return (circuit.first_token or 0.0) + _TYPICAL_TOKENS / circuit.tokens_per_second

    def report(self) -> Sequence[PathHealth]:
        """All paths that were asked, for dashboards and metrics."""
        now = self._clock.monotonic()
        return [
            PathHealth(
                credential=credential,
                model=model or None,
                state=_state(circuit, now),
                why=circuit.why,
                first_token_seconds=circuit.first_token,
                tokens_per_second=circuit.tokens_per_second,
            )
            for (credential, model), circuit in self._circuits.items()
        ]

    def _open(self, path: Path, seconds: float, why: str) -> None:
        circuit = self._circuit(path)
        if circuit.cooled_until is None:
            log.warning(
                "a path to a provider is cooled", credential=path[0], model=path[1] or "all", why=why, seconds=seconds
            )
        circuit.openings += 1
        circuit.why = why
        circuit.cooled_until = self._clock.monotonic() + seconds
        circuit.probed_until = 0.0
        circuit.outcomes.clear()

    def _grown(self, path: Path, seconds: float) -> float:
        return min(seconds * 2 ** min(self._circuit(path).openings, 10), _LONGEST_SECONDS)

    def _circuit(self, path: Path) -> _Circuit:
        circuit = self._circuits.get(path)
        if circuit is None:
            circuit = self._circuits[path] = _Circuit()
            if len(self._circuits) > _MAX_PATHS:
                self._circuits.popitem(last=False)
        return circuit


def _decayed(old: float | None, new: float) -> float:
    return new if old is None else old + _DECAY * (new - old)


def _state(circuit: _Circuit, now: float) -> str:
    if circuit.cooled_until is None:
        return "closed"
    return "open" if now < circuit.cooled_until else "half_open"
