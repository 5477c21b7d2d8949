"""Carries usage from the journal to the database: every event at least once, the checkpoint only after the sink returned."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import structlog

from llmgateway.canon.usage import UsageSource
from llmgateway.contract.channels import SourceUnavailable, UsageSink
from llmgateway.contract.usage import CRASHED, JournalRecord, OpenRecord, Outcome, PlannedTarget, UsageEvent
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import id_time
from llmgateway.kit.journal import Checkpoint, Entry, Journal, Position

BATCH: Final = 1_000
_SLICE: Final = 50
"""Records that are read while requests wait."""
_IDLE_SECONDS: Final = 0.05
_BUSY_SECONDS: Final = 0.2
_BUSY_EVENTS: Final = 50
_BACKOFF_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
_ORPHAN_SECONDS: Final = 15.0
_LOST_OPEN: Final = timedelta(hours=1)
_CRASHED: Final = "The gateway's process ended while this request ran. What it used is estimated."

Heir = Callable[[UsageEvent, float], Awaitable[None]]
"""Settles what a request of a dead process still held; told is how many seconds ago its event was stored."""

_log = structlog.get_logger(__name__)


class Shipper:
    """Ships the journal of this process, and those of dead processes below the same root."""

    def __init__(self, journal: Journal, sink: UsageSink, clock: Clock) -> None:
        self._clock = clock
        self._sink = sink
        self._root = journal.folder.parent
        self._own = _Voyage(journal, sink, clock, None)
        self._heir: Heir | None = None
        self._orphans: list[_Voyage] = []
        self._orphans_poison = 0
        self._poison_before = _lines_of(_poison_file(journal))
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
        """Bytes of this process's journal from the first record on that is not in the database, or not settled, yet."""
        return self._own.journal.backlog

    @property
    def lag(self) -> float:
        """Seconds since the moment up to which all of this process's journal is in the database; 0 when all of it is."""
        return self._clock.monotonic() - self._caught_up if self.backlog else 0.0

    def bequeath_to(self, heir: Heir, holds: Callable[[str], bool]) -> None:
        """Who hears, after they are in the database, of the requests that dead processes left.

        `holds` says of a request that is over whether the heir would have to hear of it if this process died now.
        """
        self._heir, self._own.holds = heir, holds

    async def start(self) -> None:
        """Begin to ship. Returns at once, also while the database is down."""
        loop = asyncio.get_running_loop()
        # Two loops, so that what the dead left, however much or broken, never delays the living.
        self._tasks = [loop.create_task(_sail(step)) for step in (self._ship_own, self._ship_orphans)]

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
        for orphan in self._orphans:
            orphan.journal.close()
        self._orphans.clear()

    async def catch_up(self, seconds: float) -> bool:
        """Wait until all that was written before now is in the database; False when it took too long."""
        now = self._clock.monotonic()
        try:
            async with asyncio.timeout(seconds):
                while self._own.journal.backlog and self._caught_up < now:
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
        self._own.give_up_before(self._clock.now() - _LOST_OPEN)
        began = self._clock.monotonic()
        count = await self._own.leg()
        if count < BATCH:
            self._caught_up = began
        self._shipped.set()
        return _pause(count)

    async def _ship_orphans(self) -> float:
        if not self._orphans:
            self._orphans = [
                _Voyage(journal, self._sink, self._clock, self._heir) for journal in Journal.adopt(self._root)
            ]
        while self._orphans:
            orphan = self._orphans[0]
            # To the end first: one that cannot be read is tried again after the others.
            self._orphans.append(self._orphans.pop(0))
            await orphan.whole()
            orphan.journal.remove()
            self._orphans.remove(orphan)
            self._orphans_poison += orphan.poison
        return _ORPHAN_SECONDS


async def _sail(step: Callable[[], Awaitable[float]]) -> None:
    """Take step after step, each returning the pause after it; a failed one is tried again, later and later."""
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


