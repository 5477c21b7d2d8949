"""The server behind a store: who it is, since when it has kept counts, its time, and the scripts that it has.

Its run id and its scripts are asked for anew after every connection that was lost: it may be another one by then.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from redis.exceptions import ReadOnlyError, RedisError

from llmgateway.kit import redis_wire
from llmgateway.kit.clock import Clock
from llmgateway.kit.patience import Patience

_BORN_SECONDS: Final = 400 * 86_400


class StoreDown(Exception):
    """Redis did not answer in time, or said something that cannot be used."""


class StoreDamaged(StoreDown):
    """Redis answers; but some keys hold what no script of ours wrote. Whom they do not concern is served."""


class Birth(NamedTuple):
    """Counts of two births have nothing in common: between them lies a restart or a flush."""

    epoch: str
    """The server's run id, shortened."""
    millis: int
    """The Unix millisecond since when it has kept counts."""


class RedisServer:
    """One server. Every call raises StoreDown when it cannot be asked."""

    def __init__(
        self,
        url: str,
        scripts: Mapping[str, str],
        *,
        seconds: float,
        prefix: str,
        clock: Clock | None,
        lost: Callable[[], None],
    ) -> None:
        """`scripts` are sources by name. The others as in RedisStore."""
        # Each call has its own deadline.
        self._meeting_seconds = max(seconds * 4, 0.2)
        """To connect, and to hear who it is: longer than a call."""
        self.client: Any = redis_wire.connect(
            url, connect_seconds=self._meeting_seconds, socket_timeout=None, decode_responses=True
        )
        self.wire = redis_wire.Wire(self.client)
        self.shas: dict[str, str] = {}
        """Of the scripts, by name."""
        self._scripts = scripts
        self._seconds = seconds
        self._born_key = f"{prefix}born:"
        self._clock = clock
        self._lost = lost
        self._meeting: asyncio.Task[Birth] | None = None
        """All who want to know who the server is wait for one answer."""
        self._epoch: str | None = None
        """Its run id; None when it must be asked again."""
        self._birth: Birth | None = None
        """As last heard."""

    async def epoch(self) -> str:
        """Its run id."""
        if self._epoch is not None:
            return self._epoch
        try:
            async with Patience(self._seconds):
                return (await self.meet()).epoch
        except TimeoutError as error:
            raise self.down(error) from error

    async def meet(self) -> Birth:
        """Ask who the server is, once for all callers that ask at the same time; one that is cancelled does not cancel the others."""
        meeting = self._meeting
        if meeting is None or meeting.done():
            meeting = self._meeting = asyncio.ensure_future(self._hear())
            meeting.add_done_callback(_heard)
        return await asyncio.shield(meeting)

    async def _hear(self) -> Birth:
        """As `meet`, with a deadline. Tells `lost` when the counts of before are gone. Raises StoreDown."""
        try:
            async with Patience(self._meeting_seconds):
                birth = await self._introduction()
        except ReadOnlyError as error:
            await self.client.connection_pool.disconnect()  # the next ones lead to whoever has its address now
            raise self.down(error) from error
        except (RedisError, OSError, TimeoutError) as error:
            raise self.down(error) from error
        self._epoch = birth.epoch
        known, self._birth = self._birth, birth
        if known is not None and known != birth:
            self._lost()
        return birth

    async def _introduction(self) -> Birth:
        """Read the server's run id and since when it has kept counts; load the scripts into one that may not have them."""
        now = await self._time()
        info: Mapping[str, Any] = await self.client.info("server")
        epoch = str(info["run_id"])[:12]
        if epoch != self._epoch:
            await self._load_scripts(epoch)
        key = self._born_key + epoch
        await self.client.set(key, now, nx=True, ex=_BORN_SECONDS)
        return Birth(epoch, int(await self.client.get(key) or now))

    async def _load_scripts(self, epoch: str) -> None:
        for name, source in self._scripts.items():
            self.shas[name] = str(await self.client.script_load(f"-- of {epoch}\n{source}"))

    async def ask(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """What it answers to each, in their order."""
        try:
            async with Patience(self._seconds):
                return await self.wire.ask(commands)
        except (RedisError, OSError, TimeoutError) as error:
            raise self.down(error) from error

    async def millis(self) -> int:
        """Its own time, in Unix milliseconds."""
        try:
            async with Patience(self._seconds):
                return await self._time()
        except (RedisError, OSError, TimeoutError) as error:
            raise self.down(error) from error

    async def _time(self) -> int:
        if self._clock is not None:
            return int(self._clock.now().timestamp() * 1000)
        [(seconds, micros)] = await self.wire.ask([("TIME",)])
        return int(seconds) * 1000 + int(micros) // 1000

    @property
    def told_time(self) -> str:
        """What a script is told of the time: nothing, and it takes the server's."""
        return "" if self._clock is None else f"{int(self._clock.now().timestamp() * 1000):d}"

    def down(self, error: BaseException) -> StoreDown:
        """What to raise for an error; who the server is must be asked again."""
        self._epoch = None
        return StoreDown(str(error) or type(error).__name__)

    async def facts(self) -> Mapping[str, str]:
        """What an operator must know of it: see redis_wire."""
        return await redis_wire.facts(self.client, self._seconds * 20)

    async def close(self) -> None:
        """Close the connections."""
        if self._meeting is not None:
            await asyncio.gather(self._meeting, return_exceptions=True)
        await self.client.aclose()


def _heard(meeting: "asyncio.Task[Birth]") -> None:
    """Take the exception of a meeting that nobody waits for any more, which asyncio would log as never retrieved."""
    if not meeting.cancelled():
        meeting.exception()
