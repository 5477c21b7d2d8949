"""Counting in one atomic step: windows, gauges and counters, checked and reserved all together or not at all.

Keys are opaque to the store, and it knows no limits: every claim brings its own.

Invariant: what a window admits in one clock window (60 s from a full minute, 3,600 s from a full hour, ...) is never above its limit,
because everything admitted in that clock window counts in full. The weighted rest of the window before is added, rounded up.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec

CEILING: Final = 9_000_000_000_000_000
"""No count grows above 9e15. That is below 2^53, up to which a double, as Redis scripts have it, holds integers exactly."""

LEASE_SECONDS: Final = 15
"""A process that did not `beat` for so long counts as dead, and what its tickets hold of gauges is free."""

STORING_SECONDS: Final = 1.0
"""Requests that ended longer ago are in the database, or their process has reported a `lag`."""

BEAT_SECONDS: Final = 5
"""How often a living process calls `beat`."""

REPORT_SECONDS: Final = STORING_SECONDS / 4
"""How often a living process calls `lag`."""


class Window(msgspec.Struct, frozen=True, array_like=True, tag="w"):
    """A sliding count: all of the current clock window, and of the one before the part that lies within the last `seconds`."""

    key: str
    seconds: int
    limit: int
    cost: int = 1
    """What the request needs; without room for it the claim is refused."""
    stretch: int = 0
    """What is reserved in addition, as far as there is room."""


class Gauge(msgspec.Struct, frozen=True, array_like=True, tag="g"):
    """What is in use at this moment. It is given back when the ticket is settled, or when its process is dead."""

    key: str
    limit: int
    cost: int = 1


class Counter(msgspec.Struct, frozen=True, array_like=True, tag="c"):
    """A sum since some moment, such as the money spent in a month. It must be seeded: a missing one is unknown, not zero."""

    key: str
    limit: int
    cost: int
    stretch: int = 0


Claim = Window | Gauge | Counter


class Reading(msgspec.Struct, frozen=True, array_like=True):
    """What one claim's limit has counted, after the call."""

    used: int
    """All that counts now, including what was reserved for this ticket."""
    reserved: int
    """What was reserved for this ticket; 0 when it was refused."""
    current: int
    """For a window: what was admitted in the current clock window. For the others the same as `used`."""
    previous: int
    """For a window: what was admitted in the clock window before, not weighted."""


class Verdict(msgspec.Struct, frozen=True):
    """Whether a ticket was admitted, and why not. `readings` are in the order of the claims."""

    admitted: bool
    now: float
    """The store's own time, in Unix seconds: clock windows begin and end by it."""
    readings: tuple[Reading, ...]
    refused: tuple[int, ...] = ()
    """Indexes of the claims that had no room."""
    held: tuple[int, ...] = ()
    """Indexes of refused counters that would have room if open tickets had reserved nothing."""
    unknown: tuple[str, ...] = ()
    """Keys of counters that must be seeded before the ticket can be admitted."""


class Store(Protocol):
    """Where counts are kept. A call that is repeated for the same ticket counts once."""

    async def admit(self, ticket: str, lease: str, claims: Sequence[Claim]) -> Verdict:
        """Reserve all of the claims, or none if one of them has no room. A second call for a ticket reserves nothing more."""
        ...

    async def settle(self, ticket: str, truths: Mapping[str, int], ago: float = 0.0) -> bool:
        """End a ticket whose request was over `ago` seconds ago.

        Its gauges are given back; the windows and counters in `truths` are corrected to their true cost, and the others keep
        what was reserved. Returns False when the ticket is unknown or was settled before. Nothing changes then, except that a
        store which lost the ticket adds the truths to counters that were seeded without them.
        """
        ...

    def holds(self, ticket: str) -> bool:
        """Whether a ticket is still to be settled in a store that other processes share: this process admitted it, or owes it.

        If this process dies first, another one must settle it.
        """
        ...

    async def count_also(self, ticket: str, truths: Mapping[str, int], held: Sequence[str], ago: float = 0.0) -> None:
        """Add what a request cost, once it is in the database, to counters that were read there without it and that it did not hold.

        `truths` maps the beginning of a counter's name (see `beginnings_of`) to what the request adds; of the counters with
        that beginning the newest one counts, and one that is seeded a moment later. `held` are the counters that `settle`
        corrects; it has been in the database for `ago` seconds.
        """
        ...

    async def names(self, ticket: str, near: str) -> Sequence[str]:
        """Names of the counters that another process's open ticket holds; `near` is the part in braces that they begin with."""
        ...

    async def newest(self, beginnings: Sequence[str]) -> Sequence[str]:
        """The newest counter of each beginning, as `count_also` finds it; none where only this process counts."""
        ...

    async def reading_time(self) -> float:
        """The store's time in Unix seconds. Call it before reading from the database what `seed` is then given.

        After the store lost its counts, this waits until every process has stored what it had counted before.
        """
        ...

    async def seed(self, counters: Mapping[str, int], lifetime: int, read_at: float = 0.0) -> None:
        """Give missing counters their value and keep them for `lifetime` seconds. Known counters stay as they are."""
        ...

    async def beat(self, lease: str) -> None:
        """Report that the lease's process lives; due every BEAT_SECONDS."""
        ...

    async def lag(self, lease: str, seconds: float) -> None:
        """Report that the lease's process has stored everything that it counted up to `seconds` ago; due every REPORT_SECONDS.

        After the store lost its counts, nobody may seed before every process has reported again.
        """
        ...


def beginnings_of(name: str) -> tuple[str, str]:
    """The beginnings by which `count_also` finds a counter: its name up to a `#`, and that up to its last `:`."""
    whole = name.partition("#")[0]
    return whole, whole.rpartition(":")[0]


def room_after(window: Window, reading: Reading, now: float) -> float | None:
    """Seconds until the window has room for the claim's cost if nothing else comes; None when it never will."""
    room = window.limit - window.cost
    if room < 0:
        return None
    elapsed = now % window.seconds
    if reading.current <= room:
        if reading.previous <= 0:
            return 0.0
        wait = window.seconds * (1 - (room - reading.current) / reading.previous) - elapsed
        return max(0.0, wait)
    return window.seconds - elapsed + max(0.0, window.seconds * (1 - room / reading.current))


def empty_after(window: Window, reading: Reading, now: float) -> float:
    """Seconds until nothing that counts now counts any more."""
    left = window.seconds - now % window.seconds
    if reading.current > 0:
        return left + window.seconds
    return left if reading.previous > 0 else 0.0
