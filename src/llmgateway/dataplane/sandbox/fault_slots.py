"""How many requests with an injected fault an organisation may run at once: some keep their connection open for a minute."""

from collections import Counter
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

from llmgateway.errors import TooMany

_AT_ONCE: Final = 10


class FaultSlots:
    """Counts the faulted requests that run now, by organisation."""

    def __init__(self) -> None:
        self._running = Counter[str]()

    def slot(self, org_id: str, fault: str | None) -> AbstractContextManager[None]:
        """A context that holds a slot for one faulted request; a request without a fault needs none. Entering it raises TooMany when all are taken."""
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
