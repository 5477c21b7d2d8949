"""How the paths to providers are doing: circuits that open and close, and who is fast. In this process's memory.

A path is (credential, model). What is wrong with the credential itself (invalid, out of credit) cools all its paths. A cooled
path goes to the end of the plan, never out of it; when its time is over one real request probes it.
"""

import math
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final

import structlog

from llmgateway.contract.channels import PathHealth
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.kit.clock import Clock

Path = tuple[str, str]
"""(credential id, model)."""

_WINDOW: Final = 20
_IN_A_ROW: Final = 5
_COOL_SECONDS: Final = 2.0
_LONGEST_SECONDS: Final = 20.0
"""The longest that failures keep a circuit open: a provider that recovers serves again within half a minute."""
_LIMITED_SECONDS: Final = 1.0
_LONGEST_WAIT_SECONDS: Final = 60.0
"""The longest time that a provider can ask to be left alone."""
_CREDENTIAL_SECONDS: Final = 20.0
_PROBE_SECONDS: Final = 15.0
"""How long a probe keeps others away if its outcome is never reported."""
_MAX_PATHS: Final = 10_000
_DECAY: Final = 0.3
"""The weight of the newest measurement in the decaying averages."""
_TYPICAL_TOKENS: Final = 200
"""The length of answer, in tokens, by which speeds are compared."""
_STALE_SECONDS: Final = 600.0
"""How long a measurement holds: after that a path is measured again, so that one that became faster is noticed."""
_UNANSWERED_SECONDS: Final = 60.0
"""How long a path that failed before it was measured is not asked just to measure it."""
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
"""Failures that count against the path; all others are about the request."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Circuit:
    """The circuit of one path, and how fast it is."""

    path: Path
    outcomes: deque[bool] = field(default_factory=lambda: deque[bool](maxlen=_WINDOW))
    in_a_row: int = 0
    openings: int = 0
    """How often it opened in a row, without a success; each time doubles how long it stays open."""
    before: tuple[int, int] = (0, 0)
    """`in_a_row` and `openings` before the last success, in case that answer still breaks off."""
    opened_at: float = -math.inf
    cooled_until: float | None = None
    """Until when the circuit is open, in monotonic seconds; None when it is closed."""
    probed_until: float = 0.0
    why: str = ""
    first_token: float | None = None
    """Seconds until the first token: a decaying average."""
    tokens_per_second: float | None = None
    measured_at: float = 0.0
    failed_at: float | None = None
    """In monotonic seconds, as `measured_at`."""

    def is_due(self, now: float) -> bool:
        """Whether the path has been cooled long enough and may be probed."""
        return self.cooled_until is not None and now >= self.cooled_until

    def count_failure(self) -> None:
        self.outcomes.append(False)
        self.in_a_row += 1

    @property
    def fails_too_often(self) -> bool:
        """Whether it must open: a failure more of an open one, several in a row, or most of the last ones."""
        most = len(self.outcomes) == _WINDOW and self.outcomes.count(False) * 2 > _WINDOW
        return self.cooled_until is not None or self.in_a_row >= _IN_A_ROW or most


class Health:
    """The circuits and speeds of all paths. Each process has its own, so that the trouble of one replica does not stop the others."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._circuits = OrderedDict[Path, _Circuit]()
        self._opened: set[Path] = set()
        """Paths, and credentials, whose circuit is open or due; usually there is none."""

    def cooled(self, path: Path) -> str | None:
        """Why the path should be asked last now; None when it is well, or may be probed."""
        now = self._clock.monotonic()
        for circuit in self._open_ones(path):
            if not circuit.is_due(now):
                return f"{circuit.why}; asked again in {(circuit.cooled_until or now) - now:.0f} s"
            if now < circuit.probed_until:
                return f"{circuit.why}; being probed"
        return None

    def asks(self, path: Path) -> float:
        """The path is about to be asked; gives the moment, for when its outcome is told.

        If the path is due, this is its probe; if its speed is stale, this request measures it.
        """
        now = self._clock.monotonic()
        known = self._circuits.get(path)
        if known is not None and now - known.measured_at > _STALE_SECONDS:
            known.measured_at = now  # until it is, all others go by the old figure
        for circuit in self._open_ones(path):
            if circuit.is_due(now):
                circuit.probed_until = now + _PROBE_SECONDS
        return now

    def left(self, path: Path) -> None:
        """The request was cancelled before there was an outcome: another one may probe the path."""
        for circuit in self._open_ones(path):
            circuit.probed_until = 0.0

    def succeeded(self, path: Path, asked_at: float = math.inf) -> None:
        """The path answered. Its circuit closes, unless it opened after this request was sent."""
        for circuit in self._open_ones(path):
            if asked_at >= circuit.opened_at:
                log.info("a path to a provider is well again", credential=path[0], model=path[1])
                circuit.cooled_until, circuit.probed_until, circuit.why = None, 0.0, ""
                self._opened.discard(circuit.path)
        circuit = self._circuit(path)
        circuit.before = (circuit.in_a_row, circuit.openings)
        circuit.in_a_row = circuit.openings = 0
        circuit.outcomes.append(True)

    def broke(self, path: Path, error: ProviderError, asked_at: float = math.inf) -> None:
        """An answer broke off after it had begun: it counts as a failure after all."""
        circuit = self._circuit(path)
        circuit.in_a_row, circuit.openings = map(max, circuit.before, (circuit.in_a_row, circuit.openings))
        if circuit.outcomes and circuit.outcomes[-1]:
            circuit.outcomes.pop()
        self.failed(path, error, asked_at)

    def failed(self, path: Path, error: ProviderError, asked_at: float = math.inf) -> None:
        """The path failed. Failures that are the request's own fault do not count, nor those of requests sent before the circuit opened."""
        now, circuit = self._clock.monotonic(), self._circuit(path)
        circuit.failed_at = now
        if error.kind in _OF_THE_CREDENTIAL:
            self._open((path[0], _ANY_MODEL), _CREDENTIAL_SECONDS, error.message or str(error.kind))
        elif asked_at < circuit.opened_at:
            return
        elif error.kind is FailureKind.RATE_LIMITED:
            wait = error.retry_after if error.retry_after is not None else self._grown(path, _LIMITED_SECONDS)
            self._open(path, min(wait, _LONGEST_WAIT_SECONDS), "rate limited")
        elif error.kind in _OF_THE_PATH:
            circuit.count_failure()
            if circuit.fails_too_often:
                why = f"{circuit.in_a_row} failures in a row ({error.kind})"
                self._open(path, self._grown(path, _COOL_SECONDS), why)
        elif any(opened.is_due(now) for opened in self._open_ones(path)):
            self.succeeded(path, asked_at)  # it spoke: alive, whatever it thought of the request

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
        """How long an answer of usual length takes. None when that should be measured, infinite when the path lately failed unmeasured."""
        circuit, now = self._circuits.get(path), self._clock.monotonic()
        if circuit is None:
            return None
        if circuit.tokens_per_second is None:
            failed = circuit.failed_at is not None and now - circuit.failed_at < _UNANSWERED_SECONDS
            return math.inf if failed else None
        if now - circuit.measured_at > _STALE_SECONDS:
            return None
        return (circuit.first_token or 0.0) + _TYPICAL_TOKENS / circuit.tokens_per_second

    def report(self) -> list[PathHealth]:
        """The health of all paths that were asked, for dashboards and metrics."""
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
        circuit.opened_at = self._clock.monotonic()
        circuit.cooled_until = circuit.opened_at + seconds
        self._opened.add(path)
        circuit.probed_until = 0.0
        circuit.outcomes.clear()

    def _open_ones(self, path: Path) -> list[_Circuit]:
        """The open circuits that stop a path: its own, and that of its credential."""
        if not self._opened:
            return []
        return [self._circuits[key] for key in ((path[0], _ANY_MODEL), path) if key in self._opened]

    def _grown(self, path: Path, seconds: float) -> float:
        return min(seconds * 2 ** min(self._circuit(path).openings, 10), _LONGEST_SECONDS)

    def _circuit(self, path: Path) -> _Circuit:
        circuit = self._circuits.get(path)
        if circuit is None:
            circuit = self._circuits[path] = _Circuit(path)
            if len(self._circuits) > _MAX_PATHS:
                forgotten, _ = self._circuits.popitem(last=False)
                self._opened.discard(forgotten)
        else:
            self._circuits.move_to_end(path)  # who makes up names pushes out no path that is asked
        return circuit


def _decayed(old: float | None, new: float) -> float:
    return new if old is None else old + _DECAY * (new - old)


def _state(circuit: _Circuit, now: float) -> str:
    if circuit.cooled_until is None:
        return "closed"
    return "open" if now < circuit.cooled_until else "half_open"
