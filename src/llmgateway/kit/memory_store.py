"""A Store in this process: exact, forgetful of what no longer counts, and without a background task."""

from collections import deque
from collections.abc import Mapping, Sequence

from llmgateway.kit.clock import Clock
from llmgateway.kit.store import CEILING, LEASE_SECONDS, Claim, Counter, Gauge, Reading, Verdict, Window, beginnings_of

_ABANDONED_MILLIS = 86_400_000
_LATE_MILLIS = 60_000
_SWEEP_FROM = 1024


class _Count:
    """One window's two buckets; `place` is the number of the current one since 1970."""

    __slots__ = ("current", "place", "previous", "seconds")

    def __init__(self, seconds: int, place: int) -> None:
        self.seconds = seconds
        self.place = place
        self.current = 0
        self.previous = 0

    def roll(self, place: int) -> None:
        """Move on to the bucket of now; a clock that was set back stays in the newest one."""
        if place > self.place:
            self.previous = self.current if place == self.place + 1 else 0
            self.current = 0
            self.place = place


class _Reservation:
    """What an admitted ticket holds until it is settled."""

    __slots__ = ("counters", "gauges", "lease", "made", "verdict", "windows")

    def __init__(self, lease: str, made: int, verdict: Verdict) -> None:
        self.lease = lease
        self.made = made
        self.verdict = verdict
        self.windows: list[tuple[str, _Count, int, int]] = []
        """Key, count, the bucket's place, reserved."""
        self.gauges: list[tuple[str, int]] = []
        self.counters: list[tuple[str, int]] = []


