"""One journal on its way to the database: its records are read, stored in batches, and its checkpoint moved behind them."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import msgspec
import structlog

from llmgateway.canon.usage import UsageSource
from llmgateway.contract.channels import UsageSink
from llmgateway.contract.usage import CRASHED, JournalRecord, OpenRecord, Outcome, PlannedTarget, UsageEvent
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import id_time
from llmgateway.kit.journal import Checkpoint, Entry, Journal, Position
from llmgateway.kit.store import STORING_SECONDS

BATCH: Final = 1_000
_SLICE: Final = 50
"""Records that are read while requests wait."""
GIVEN_UP_AFTER: Final = timedelta(hours=1)
"""How long a request may stay without its close, or be over and not settled, before it is given up."""
_CRASHED: Final = "The gateway's process ended while this request ran. What it used is estimated."

_log = structlog.get_logger(__name__)


class Heir(Protocol):
    """Hears what is in the database by now, and settles the requests of dead processes, whose journals this process inherits."""

    async def stored(self, event: UsageEvent, ago: float) -> None:
        """A request of this process has been in the database for `ago` seconds."""
        ...

    async def inherit(self, event: UsageEvent, ago: float) -> None:
        """Settle a request of a dead process. `ago`: for how many seconds its event has been in the database."""
        ...

    def holds(self, request_id: str) -> bool:
        """Whether a request that is over is still to be settled: if this process died now, its heir would have to do it."""
        ...


class Shipment:
    """Ships one journal: that of this process, or one that is inherited from a dead process."""

    def __init__(
        self, journal: Journal, sink: UsageSink, clock: Clock, heir: Heir | None = None, *, inherited: bool = False
    ) -> None:
        self.journal = journal
        self.heir = heir
        self._inherited = inherited
        self._clock = clock
        self.poison = 0
        self.shipped = 0
        self._sink = sink
        self._decoder = msgspec.json.Decoder(JournalRecord)
        self._open: dict[str, tuple[Position, OpenRecord]] = {}
        self._unsettled: dict[str, Position] = {}
        """Requests that are over and perhaps not settled -> the position of their record in the journal."""
        self._known = journal.checkpoint
        """How far the dead process was; of this process's own journal, its start."""
        self._waiting: list[UsageEvent] = []
        """Events that were read and that the sink did not take yet."""
        self._to_settle: list[UsageEvent] = []
        """Events that the dead process had stored and perhaps not settled: the heir must hear of them."""

    async def ship_next(self) -> int:
        """Ship the next batch and move the checkpoint. Returns how many records were read. Raises SourceUnavailable, OSError."""
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
            self._to_settle.clear()
            self.journal.rewind(start)
            raise
        self._set_torn_aside()
        await self._ship()
        await self._tell_heir()
        self.mark()
        return count

    async def ship_all(self) -> bool:
        """Ship everything that a dead process left. What it opened and never closed is billed as an estimate.

        Returns False when everything is stored but some of it not settled yet. Raises SourceUnavailable, OSError.
        """
        while await self.ship_next():
            pass
        for request_id, (position, record) in self._open.items():
            self._waiting.append(estimate(record))
            self._unsettled[request_id] = position
        self._open.clear()
        await self._ship()
        self._forget_settled()
        return not self._unsettled

    def mark(self) -> None:
        """Move the checkpoint behind everything that was read, if all of it is shipped. Raises OSError."""
        if self._waiting or self._to_settle:
            return
        self._forget_settled()
        settled = min(self._unsettled.values(), default=self.journal.position)
        keep = min((settled, *(position for position, _ in self._open.values())))
        known = self._known
        self.journal.mark(Checkpoint(keep, max(settled, known.settled), max(self.journal.position, known.done)))

    def give_up_before(self, moment: datetime) -> None:
        """Bill the requests that began before this moment and have no close by an estimate. A later close still corrects it."""
        lost: list[str] = []
        for request_id, (_, record) in self._open.items():
            if id_time(request_id) >= moment:
                break
            lost.append(request_id)
            self._waiting.append(estimate(record))
        for request_id in lost:
            del self._open[request_id]

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
        if entry.start < self._known.settled:
            return
        self._unsettled[record.event.id] = entry.start
        (self._to_settle if entry.start < self._known.done else self._waiting).append(record.event)

    def _forget_settled(self) -> None:
        """Also forget what is not settled for an hour, because stores remember settlements no longer than that."""
        heir, since = self.heir, self._clock.now() - GIVEN_UP_AFTER
        self._unsettled = {
            request_id: position
            for request_id, position in self._unsettled.items()
            if heir is not None and heir.holds(request_id) and id_time(request_id) >= since
        }

    async def _ship(self) -> None:
        while self._waiting:
            batch = self._waiting[:BATCH]
            refused = set(await self._sink.insert(batch))
            stored = self._clock.monotonic()
            if self.heir is not None:
                hears = self.heir.inherit if self._inherited else self.heir.stored
                for event in batch:
                    await hears(event, self._clock.monotonic() - stored)
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

    async def _tell_heir(self) -> None:
        while self._to_settle:
            event = self._to_settle[0]
            if self.heir is not None:
                ended = event.created_at + timedelta(milliseconds=event.duration_ms)
                stored_for = (self._clock.now() - ended).total_seconds() - STORING_SECONDS
                await self.heir.inherit(event, max(0.0, stored_for))
            del self._to_settle[0]

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
        with poison_file(self.journal).open("ab") as file:
            file.writelines(msgspec.json.encode(row) + b"\n" for row in rows)
        self.poison += len(rows)
        _log.error("usage records were set aside", count=len(rows), file=str(poison_file(self.journal)))


def _unread(error: str, data: bytes) -> dict[str, object]:
    return {"error": error, "record": data.decode(errors="backslashreplace")}


def poison_file(journal: Journal) -> Path:
    """Where an operator finds what the database can never store, of all journals below a root."""
    return journal.folder.parent / "poison.jsonl"


def estimate(record: OpenRecord) -> UsageEvent:
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
