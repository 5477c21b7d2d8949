"""One timer for the many waits of an answer: a timeout of its own for each chunk costs more than reading it."""

import asyncio
import math
from types import TracebackType
from typing import Self


class Watchdog:
    """As `asyncio.timeout`, again and again in one task: `with dog.until(when): await ...`. Raises TimeoutError.

    The timer is set once and looks, when it rings, how long the wait that runs now may last; a wait that is over leaves it as
    it is. It is only set anew for a wait that must end sooner. Whoever is done calls `close`.
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
        """The next wait ends at this time of the loop's clock."""
        self._due = when
        return self

    def within(self, seconds: float) -> Self:
        """The next wait ends after so many seconds."""
        return self.until(self._loop.time() + seconds)

    def __enter__(self) -> None:
        self._task = task = asyncio.current_task()
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
        """No more waits; safe to call twice."""
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
