"""One timer for all the waits of a stream, because a timeout for each chunk would cost more than reading the chunk."""

import asyncio
import math
from types import TracebackType
from typing import Self


class Watchdog:
    """Like `asyncio.timeout`, many times in one task: `with dog.until(when): await ...`. Raises TimeoutError.

    The timer outlives a wait. When it fires, it looks how long the present wait may still last; it is set again only for a wait
    that must end sooner. Call `close` in the end.
    """

    __slots__ = ("_barked", "_cancelled", "_due", "_loop", "_task", "_timer")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf
        self._task: asyncio.Task[object] | None = None
        """Who waits now."""
        self._cancelled = 0
        """How often others had cancelled it before it waited."""
        self._barked = False

    def until(self, when: float) -> Self:
        """The next wait must end at this time of the loop's clock."""
        self._due = when
        return self

    def within(self, seconds: float) -> Self:
        """The next wait must end after so many seconds."""
        return self.until(self._loop.time() + seconds)

    def __enter__(self) -> None:
        self._task = task = asyncio.current_task(self._loop)
        self._cancelled = task.cancelling() if task is not None else 0
        if self._timer is None or self._timer.when() > self._due:
            self._set()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if self._barked and task is not None:
            self._barked = False
            if task.uncancel() <= self._cancelled and kind is asyncio.CancelledError:
                raise TimeoutError from error

    def close(self) -> None:
        """Remove the timer: there are no more waits. Safe to call twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self) -> None:
        self.close()
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._task is None:
            return
        if self._loop.time() < self._due:
            self._set()
        elif not self._barked:
            self._barked = True
            self._task.cancel()
