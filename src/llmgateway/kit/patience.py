"""Deadlines for a server that do not count the time in which our own event loop was blocked."""

import asyncio
from collections import deque
from types import TracebackType
from typing import Any, Final, Self

_STALL_SECONDS: Final = 0.005
"""When a timer fires later than this after its time, the event loop was blocked."""
_MOST: Final = 2
"""How often a deadline starts again after a block, so that it ends also on a loop that is always late."""


class Patience:
    """Like `asyncio.timeout`, but starts again when the event loop was blocked at the deadline.

    An event loop runs its timers before it reads. After a block of 50 ms it would time out a server whose answer has arrived
    and only was not read yet.
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
    """Like `Patience`, for many futures on one timer. A future that is not done in time gets a TimeoutError.

    A timer for each future would be a noticeable part of what a request costs.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._waiting = deque[tuple[float, asyncio.Future[Any], int]]()
        """(when it is due in loop time, the future, how often its deadline may start again), in the order in which they are due."""
        self._rings = False
        """Whether a timer is set."""

    def watch(self, future: "asyncio.Future[Any]") -> None:
        """Start the future's deadline now."""
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