class MemoryStore:
    """See Store. All calls return without waiting, so each is atomic on the event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: dict[str, _Count] = {}
        self._gauges: dict[str, int] = {}
        self._counters: dict[str, tuple[int, int]] = {}
        """Value, and the millisecond after which it is unknown."""
        self._read: dict[str, int] = {}
        """Counter -> the millisecond as of which its value was read from the database."""
        self._late = deque[tuple[int, str, int, Sequence[str]]]()
        """As `count_also`, for counters that are being read: the millisecond when it was stored, beginning, truth, held."""
        self._newest: dict[str, str] = {}
        """What names of counters begin with -> the newest of them."""
        self._tickets: dict[str, _Reservation] = {}
        self._leases: dict[str, int] = {}
        """Last heard of, in milliseconds."""
        self._held: dict[str, dict[str, _Reservation]] = {}
        """Lease -> its tickets that hold gauges."""
        self._to_sweep: list[str] = []
        self._sweep_tickets_at = _SWEEP_FROM

    @property
    def size(self) -> int:
        """Entries remembered, of all kinds."""
        return len(self._windows) + len(self._gauges) + len(self._counters) + len(self._tickets) + len(self._leases)

    async def admit(self, ticket: str, lease: str, claims: Sequence[Claim]) -> Verdict:
        known = self._tickets.get(ticket)
        if known is not None:
            return known.verdict
        now = self._millis()
        self._hear(lease, now)
        grants: list[tuple[int, int]] = []
        refused: list[int] = []
        unknown: list[str] = []
        for place, claim in enumerate(claims):
            used = self._used(claim, now)
            if used is None:
                unknown.append(claim.key)
                used = 0
            room = claim.limit - used - claim.cost
            if room < 0:
                refused.append(place)
            stretch = 0 if isinstance(claim, Gauge) else claim.stretch
            grants.append((used, claim.cost + min(stretch, room)))
        self._sweep(len(claims), now)
        if refused or unknown:
            readings = tuple(self._reading(claim, used, 0) for claim, (used, _) in zip(claims, grants, strict=True))
            held = tuple(place for place in refused if self._is_held(claims[place], grants[place][0]))
            return Verdict(False, now / 1000, readings, tuple(refused), held, tuple(unknown))
        return self._reserve(ticket, _Reservation(lease, now, _NOTHING), claims, grants)

    async def settle(self, ticket: str, truths: Mapping[str, int], ago: float = 0.0) -> bool:  # noqa: ARG002 nothing is lost here
        held = self._tickets.pop(ticket, None)
        if held is None:
            return False
        if held.gauges:
            self._give_back(ticket, held)
        for key, count, place, reserved in held.windows:
            truth = truths.get(key)
            if truth is not None and truth != reserved:
                _correct(count, place, truth - reserved)
        for key, reserved in held.counters:
            truth, known = truths.get(key), self._counters.get(key)
            if truth is not None and known is not None:
                self._counters[key] = (_bounded(known[0] + truth - reserved), known[1])
        return True

    def holds(self, ticket: str) -> bool:
        del ticket  # all of it dies with the process
        return False

    async def count_also(self, ticket: str, truths: Mapping[str, int], held: Sequence[str], ago: float = 0.0) -> None:  # noqa: ARG002
        now = self._millis()
        stored = now - round(ago * 1000)
        while self._late and self._late[0][0] < now - _LATE_MILLIS:
            self._late.popleft()
        for beginning, truth in truths.items():
            key = self._newest.get(beginning)
            known = None if key is None or key in held else self._counters.get(key)
            if key is not None and known is not None and stored >= self._read[key]:
                self._counters[key] = (_bounded(known[0] + truth), known[1])
            self._late.append((stored, beginning, truth, held))

    async def names(self, ticket: str, near: str) -> Sequence[str]:  # noqa: ARG002 no other process counts here
        return ()

    async def newest(self, beginnings: Sequence[str]) -> Sequence[str]:  # noqa: ARG002 as for names
        return ()

    async def reading_time(self) -> float:
        return self._millis() / 1000

    async def seed(self, counters: Mapping[str, int], lifetime: int, read_at: float = 0.0) -> None:
        now, read = self._millis(), round(read_at * 1000)
        for key, value in counters.items():
            if self._counter(key, now) is None:
                whole = value + self._reserved(key) + self._stored_since(read, key)
                self._counters[key], self._read[key] = (_bounded(whole), now + lifetime * 1000), read
                self._newest.update(dict.fromkeys(beginnings_of(key), key))

    async def beat(self, lease: str) -> None:
        self._hear(lease, self._millis())

    async def lag(self, lease: str, seconds: float) -> None:
        """Nobody else seeds here."""

    def _millis(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    def _is_held(self, claim: Claim, used: int) -> bool:
        """Whether a counter would have room, were it not for what open tickets reserve."""
        if not isinstance(claim, Counter):
            return False
        return used - self._reserved(claim.key) + claim.cost <= claim.limit

    def _reserved(self, key: str) -> int:
        """What open tickets hold of a counter."""
        return sum(cost for ticket in self._tickets.values() for name, cost in ticket.counters if name == key)

    def _stored_since(self, read: int, key: str) -> int:
        """What requests cost that do not hold this counter and were stored too late to be read with it."""
        names = beginnings_of(key)
        return sum(
            truth for stored, name, truth, held in self._late if stored >= read and name in names and key not in held
        )

    def _used(self, claim: Claim, now: int) -> int | None:
        if isinstance(claim, Window):
            return self._weighed(claim, now)
        if isinstance(claim, Gauge):
            return self._gauges.get(claim.key, 0)
        return self._counter(claim.key, now)

    def _weighed(self, claim: Window, now: int) -> int:
        count = self._windows.get(claim.key)
        if count is None:
            return 0
        length = claim.seconds * 1000
        count.roll(now // length)
        if not count.previous:
            return count.current
        # Rounded up, so that no fraction of a request is ever admitted above the limit.
        elapsed = max(0, now - count.place * length)
        return count.current - (-count.previous * (length - elapsed) // length)

    def _counter(self, key: str, now: int) -> int | None:
        known = self._counters.get(key)
        if known is None:
            return None
        if known[1] <= now:
            del self._counters[key], self._read[key]
            for beginning in beginnings_of(key):
                if self._newest.get(beginning) == key:
                    del self._newest[beginning]
            return None
        return known[0]

    def _reading(self, claim: Claim, used: int, reserved: int) -> Reading:
        if isinstance(claim, Window):
            count = self._windows.get(claim.key)
            if count is None:
                return Reading(used, reserved, 0, 0)
            return Reading(used + reserved, reserved, count.current, count.previous)
        return Reading(used + reserved, reserved, used + reserved, 0)

    def _reserve(
        self, ticket: str, held: _Reservation, claims: Sequence[Claim], grants: Sequence[tuple[int, int]]
    ) -> Verdict:
        readings: list[Reading] = []
        for claim, (used, cost) in zip(claims, grants, strict=True):
            key = claim.key
            if isinstance(claim, Window):
                count = self._windows.get(key)
                if count is None:
                    count = self._windows[key] = _Count(claim.seconds, held.made // (claim.seconds * 1000))
                count.current = _bounded(count.current + cost)
                held.windows.append((key, count, count.place, cost))
            elif isinstance(claim, Gauge):
                self._gauges[key] = self._gauges.get(key, 0) + cost
                held.gauges.append((key, cost))
            else:
                value, until = self._counters[key]
                self._counters[key] = (_bounded(value + cost), until)
                held.counters.append((key, cost))
            readings.append(self._reading(claim, used, cost))
        held.verdict = Verdict(True, held.made / 1000, tuple(readings))
        self._tickets[ticket] = held
        if held.gauges:
            self._held.setdefault(held.lease, {})[ticket] = held
        return held.verdict

    def _give_back(self, ticket: str, held: _Reservation) -> None:
        """Free what the ticket holds, unless the death of its lease did so before."""
        if self._held.get(held.lease, {}).pop(ticket, None) is not None:
            for key, cost in held.gauges:
                left = self._gauges[key] - cost
                if left:
                    self._gauges[key] = left
                else:
                    del self._gauges[key]

    def _hear(self, lease: str, now: int) -> None:
        self._leases[lease] = now
        if len(self._leases) > 1:
            self._bury(now)

    def _bury(self, now: int) -> None:
        for lease in [lease for lease, heard in self._leases.items() if now - heard >= LEASE_SECONDS * 1000]:
            del self._leases[lease]
            for ticket, held in list(self._held.get(lease, {}).items()):
                self._give_back(ticket, held)
            self._held.pop(lease, None)

    def _sweep(self, claims: int, now: int) -> None:
        """Look at more entries than this call can add, so that the forgotten are always found."""
        windows = self._windows
        if len(windows) > _SWEEP_FROM:
            self._to_sweep = self._to_sweep or list(windows)
            for _ in range(min(claims + 1, len(self._to_sweep))):
                key = self._to_sweep.pop()
                count = windows.get(key)
                if count is not None and now // (count.seconds * 1000) > count.place + 1:
                    del windows[key]
        if len(self._tickets) >= self._sweep_tickets_at:
            old = [ticket for ticket, held in self._tickets.items() if now - held.made > _ABANDONED_MILLIS]
            for ticket in old:
                self._give_back(ticket, self._tickets.pop(ticket))
            self._sweep_tickets_at = 2 * max(_SWEEP_FROM, len(self._tickets))


_NOTHING = Verdict(False, 0.0, ())


def _correct(count: _Count, place: int, difference: int) -> None:
    """Correct the bucket that admitted the ticket, where it still counts."""
    if count.place == place:
        count.current = _bounded(count.current + difference)
    elif count.place == place + 1:
        count.previous = _bounded(count.previous + difference)


def _bounded(value: int) -> int:
    return 0 if value < 0 else min(value, CEILING)
