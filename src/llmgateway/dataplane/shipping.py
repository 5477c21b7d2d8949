"""From the journal to the control plane: in batches, each event at least once, none lost, none in the way."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from llmgateway.canon.usage import UsageSource
from llmgateway.contract.channels import SourceUnavailable, UsageSink
from llmgateway.contract.usage import CloseRecord, OpenRecord, Outcome, UsageEvent
from llmgateway.dataplane.recording import Recorder, read_record
from llmgateway.kit.ids import id_time
from llmgateway.kit.journal import Journal, Orphan, orphans

_BATCH = 500
_BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)

log = structlog.get_logger()


class Shipper:
    """One task that reads the journal and fills the sink."""

    def __init__(self, journal: Journal, recorder: Recorder, sink: UsageSink, folder: Path) -> None:
        self._journal = journal
        self._recorder = recorder
        self._sink = sink
        self._folder = folder
        """Where journals lie; the poison is set aside beside them."""
        self._tasks = list[asyncio.Task[None]]()
        self.shipped = 0
        self.poisoned = 0

    def start(self) -> None:
        """Begin to ship, what dead processes left behind included."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._run()), loop.create_task(self._adopt(orphans(self._folder)))]

    async def stop(self, seconds: float) -> None:
        """Ship what is left, for at most so many seconds, then end; the rest stays in the journal."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._journal.backlog > 0 and not self._tasks[0].done():
                    self._recorder.written.set()
                    await asyncio.sleep(0.01)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._recorder.written.clear()
            records, position = self._journal.read(_BATCH)
            if records:
                await self._ship([record.event for record in _parse(records) if isinstance(record, CloseRecord)])
            self._journal.advance(position, self._recorder.oldest_open)
            if len(records) < _BATCH:
                await self._recorder.written.wait()

    async def _adopt(self, found: Sequence[Orphan]) -> None:
        """The journals of processes that died: their closes as they are, their unanswered opens as estimates."""
        for index, orphan in enumerate(found):
            try:
                events = recovered(orphan.records())
                for start in range(0, len(events), _BATCH):
                    await self._ship(events[start : start + _BATCH])
            except asyncio.CancelledError:
                for left in found[index:]:
                    left.release()
                raise
            orphan.remove()

    async def _ship(self, events: Sequence[UsageEvent]) -> None:
        """Insert a batch, however long the sink is out of reach."""
        if not events:
            return
        attempt = 0
        while True:
            try:
                poison = await self._sink.insert(events)
            except SourceUnavailable as error:
                pause = _BACKOFF_SECONDS[min(attempt, len(_BACKOFF_SECONDS) - 1)]
                attempt += 1
                if attempt == len(_BACKOFF_SECONDS):
                    log.warning("usage is not shipped", reason=str(error), waiting=len(events))
                await asyncio.sleep(pause)
            else:
                break
        self.shipped += len(events) - len(poison)
        if poison:
            self._set_aside([event for event in events if event.id in set(poison)])

    def _set_aside(self, events: Sequence[UsageEvent]) -> None:
        self.poisoned += len(events)
        with (self._folder.parent / "poison.jsonl").open("ab") as file:
            file.writelines(msgspec.json.encode(event) + b"\n" for event in events)
        log.error("usage events can not be stored", count=len(events), file=str(self._folder.parent / "poison.jsonl"))


def recovered(records: Iterable[bytes]) -> list[UsageEvent]:
    """The events of a dead process: every close, and an estimate for each open that has none."""
    opens, closes = dict[str, OpenRecord](), dict[str, UsageEvent]()
    for record in _parse(records):
        if isinstance(record, OpenRecord):
            opens[record.id] = record
        else:
            closes[record.event.id] = record.event
    return [*closes.values(), *(estimated(record) for name, record in opens.items() if name not in closes)]


def estimated(record: OpenRecord) -> UsageEvent:
    """What an open without a close is billed: its prompt."""
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
        error_code="gateway_crashed",
        stream=record.stream,
        prompt_tokens=record.prompt_tokens,
        cost_nanos=record.cost_nanos,
        charge_nanos=record.charge_nanos,
        list_cost_nanos=record.cost_nanos,
        price_version=record.price_version,
        usage_source=UsageSource.ESTIMATED,
        test=record.test,
        tags=record.tags,
    )


def _parse(records: Iterable[bytes]) -> Iterable[OpenRecord | CloseRecord]:
    for record in records:
        try:
            yield read_record(record)
        except msgspec.DecodeError:
            log.exception("a record of the journal cannot be read")
