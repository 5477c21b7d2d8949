"""A deadline for the other side alone: time in which our own event loop stood still is not held against it."""

import asyncio
from collections import deque
from types import TracebackType
from typing import Any, Final, Self

_STALL_SECONDS: Final = 0.005
"""A deadline that rings later than this after its time was kept from ringing."""
_MOST: Final = 2
"""Times that a deadline is given anew, so that it ends also on a loop that is always late."""


class Patience:
    """As `asyncio.timeout`; but when the loop comes to the deadline late, what arrived meanwhile is read first.

    An event loop looks at its timers before it reads. Without this, a process that had no processor for 50 ms takes a server for dead
    whose answer it has not looked at.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(None)
        self._again = _MOST
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self._wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._timer.cancel()
        return await self._timeout.__aexit__(kind, error, trace)

    def _wait(self) -> None:
        self._due = self._loop.time() + self._seconds
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        now = self._loop.time()
        if self._again and now - self._due > _STALL_SECONDS:
            self._again -= 1
            self._wait()
        else:
            self._timeout.reschedule(now)


class Deadlines:
    """As `Patience`, for many futures on one timer: who is not done in time ends in TimeoutError.

    What each would pay for a timer of its own is a part of what a request costs.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._waiting = deque[tuple[float, asyncio.Future[Any], int]]()
        """When each is due, in that order, and how often its deadline may be given anew."""
        self._rings = False
        """A timer is set."""

    def watch(self, future: "asyncio.Future[Any]") -> None:
        """Its time begins now."""
        waiting = self._waiting
        while waiting and waiting[0][1].done():
            waiting.popleft()
        waiting.append((self._loop.time() + self._seconds, future, _MOST))
        if not self._rings:
            self._set()

    def _set(self) -> None:
        self._rings = bool(self._waiting)
        if self._rings:
            self._loop.call_at(self._waiting[0][0], self._ring)

    def _ring(self) -> None:
        now, waiting = self._loop.time(), self._waiting
        while waiting and (waiting[0][1].done() or waiting[0][0] <= now):
            due, future, again = waiting.popleft()
            if future.done():
                continue
            if again and now - due > _STALL_SECONDS:
                waiting.append((now + self._seconds, future, again - 1))
            else:
                future.set_exception(TimeoutError())
        self._set()
