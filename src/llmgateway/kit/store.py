"""Counting in one atomic step: windows, gauges and counters, checked and reserved all together or not at all.

Keys are opaque. A store knows no limits of its own: every claim brings the limit that it is held to.

Invariant: what a window admits in one clock window (60 s from a full minute, 3,600 s from a full hour, ...) is never above its limit,
because what was admitted before in that clock window counts whole. The weighted rest of the window before comes on top, rounded up.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec

CEILING: Final = 9_000_000_000_000_000
"""No number grows above 9e15: below 2^53, the last integer that a script's double holds exactly."""

LEASE_SECONDS: Final = 15
"""A process that was not heard of for so long is dead, and its gauges are free."""

STORING_SECONDS: Final = 1.0
"""What was over for so long is stored, or its process says that it lags."""

BEAT_SECONDS: Final = 5
"""How often a living process says so."""

REPORT_SECONDS: Final = STORING_SECONDS / 4
"""How often it says up to when it has stored what it counted."""


class Window(msgspec.Struct, frozen=True, array_like=True, tag="w"):
    """A sliding count: the current clock window whole, the one before weighted by how much of it still counts."""

    key: str
    seconds: int
    limit: int
    cost: int = 1
    """What is needed; without room for it the claim is refused."""
    stretch: int = 0
    """What is reserved on top, as far as there is room."""


class Gauge(msgspec.Struct, frozen=True, array_like=True, tag="g"):
    """What is in use at this moment; given back at the settling, or when the holder's lease is dead."""

    key: str
    limit: int
    cost: int = 1


class Counter(msgspec.Struct, frozen=True, array_like=True, tag="c"):
    """An absolute sum, such as money spent in a month. It must be seeded: missing is unknown, not zero."""

    key: str
    limit: int
    cost: int
    stretch: int = 0


Claim = Window | Gauge | Counter


class Reading(msgspec.Struct, frozen=True, array_like=True):
    """How one claim stands after the call."""

    used: int
    """All that counts now, what was reserved for this ticket included."""
    reserved: int
    """For this ticket; 0 when it was refused."""
    current: int
    """Of a window: admitted in this clock window. Of the others: the same as `used`."""
    previous: int
    """Of a window: admitted in the clock window before, not weighted."""


class Verdict(msgspec.Struct, frozen=True):
    """What became of a ticket. `readings` follow the order of the claims."""

    admitted: bool
    now: float
    """The store's own time in Unix seconds; windows are cut by it."""
    readings: tuple[Reading, ...]
    refused: tuple[int, ...] = ()
    """Places of the claims that had no room."""
    held: tuple[int, ...] = ()
    """Of those, counters that would have room, were it not for what open tickets reserve."""
    unknown: tuple[str, ...] = ()
    """Keys of counters that must be seeded first."""


class Store(Protocol):
    """Where counts live. Tickets are idempotent by their id."""

    async def admit(self, ticket: str, lease: str, claims: Sequence[Claim]) -> Verdict:
        """Check all claims and reserve all of them, or none. The second call for a ticket reserves nothing more."""
        ...

    async def settle(self, ticket: str, truths: Mapping[str, int], ago: float = 0.0) -> bool:
        """End a ticket that was over so many seconds ago.

        Gauges are given back, windows and counters named in `truths` get their true cost. The others keep what was reserved. False when the ticket is unknown, or was settled before: nothing changes then,
        but a store that lost the ticket adds its truths to counters that were seeded without them.
        """
        ...

    def holds(self, ticket: str) -> bool:
        """Whether the end of a ticket is known here, or will be, and is not known yet where others count too.

        If this process dies before it is, others must settle it.
        """
        ...

    async def count_also(self, ticket: str, truths: Mapping[str, int], held: Sequence[str], ago: float = 0.0) -> None:
        """What an ended request cost, to counters that were seeded while it ran, and that it does not hold; once for a ticket.

        `truths` has what names begin with, up to a `#` or up to the last `:` before it, and what they count: by the newest
        counter of each beginning. `held` are the names that its settling corrects, `ago` is as for `settle`.
        """
        ...

    async def names(self, ticket: str, near: str) -> Sequence[str]:
        """What an open ticket of another process holds; `near` is the part in braces that its names begin with."""
        ...

    async def newest(self, beginnings: Sequence[str]) -> Sequence[str]:
        """The newest counter of each beginning, as `count_also` finds it; of those that another process may have counted in."""
        ...

    async def reading_time(self) -> float:
        """To be asked before counters are read from elsewhere: the moment to tell `seed`, in the store's Unix seconds.

        Waits until processes had the time to store what they counted before counts were lost.
        """
        ...

    async def seed(self, counters: Mapping[str, int], lifetime: int, read_at: float = 0.0) -> None:
        """Give missing counters their value, for so many seconds. What is known already stays as it is."""
        ...

    async def beat(self, lease: str) -> None:
        """The lease's process lives."""
        ...

    async def lag(self, lease: str, seconds: float) -> None:
        """The lease's process has stored all that it counted until so long ago; 0: until now.

        To be said every REPORT_SECONDS: after counts were lost nobody may seed before each process said it anew.
        """
        ...


def beginnings_of(name: str) -> tuple[str, str]:
    """What a counter is found by when `count_also` asks: its name up to a `#`, and that up to its last `:`."""
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
