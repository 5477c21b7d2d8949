"""Carries usage from the journal to the database: every event at least once, the checkpoint only after the sink returned."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import structlog

from llmgateway.contract.channels import SourceUnavailable, UsageSink
from llmgateway.contract.usage import JournalRecord, OpenRecord, UsageEvent
from llmgateway.dataplane.watch.shipment import BATCH, GIVEN_UP_AFTER, Heir, Shipment, estimate, poison_file
from llmgateway.kit.clock import Clock
from llmgateway.kit.journal import Journal

_IDLE_SECONDS: Final = 0.05
_BUSY_SECONDS: Final = 0.2
_BUSY_EVENTS: Final = 50
_BACKOFF_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
_ORPHAN_SECONDS: Final = 15.0

_log = structlog.get_logger(__name__)


class Shipper:
    """Ships the journal of this process, and those of dead processes below the same root."""

    def __init__(self, journal: Journal, sink: UsageSink, clock: Clock) -> None:
        self._clock = clock
        self._sink = sink
        self._root = journal.folder.parent
        self._own = Shipment(journal, sink, clock)
        self._heir: Heir | None = None
        self._orphans: list[Shipment] = []
        self._left: set[Shipment] | None = set()
        """What dead processes had left when this one began, and is not in the database yet; None until it was looked for."""
        self._orphans_poison = 0
        self._poison_before = _lines_of(poison_file(journal))
        self._shipped = asyncio.Event()
        self._caught_up = clock.monotonic()
        """Monotonic seconds: all that was written before then is in the database."""
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def poison(self) -> int:
        """Records that lay in `poison.jsonl` when this process began, and those that it set aside since."""
        return (
            self._poison_before
            + self._own.poison
            + self._orphans_poison
            + sum(orphan.poison for orphan in self._orphans)
        )

    @property
    def shipped(self) -> int:
        """Events of this process's own journal that the sink took."""
        return self._own.shipped

    @property
    def backlog(self) -> int:
        """Bytes of this process's journal that are not in the database yet."""
        return self._own.journal.backlog

    @property
    def lag(self) -> float:
        """Seconds since the moment up to which all of this process's journal is in the database; 0 when all of it is."""
        return self._clock.monotonic() - self._caught_up if self.backlog else 0.0

    def settle_by(self, heir: Heir) -> None:
        """From now on this heir settles the requests of dead processes, once they are in the database."""
        self._heir = self._own.heir = heir

    async def start(self) -> None:
        """Begin to ship. Returns at once, also while the database is down."""
        loop, self._left = asyncio.get_running_loop(), None
        # Two loops, so that what the dead left, however much or broken, never delays the living.
        self._tasks = [loop.create_task(_repeat(step)) for step in (self._ship_own, self._ship_orphans)]

    async def stop(self, seconds: float = 5.0, held: Sequence[bytes] = ()) -> None:
        """Ship what is there if that takes no longer than so many seconds, then end. The rest stays on disk.

        `held` are records that the disk did not take. They end with the process, so they go to the database past the journal.
        """
        if self._tasks:
            await asyncio.gather(self.drain(seconds), self._ship_held(held, seconds))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        with suppress(OSError):  # what is not remembered is read once more
            self._own.mark()
        for orphan in self._orphans:
            orphan.journal.close()
        self._orphans.clear()

    async def catch_up(self, seconds: float) -> bool:
        """Wait until all that was written before now is in the database; False when it took too long.

        With it all that dead processes had left here before this one began: nobody else would count it.
        """
        now = self._clock.monotonic()
        try:
            async with asyncio.timeout(seconds):
                while self._left is None or self._left or (self._own.journal.backlog and self._caught_up < now):
                    self._shipped.clear()
                    await self._shipped.wait()
        except TimeoutError:
            return False
        return True

    async def drain(self, seconds: float) -> bool:
        """Wait until all of this process's journal is in the database; False when it took too long."""
        try:
            async with asyncio.timeout(seconds):
                while self._own.journal.backlog:
                    self._shipped.clear()
                    await self._shipped.wait()
        except TimeoutError:
            return False
        return True

    async def _ship_held(self, records: Sequence[bytes], seconds: float) -> None:
        events = _events_of(records)
        lost = {event.id for event in events}
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for batch in (events[at : at + BATCH] for at in range(0, len(events), BATCH)):
                    refused = await self._insert(batch)
                    lost -= {event.id for event in batch} - refused
        for some in (sorted(lost)[at : at + BATCH] for at in range(0, len(lost), BATCH)):
            _log.error("usage was lost: neither disk nor database took it", count=len(some), ids=some)

    async def _insert(self, batch: Sequence[UsageEvent]) -> set[str]:
        """Try until the database takes them; which of them it never will."""
        while True:
            try:
                return set(await self._sink.insert(batch))
            except SourceUnavailable as error:
                _log.warning("usage waits in memory", error=str(error), count=len(batch))
            await asyncio.sleep(_BACKOFF_SECONDS[0])

    async def _ship_own(self) -> float:
        self._own.give_up_before(self._clock.now() - GIVEN_UP_AFTER)
        began = self._clock.monotonic()
        count = await self._own.ship_next()
        if count < BATCH:
            self._caught_up = began
        self._shipped.set()
        return _pause(count)

    async def _ship_orphans(self) -> float:
        found = Journal.adopt(self._root)
        self._orphans += [Shipment(journal, self._sink, self._clock, self._heir, inherited=True) for journal in found]
        if self._left is None:
            self._left = {*self._orphans}
        for _ in range(len(self._orphans)):
            # Moved to the end before it is read: one that cannot be read is tried again after the others.
            self._orphans.append(orphan := self._orphans.pop(0))
            if not await self._stores(orphan, self._left):
                continue
            orphan.journal.remove()
            self._orphans.remove(orphan)
            self._orphans_poison += orphan.poison
        return _ORPHAN_SECONDS

    async def _stores(self, orphan: Shipment, left: set[Shipment]) -> bool:
        """Store what a dead process left, as `Shipment.ship_all`; who waits for it waits on only while the database is away."""
        away = False
        try:
            return await orphan.ship_all()
        except SourceUnavailable:
            away = True
            raise
        finally:
            if not away:
                left.discard(orphan)


async def _repeat(step: Callable[[], Awaitable[float]]) -> None:
    """Take one step after another, each returning the seconds to pause after it. After a failure the pauses grow."""
    failures = 0
    while True:
        try:
            pause = await step()
            failures = 0
        except Exception as error:  # noqa: BLE001 -- a process edge: shipping goes on whatever one batch runs into
            failures += 1
            pause = _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS)) - 1]
            known = isinstance(error, SourceUnavailable | OSError)
            _log.warning("usage waits on disk", error=str(error), failures=failures, exc_info=not known)
        await asyncio.sleep(pause)


def _events_of(records: Sequence[bytes]) -> list[UsageEvent]:
    """What is to be billed of these records; an open without its close by an estimate."""
    events: dict[str, UsageEvent] = {}
    for data in records:
        record = msgspec.json.decode(data, type=JournalRecord)
        event = estimate(record) if isinstance(record, OpenRecord) else record.event
        events[event.id] = event
    return list(events.values())


def _lines_of(file: Path) -> int:
    try:
        with file.open("rb") as lines:
            return sum(1 for _ in lines)
    except FileNotFoundError:
        return 0


def _pause(count: int) -> float:
    """Few events go at once; many are gathered; a full batch has more behind it."""
    if count >= BATCH:
        return 0
    return _BUSY_SECONDS if count >= _BUSY_EVENTS else _IDLE_SECONDS
