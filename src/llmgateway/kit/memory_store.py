"""The store of one process: plain dictionaries, atomic because nothing awaits between check and change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from llmgateway.kit.clock import Clock
from llmgateway.kit.store import MAX_COUNT, Claim, Counter, Gauge, Standing, Verdict, Window

_SWEEP_SECONDS = 60.0


@dataclass(slots=True)
class _Buckets:
    """Two neighbouring windows of the clock."""

    seconds: int
    number: int
    current: int = 0
    previous: int = 0

    def turn(self, number: int) -> None:
        """Move on to the window of this number."""
        if number != self.number:
            self.previous = self.current if number == self.number + 1 else 0
            self.current = 0
            self.number = number

    def used(self, into: float) -> int:
        """What counts `into` seconds after the current window began, rounded up."""
        left = round((self.seconds - into) * 1000)
        return self.current - (-self.previous * left // (self.seconds * 1000))

    def wait(self, claim: Window, into: float) -> float:
        """Seconds until the claim's cost has room."""
        room = claim.limit - claim.cost
        if room < 0:
            return 0.0
        left = self.seconds - into
        if self.current <= room:
            return left - (room - self.current) * self.seconds / self.previous if self.previous else 0.0
        # Not in this window; in the next one, once enough of this one has faded.
        return left + self.seconds * (1 - room / self.current)


@dataclass(slots=True)
class _Reservation:
    """What one ticket holds."""

    windows: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])
    """(key, number of the window, cost)."""
    gauges: list[str] = field(default_factory=list[str])
    counters: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])


class MemoryStore:
    """Counters of this process alone; a crash frees everything at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows = dict[str, _Buckets]()
        self._gauges = dict[str, int]()
        self._counters = dict[str, int]()
        self._tickets = dict[str, _Reservation]()
        self._swept = clock.monotonic()

    async def admit(self, ticket: str, lease: str, claims: Sequence[Claim]) -> Verdict:
        del lease  # a process's own memory dies with it
        now = self._clock.now().timestamp()
        self._sweep(now)
        unknown = tuple(c.key for c in claims if isinstance(c, Counter) and c.key not in self._counters)
        if unknown:
            return Verdict((), unknown=unknown)
        rooms = [self._room(claim, now) for claim in claims]
        refused = next((i for i, claim in enumerate(claims) if rooms[i] < _cost(claim)), None)
        if refused is not None:
            standings = tuple(self._standing(claim, now) for claim in claims)
            return Verdict(standings, refused=refused, wait=self._wait(claims[refused], now))
        stretches = [
            min(claim.stretch, room - claim.cost)
            for claim, room in zip(claims, rooms, strict=True)
            if not isinstance(claim, Gauge) and claim.stretch
        ]
        stretched = min(stretches, default=0)
        self._reserve(ticket, claims, stretched)
        return Verdict(tuple(self._standing(claim, now) for claim in claims), stretched=stretched)

    async def settle(self, ticket: str, costs: Mapping[str, int]) -> None:
        held = self._tickets.pop(ticket, None)
        if held is None:
            return
        for key in held.gauges:
            left = self._gauges[key] - 1
            if left:
                self._gauges[key] = left
            else:
                del self._gauges[key]
        for key, number, cost in held.windows:
            buckets = self._windows.get(key)
            if key in costs and buckets is not None:
                change = costs[key] - cost
                if number == buckets.number:
                    buckets.current = min(MAX_COUNT, max(0, buckets.current + change))
                elif number == buckets.number - 1:
                    buckets.previous = min(MAX_COUNT, max(0, buckets.previous + change))
        for key, cost in held.counters:
            self._counters[key] = min(MAX_COUNT, self._counters[key] + costs.get(key, cost) - cost)

    async def seed(self, counters: Mapping[str, int]) -> None:
        for key, value in counters.items():
            self._counters.setdefault(key, value)

    def _room(self, claim: Claim, now: float) -> int:
        match claim:
            case Gauge():
                return claim.limit - self._gauges.get(claim.key, 0)
            case Counter():
                return claim.limit - self._counters[claim.key]
            case Window():
                number, into = divmod(now, claim.seconds)
                buckets = self._windows.get(claim.key)
                if buckets is None:
                    buckets = self._windows[claim.key] = _Buckets(claim.seconds, int(number))
                buckets.turn(int(number))
                return claim.limit - buckets.used(into)

    def _reserve(self, ticket: str, claims: Sequence[Claim], stretched: int) -> None:
        held = self._tickets[ticket] = _Reservation()
        for claim in claims:
            match claim:
                case Gauge():
                    self._gauges[claim.key] = self._gauges.get(claim.key, 0) + 1
                    held.gauges.append(claim.key)
                case Counter():
                    cost = claim.cost + (stretched if claim.stretch else 0)
                    self._counters[claim.key] = min(MAX_COUNT, self._counters[claim.key] + cost)
                    held.counters.append((claim.key, cost))
                case Window():
                    cost = claim.cost + (stretched if claim.stretch else 0)
                    buckets = self._windows[claim.key]
                    buckets.current = min(MAX_COUNT, buckets.current + cost)
                    held.windows.append((claim.key, buckets.number, cost))

    def _standing(self, claim: Claim, now: float) -> Standing:
        remaining = max(0, self._room(claim, now))
        if not isinstance(claim, Window):
            return Standing(remaining, 0.0)
        buckets = self._windows[claim.key]
        left = claim.seconds - now % claim.seconds
        return Standing(remaining, left + claim.seconds if buckets.current else left if buckets.previous else 0.0)

    def _wait(self, claim: Claim, now: float) -> float:
        return self._windows[claim.key].wait(claim, now % claim.seconds) if isinstance(claim, Window) else 0.0

    def _sweep(self, now: float) -> None:
        """Forget windows in which nothing counts any more."""
        monotonic = self._clock.monotonic()
        if monotonic - self._swept < _SWEEP_SECONDS:
            return
        self._swept = monotonic
        old = [key for key, buckets in self._windows.items() if buckets.number < now // buckets.seconds - 1]
        for key in old:
            del self._windows[key]


def _cost(claim: Claim) -> int:
    return 1 if isinstance(claim, Gauge) else claim.cost
