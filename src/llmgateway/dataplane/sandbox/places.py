"""Faults keep connections open for a minute: an organisation may have a few of them at once."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from llmgateway.errors import TooMany

_AT_ONCE: Final = 10


class FaultPlaces:
    """Counts what runs now, by organisation."""

    def __init__(self) -> None:
        self._running = Counter[str]()

    @contextmanager
    def place(self, org_id: str, fault: str | None) -> Generator[None]:
        """A place for one faulted request; all others need none. Raises TooMany."""
        if fault is None:
            yield
            return
        if self._running[org_id] >= _AT_ONCE:
            raise TooMany(
                f"{_AT_ONCE} requests with x-llmgateway-fault are running. Wait for one of them to end.",
                code="concurrency_exceeded",
                retry_after=1,
            )
        self._running[org_id] += 1
        try:
            yield
        finally:
            self._running[org_id] -= 1
            if not self._running[org_id]:
                del self._running[org_id]
