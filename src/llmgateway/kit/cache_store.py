"""A bounded store of bytes with a time to live, and its implementation in memory; RedisCache is the other one."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from llmgateway.kit.clock import Clock

OVERHEAD: Final = 512
"""Bytes of memory that an entry costs besides its value."""


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """How full a store is."""

    entries: int
    bytes: int


class CacheStore(Protocol):
    """What a response cache needs. Values are opaque; labels say what an entry belongs to."""

    async def get(self, key: bytes) -> bytes | None:
        """The value; None when there is none, or its time is over."""
        ...

    async def put(self, key: bytes, value: bytes, seconds: float, labels: frozenset[str]) -> None:
        """Keep a value for `seconds`. A value that is larger than the whole store is not kept."""
        ...

    async def purge(self, labels: frozenset[str]) -> int:
        """Forget every entry that carries all of the labels. Returns how many."""
        ...

    async def held(self, label: str) -> Sequence[tuple[frozenset[str], int]]:
        """(labels, bytes) of every entry that carries the label."""
        ...


@dataclass(frozen=True, slots=True)
class _Entry:
    value: bytes
    until: float
    labels: frozenset[str]

    @property
    def size(self) -> int:
        return len(self.value) + OVERHEAD


class MemoryCache:
    """A CacheStore in this process. When it is full, the least recently used entries go first."""

    def __init__(self, clock: Clock, max_bytes: int) -> None:
        self._clock = clock
        self._max = max_bytes
        self._entries = OrderedDict[bytes, _Entry]()
        self._bytes = 0

    async def get(self, key: bytes) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.until <= self._clock.monotonic():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.value

    async def put(self, key: bytes, value: bytes, seconds: float, labels: frozenset[str]) -> None:
        entry = _Entry(value, self._clock.monotonic() + seconds, labels)
        if entry.size > self._max:
            return
        self._drop(key)
        self._entries[key] = entry
        self._bytes += entry.size
        while self._bytes > self._max:
            self._drop(next(iter(self._entries)))

    async def held(self, label: str) -> Sequence[tuple[frozenset[str], int]]:
        now = self._clock.monotonic()
        entries = (entry for entry in self._entries.values() if label in entry.labels and entry.until > now)
        return [(entry.labels, entry.size) for entry in entries]

    async def purge(self, labels: frozenset[str]) -> int:
        return self._drop_where(lambda entry: labels <= entry.labels)

    def figures(self) -> CacheFigures:
        """How full it is now."""
        return CacheFigures(len(self._entries), self._bytes)

    def _drop_where(self, condition: Callable[[_Entry], bool]) -> int:
        keys = [key for key, entry in self._entries.items() if condition(entry)]
        for key in keys:
            self._drop(key)
        return len(keys)

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry.size