class _Voyage:
    """One journal on its way: what was read, what is open, what waits for the sink."""

    def __init__(self, journal: Journal, sink: UsageSink, clock: Clock, heir: Heir | None) -> None:
        self.journal = journal
        self._clock = clock
        self._heir = heir
        self.poison = 0
        self.shipped = 0
        self._sink = sink
        self._decoder = msgspec.json.Decoder(JournalRecord)
        self._open: dict[str, tuple[Position, OpenRecord]] = {}
        self.holds: Callable[[str], bool] = lambda _: False
        self._held: dict[str, Position] = {}
        """Where requests ended that still hold what they reserved: what is in the database is not done before it is settled."""
        self._known = journal.checkpoint.done
        """Closes before this place were shipped by the process that died."""
        self._waiting: list[UsageEvent] = []
        """Read and not yet taken by the sink."""

    async def leg(self) -> int:
        """Ship the next batch and move the checkpoint; how many records were read. Raises SourceUnavailable, OSError."""
        await self._ship()
        start, count = self.journal.position, 0
        try:
            while count < BATCH and (entries := self.journal.read(min(_SLICE, BATCH - count))):
                for entry in entries:
                    self._take(entry)
                count += len(entries)
                await asyncio.sleep(0)  # requests go on between
        except OSError:
            self._waiting.clear()
            self.journal.rewind(start)
            raise
        self._set_torn_aside()
        await self._ship()
        self._held = {request_id: position for request_id, position in self._held.items() if self.holds(request_id)}
        done = min(self._held.values(), default=self.journal.position)
        keep = min((position for position, _ in self._open.values()), default=done)
        self.journal.mark(Checkpoint(min(keep, done), max(done, self._known)))
        return count

    async def whole(self) -> None:
        """Ship all that a dead process left; what it opened and never closed is billed as an estimate."""
        while await self.leg():
            pass
        self._waiting += [_estimate(record) for _, record in self._open.values()]
        self._open.clear()
        await self._ship()

    def give_up_before(self, moment: datetime) -> None:
        """Bill opens of this process that were never closed for so long; a later close still corrects them.

        What is held for so long is let go: stores remember settlements no longer.
        """
        lost: list[str] = []
        for request_id, (_, record) in self._open.items():
            if id_time(request_id) >= moment:
                break
            lost.append(request_id)
            self._waiting.append(_estimate(record))
        for request_id in lost:
            del self._open[request_id]
        self._held = {one: position for one, position in self._held.items() if id_time(one) >= moment}

    def _take(self, entry: Entry) -> None:
        try:
            record = self._decoder.decode(entry.data)
        except (msgspec.MsgspecError, UnicodeError) as error:
            self._set_aside([_unread(str(error), entry.data)])
            return
        if isinstance(record, OpenRecord):
            self._open[record.id] = (entry.start, record)
            return
        self._open.pop(record.event.id, None)
        if self.holds(record.event.id):
            self._held[record.event.id] = entry.start
        if entry.start >= self._known:
            self._waiting.append(record.event)

    async def _ship(self) -> None:
        while self._waiting:
            batch = self._waiting[:BATCH]
            refused = set(await self._sink.insert(batch))
            stored = self._clock.monotonic()
            if self._heir is not None:
                for event in batch:
                    await self._heir(event, self._clock.monotonic() - stored)
            if refused:
                self._set_aside(
                    [
                        {"error": "the database can never store it", "record": msgspec.to_builtins(event)}
                        for event in batch
                        if event.id in refused
                    ]
                )
            self.shipped += len(batch) - len(refused)
            del self._waiting[: len(batch)]

    def _set_torn_aside(self) -> None:
        """What nobody can read was perhaps to be billed. Raises OSError."""
        if torn := self.journal.torn:
            rows = [
                _unread(f"{self.journal.folder.name}: {place} cannot be read", data) for place, data in torn.items()
            ]
            self._set_aside(rows)
            torn.clear()

    def _set_aside(self, rows: Sequence[dict[str, object]]) -> None:
        """Keep poison where an operator finds it. Raises OSError: then nothing is marked as done."""
        with _poison_file(self.journal).open("ab") as file:
            file.writelines(msgspec.json.encode(row) + b"\n" for row in rows)
        self.poison += len(rows)
        _log.error("usage records were set aside", count=len(rows), file=str(_poison_file(self.journal)))


def _events_of(records: Sequence[bytes]) -> list[UsageEvent]:
    """What is to be billed of these records; an open without its close by an estimate."""
    events: dict[str, UsageEvent] = {}
    for data in records:
        record = msgspec.json.decode(data, type=JournalRecord)
        event = _estimate(record) if isinstance(record, OpenRecord) else record.event
        events[event.id] = event
    return list(events.values())


def _unread(error: str, data: bytes) -> dict[str, object]:
    return {"error": error, "record": data.decode(errors="backslashreplace")}


def _poison_file(journal: Journal) -> Path:
    return journal.folder.parent / "poison.jsonl"


def _lines_of(file: Path) -> int:
    try:
        with file.open("rb") as lines:
            return sum(1 for _ in lines)
    except FileNotFoundError:
        return 0


def _estimate(record: OpenRecord) -> UsageEvent:
    """What is known of a request whose end nobody saw: its prompt went out."""
    return UsageEvent(
        id=record.id,
        org_id=record.org_id,
        key_id=record.key_id,
        project_id=record.project_id,
        created_at=id_time(record.id),
        operation=record.operation,
        dialect=record.dialect,
        model=record.model,
        provider=record.provider,
        served_model=record.served_model,
        outcome=Outcome.FAILED,
        status=502,
        error_code=CRASHED,
        error_message=_CRASHED,
        stream=record.stream,
        prompt_tokens=record.prompt_tokens,
        usage_details=_details(record),
        cost_nanos=record.cost_nanos,
        charge_nanos=record.charge_nanos,
        list_cost_nanos=record.cost_nanos,
        price_version=record.price_version,
        usage_source=UsageSource.ESTIMATED,
        test=record.test,
        plan=(PlannedTarget(target=f"{record.provider}/{record.served_model}", why="asked when the gateway stopped"),),
        tags=record.tags,
    )


def _details(record: OpenRecord) -> Mapping[str, int | str] | None:
    return {**(record.wished or {}), "credential": record.credential} if record.credential else record.wished


def _pause(count: int) -> float:
    """Few events go at once; many are gathered; a full batch has more behind it."""
    if count >= BATCH:
        return 0
    return _BUSY_SECONDS if count >= _BUSY_EVENTS else _IDLE_SECONDS
