"""The recorder: on disk before anybody is told, in memory while the disk takes nothing, then a clear refusal."""

import asyncio
import resource
import signal
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import msgspec
import pytest
from structlog.testing import capture_logs

from llmgateway.canon.usage import UsageSource
from llmgateway.contract.usage import CloseRecord, JournalRecord, OpenRecord, Outcome
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.data_wing import Recording, open_recording
from llmgateway.dataplane.watch.recording import Recorder
from llmgateway.dataplane.watch.shipping import Shipper
from llmgateway.errors import Unavailable
from llmgateway.kit.clock import SystemClock
from llmgateway.kit.journal import Journal
from tests.dataplane.usage_records import Table, event, open_record, until


@contextmanager
def _full_disk() -> Generator[None]:
    """No file of this process may grow: to the journal it is a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def _ids(journal: Journal) -> list[str]:
    records = [msgspec.json.decode(entry.data, type=JournalRecord) for entry in journal.read(100_000)]
    return [record.id if isinstance(record, OpenRecord) else record.event.id for record in records]


async def test_what_was_recorded_is_in_the_journal_when_the_call_returns(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        recorder, opened = Recorder(journal), open_record()
        recorder.open(opened)
        closed = event(opened.id)
        recorder.close(closed)
        records = [msgspec.json.decode(entry.data, type=JournalRecord) for entry in journal.read(10)]
        assert records == [opened, CloseRecord(event=closed)]
        assert recorder.healthy
        assert recorder.backlog == journal.backlog > 0


async def test_disk_full_events_wait_in_memory_up_to_a_bound_then_503(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        recorder = Recorder(journal, held_records=3)
        opens = [open_record() for _ in range(4)]
        with _full_disk():
            for record in opens[:3]:
                recorder.open(record)
            assert (recorder.healthy, recorder.blocked, recorder.held) == (False, True, 3)
            with pytest.raises(Unavailable) as refused:
                recorder.open(opens[3])
            assert refused.value.retry_after == 60
            for record in opens[:3]:
                recorder.close(event(record.id))
            with pytest.raises(Unavailable):
                recorder.close(event())
            recorder.close(msgspec.structs.replace(event(), outcome=Outcome.REFUSED, cost_nanos=0, charge_nanos=0))
            assert recorder.held == 6  # what nobody was asked for takes no memory from what is billed
        await until(lambda: recorder.healthy)  # by itself: no further request comes
        assert _ids(journal) == [record.id for record in opens[:3]] * 2
        recorder.open(opens[3])
        assert _ids(journal) == [opens[3].id]


async def test_after_the_disk_was_full_the_order_is_kept(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        recorder, opened = Recorder(journal), open_record()
        with _full_disk():
            recorder.open(opened)
        closed = event(opened.id)
        recorder.close(closed)
        assert recorder.healthy
        records = [msgspec.json.decode(entry.data, type=JournalRecord) for entry in journal.read(10)]
        assert records == [opened, CloseRecord(event=closed)]
        recorder.stop()


async def test_disk_full_at_the_end_what_memory_holds_goes_straight_to_the_database(tmp_path: Path) -> None:
    table, opened, unended = Table(down=True), open_record(), open_record()
    with Journal.open(tmp_path) as journal:
        recorder, shipper = Recorder(journal), Shipper(journal, table, SystemClock())
        await shipper.start()
        closed = event(opened.id)
        with _full_disk(), capture_logs():  # which needs no file
            recorder.open(opened)
            recorder.open(unended)
            recorder.close(closed)
            left = recorder.stop()
            ending = asyncio.create_task(shipper.stop(10, left))
            await until(lambda: table.asked > 1)
            table.down = False
            await ending
    assert recorder.held == 0
    assert table.rows[opened.id] == closed
    assert table.rows[unended.id].usage_source is UsageSource.ESTIMATED


async def test_what_memory_holds_is_not_stored_yet(tmp_path: Path) -> None:
    """Nobody may read the database for what was spent meanwhile."""
    table = Table()
    with Journal.open(tmp_path) as journal:
        recording = Recording(journal, Recorder(journal), Shipper(journal, table, SystemClock()))
        assert (recording.lag, await recording.catch_up(0.1)) == (0.0, True)
        with _full_disk(), capture_logs():
            recording.recorder.close(event())
            await asyncio.sleep(0.05)
            assert 0.05 <= recording.lag < 60
            assert not await recording.catch_up(0.1)
        assert recording.recorder.retry()
        assert recording.recorder.lag == 0
        recording.recorder.stop()


async def test_what_neither_disk_nor_database_takes_is_told_by_its_ids(tmp_path: Path) -> None:
    closed, poison = event(), event()
    with Journal.open(tmp_path) as journal, capture_logs() as logs:
        for table in (Table(down=True), Table(poison={poison.id})):
            recorder, shipper = Recorder(journal), Shipper(journal, table, SystemClock())
            await shipper.start()
            with _full_disk():
                recorder.close(closed)
                recorder.close(poison)
                await shipper.stop(0.05, recorder.stop())
    lost = [line for line in logs if line["log_level"] == "error"]
    assert [line["ids"] for line in lost] == [sorted((closed.id, poison.id)), [poison.id]]
    assert [line["count"] for line in lost] == [2, 1]


async def test_what_lies_in_the_data_directory_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data" / "journal"
    sink = cast("UsageStore", Table())  # nothing is shipped
    async with open_recording(folder, sink, SystemClock()):
        assert [stat.S_IMODE(made.stat().st_mode) for made in (folder.parent, folder)] == [0o700, 0o700]
