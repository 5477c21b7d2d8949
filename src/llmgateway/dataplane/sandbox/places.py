"""Faults keep connections open for a minute: an organisation may have a few of them at once."""

from collections import Counter
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

from llmgateway.errors import TooMany

_AT_ONCE: Final = 10


class FaultPlaces:
    """Counts what runs now, by organisation."""

    def __init__(self) -> None:
        self._running = Counter[str]()

    def place(self, org_id: str, fault: str | None) -> AbstractContextManager[None]:
        """A place for one faulted request; all others need none. Raises TooMany when it is entered."""
        return nullcontext() if fault is None else self._taken(org_id)

    @contextmanager
    def _taken(self, org_id: str) -> Generator[None]:
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
