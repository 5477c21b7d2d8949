"""The store's joint: counters that are checked and reserved all at once, and settled once.

Keys are opaque texts. One implementation lives in the process, another in Redis; both are held to one test suite.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

MAX_COUNT: Final = 9_000_000_000_000_000
"""Counters stop here: a script's numbers are doubles, exact up to 2**53."""


@dataclass(frozen=True, slots=True)
class Window:
    """A sliding counter of two buckets: the current one, and the previous one weighted by what of it still counts.

    A window of the clock never admits more than `limit`. `stretch` is reserved on top of `cost` as far as there is room.
    """

    key: str
    limit: int
    seconds: int
    cost: int = 1
    stretch: int = 0


@dataclass(frozen=True, slots=True)
class Gauge:
    """How many at once; given back when the ticket is settled."""

    key: str
    limit: int


@dataclass(frozen=True, slots=True)
class Counter:
    """An absolute counter, such as money spent. Missing is unknown, not zero: it must be seeded before it admits."""

    key: str
    limit: int
    cost: int
    stretch: int = 0


Claim = Window | Gauge | Counter


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a claim stands after the decision."""

    remaining: int
    resets_in: float
    """Seconds until all of it is free again (windows); 0 for gauges and counters."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision over all claims."""

    standings: tuple[Standing, ...]
    refused: int | None = None
    """Index of the first claim without room; None when all were reserved."""
    wait: float = 0.0
    """Seconds until the refused claim has room, 0 when nobody can say."""
    stretched: int = 0
    """How much of `stretch` was reserved, the same for all claims that have one."""
    unknown: tuple[str, ...] = ()
    """Counters that must be seeded before anything is admitted."""


class Store(Protocol):
    """Atomic admission and settlement."""

    async def admit(self, ticket: str, lease: str, claims: Sequence[Claim]) -> Verdict:
        """Check all claims and reserve all of them, or none."""
        ...

    async def settle(self, ticket: str, costs: Mapping[str, int]) -> None:
        """Correct reserved costs to the truth (key -> true cost), free the gauges. The second call does nothing."""
        ...

    async def seed(self, counters: Mapping[str, int]) -> None:
        """Set counters that are missing; those that are there stay as they are."""
        ...
