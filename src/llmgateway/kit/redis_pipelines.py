"""Calls of scripts, gathered in pipelines while the server works on others; a first one finds it idle and leaves at once."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from redis.exceptions import RedisError

from llmgateway.kit.patience import Deadlines, Patience
from llmgateway.kit.redis_server import RedisServer, StoreDown
from llmgateway.kit.redis_wire import Pipeline

_ENOUGH: Final = 6
"""Calls that leave at once, while fewer than `_OVERLAPPING` pipelines are under way. With all of a turn in one pipeline, server and
process would wait for each other in turn; with fewer calls in it, each of them costs more."""
_OVERLAPPING: Final = 2
_PIPELINES: Final = 4
"""The most that are under way at once."""
_LONGEST_SECONDS: Final = 0.002
"""Of a pipeline that others wait for: where the server is far away, calls do not wait for each other's way."""


class _Call(NamedTuple):
    """A call that waits to leave, or for its answer."""

    script: str
    keys: Sequence[str]
    arguments: Sequence[str | bytes]
    answer: asyncio.Future[Any]


class Pipelines:
    """Sends calls of a server's scripts; each call has a deadline of its own."""

    def __init__(
        self, server: RedisServer, seconds: float, failure: Callable[[Sequence[str], Exception], StoreDown]
    ) -> None:
        """`seconds` is a call's deadline, and `failure` what a call with these keys raises for an error."""
        self._server = server
        self._seconds = seconds
        self._failure = failure
        self._deadlines = Deadlines(seconds)
        self._waiting: list[_Call] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._departure: asyncio.Handle | None = None
        """When the calls that wait leave at the latest."""

    async def call(self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes]) -> Any:
        """What a script answers. Raises StoreDown."""
        loop = asyncio.get_running_loop()
        call = _Call(script, keys, arguments, loop.create_future())
        self._waiting.append(call)
        if not self._under_way:  # the server has nothing to do
            self._flush()
        elif len(self._waiting) == 1:  # the others come along
            self._departure = loop.call_later(_LONGEST_SECONDS, self._flush)
        elif len(self._waiting) >= _ENOUGH and len(self._under_way) < _OVERLAPPING:
            self._flush()
        self._deadlines.watch(call.answer)
        try:
            return await call.answer
        except TimeoutError as error:
            raise self._server.down(error) from error

    async def finish(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _flush(self) -> None:
        """Send what waits."""
        if self._departure is not None:
            self._departure.cancel()
            self._departure = None
        if not self._waiting or len(self._under_way) >= _PIPELINES:
            return
        # Whom the deadline took must reserve nothing any more.
        batch, self._waiting = [call for call in self._waiting if not call.answer.done()], []
        if not batch:
            return
        shas = self._server.shas
        commands = [("EVALSHA", shas[one.script], len(one.keys), *one.keys, *one.arguments) for one in batch]
        task = asyncio.ensure_future(self._answer(batch, commands, self._server.wire.begin(commands)))
        self._under_way.add(task)
        task.add_done_callback(self._flushed)

    def _flushed(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._flush()

    async def _answer(
        self, batch: Sequence[_Call], commands: Sequence[tuple[Any, ...]], pipeline: Pipeline | None
    ) -> None:
        """Each call hears its answer as soon as it comes."""
        owed = iter(batch)
        try:
            async with Patience(self._seconds * 2):
                pipeline = pipeline or await self._server.wire.open(commands)
                await pipeline.answered(lambda answer: self._hear(next(owed), answer))
        except (RedisError, OSError, TimeoutError) as error:
            for call in owed:
                self._hear(call, error)

    def _hear(self, call: _Call, answer: Any) -> None:
        if call.answer.done():
            return
        if isinstance(answer, Exception):
            call.answer.set_exception(self._failure(call.keys, answer))
        else:
            call.answer.set_result(answer)
