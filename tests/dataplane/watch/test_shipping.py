"""The shipper: every event at least once, whatever goes down in between; nothing bad is ever in the way."""

import asyncio
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from llmgateway.canon.usage import UsageSource
from llmgateway.contract.usage import Outcome, UsageEvent
from llmgateway.dataplane.watch.recording import Recorder
from llmgateway.dataplane.watch.shipping import BATCH, Shipper
from llmgateway.kit import journal as journal_module
from llmgateway.kit.clock import ManualClock, SystemClock
from llmgateway.kit.ids import id_time, new_id
from llmgateway.kit.journal import Journal
from tests.dataplane.usage_records import Table, die, event, open_record, until

WRITER = """
import sys
from pathlib import Path
from tests.dataplane.usage_records import event, open_record
from llmgateway.dataplane.watch.recording import Recorder
from llmgateway.kit.journal import Journal
recorder = Recorder(Journal.open(Path(sys.argv[1])))
while True:
    opened = open_record()
    recorder.open(opened)
    print("open", opened.id, flush=True)
    recorder.close(event(opened.id))
    print("close", opened.id, flush=True)
"""


async def test_events_reach_the_sink_in_batches(tmp_path: Path) -> None:
    table = Table()
    with Journal.open(tmp_path) as journal:
        recorder, shipper = Recorder(journal), Shipper(journal, table, SystemClock())
        events = [event() for _ in range(2 * BATCH + 1)]
        for one in events:
            recorder.close(one)
        await shipper.start()
        assert await shipper.drain(20)
        assert list(table.rows.values()) == events
        assert max(table.batches) == BATCH
        assert (shipper.shipped, shipper.backlog, shipper.poison) == (len(events), 0, 0)
        late = event()
        recorder.close(late)
        await until(lambda: late.id in table.rows)
        await shipper.stop()
    assert _journals(tmp_path) == []


async def test_requests_go_on_while_the_journal_is_read(tmp_path: Path) -> None:
    """The loop comes round between slices; what it does meanwhile is not lost."""
    table, turns = Table(), list[int]()
    with Journal.open(tmp_path) as journal:
        recorder, shipper = Recorder(journal), Shipper(journal, table, SystemClock())
        events = [event() for _ in range(BATCH)]
        for one in events:
            recorder.close(one)

        async def go_on() -> None:
            while not table.rows:
                turns.append(len(table.rows))
                await asyncio.sleep(0)

        going = asyncio.ensure_future(go_on())
        await shipper.start()
        await going
        late = event()
        recorder.close(late)
        assert await shipper.drain(20)
        await shipper.stop()
    assert list(table.rows.values()) == [*events, late]
    assert len(turns) >= BATCH // 50


async def test_database_down_nothing_is_lost_and_it_goes_on_when_it_is_back(tmp_path: Path) -> None:
    table = Table(down=True)
    with Journal.open(tmp_path) as journal:
        recorder, shipper = Recorder(journal), Shipper(journal, table, SystemClock())
        events = [event() for _ in range(20)]
        await shipper.start()
        for one in events:
            recorder.close(one)
        await until(lambda: table.asked > 1)
        assert not await shipper.drain(0.01)
        assert shipper.backlog > 0
        table.down = False
        assert await shipper.drain(20)
        assert list(table.rows.values()) == events
        await shipper.stop()


async def test_stopping_while_the_database_is_down_leaves_all_to_the_next_process(tmp_path: Path) -> None:
    table, one = Table(down=True), event()
    with Journal.open(tmp_path) as journal:
        shipper = Shipper(journal, table, SystemClock())
        Recorder(journal).close(one)
        await shipper.start()
        await shipper.stop(0.05)
    table.down = False
    await _recover(tmp_path, table, 1)
    assert table.rows == {one.id: one}


async def test_poison_is_set_aside_counted_and_never_in_the_way(tmp_path: Path) -> None:
    events = [event() for _ in range(5)]
    table = Table(poison={events[2].id})
    with Journal.open(tmp_path) as journal:
        recorder, shipper = Recorder(journal), Shipper(journal, table, SystemClock())
        recorder.close(events[0])
        journal.append(b"not a record")
        journal.append(b'{"kind":"open\xff"}')
        for one in events[1:]:
            recorder.close(one)
        await shipper.start()
        assert await shipper.drain(20)
        assert list(table.rows) == [one.id for one in events if one is not events[2]]
        rows = [msgspec.json.decode(line) for line in (tmp_path / "poison.jsonl").read_bytes().splitlines()]
        assert rows[0]["record"] == "not a record"
        assert rows[1]["record"] == '{"kind":"open\\xff"}'
        assert msgspec.convert(rows[2]["record"], UsageEvent) == events[2]
        assert shipper.poison == 3
        await shipper.stop()
    with Journal.open(tmp_path) as journal:  # the next process knows of it too: it is still in no bill
        assert Shipper(journal, table, SystemClock()).poison == 3


async def test_what_a_flipped_bit_made_of_a_record_is_set_aside_and_the_rest_is_billed(tmp_path: Path) -> None:
    events = [event() for _ in range(3)]
    journal = Journal.open(tmp_path)
    for one in events:
        Recorder(journal).close(one)
    die(journal)
    file = journal.folder / "0000000001.log"
    file.write_bytes(file.read_bytes().replace(events[1].id.encode(), b"R" + events[1].id.encode()[1:]))
    table = Table()
    await _recover(tmp_path, table, 2)
    assert list(table.rows) == [events[0].id, events[2].id]
    (row,) = [msgspec.json.decode(line) for line in (tmp_path / "poison.jsonl").read_bytes().splitlines()]
    assert row["error"].startswith(f"{journal.folder.name}: ")
    assert b"R" + events[1].id.encode()[1:] in row["record"].encode()


async def test_a_crash_between_insert_and_checkpoint_sends_the_same_ids_again(tmp_path: Path) -> None:
    table = Table(broken=True)
    events = [event() for _ in range(3)]
    journal = Journal.open(tmp_path)
    shipper = Shipper(journal, table, SystemClock())
    for one in events:
        Recorder(journal).close(one)
    await shipper.start()
    await until(lambda: len(table.rows) == len(events))
    await shipper.stop(0)
    die(journal)
    table.broken = False
    await _recover(tmp_path, table, len(events))
    assert list(table.rows.values()) == events
    assert sum(table.batches) > len(events)


async def test_an_open_of_a_dead_process_is_billed_as_an_estimate(tmp_path: Path) -> None:
    table = Table()
    journal = Journal.open(tmp_path)
    recorder = Recorder(journal)
    lost, done = open_record(), open_record()
    recorder.open(done)
    recorder.open(lost)
    again = open_record(lost.id, prompt_tokens=9)
    recorder.open(msgspec.structs.replace(again, credential="cred_1", wished={"tier": "priority"}))
    recorder.close(event(done.id))
    die(journal)
    await _recover(tmp_path, table, 2)
    estimate = table.rows[lost.id]
    assert (estimate.usage_source, estimate.outcome) == (UsageSource.ESTIMATED, Outcome.FAILED)
    assert (estimate.prompt_tokens, estimate.cost_nanos, estimate.charge_nanos) == (9, 14_000, 14_000)
    assert estimate.created_at == id_time(lost.id)
    assert estimate.usage_details == {"tier": "priority", "credential": "cred_1"}
    assert table.rows[done.id].usage_source is UsageSource.PROVIDER


async def test_what_is_in_flight_in_a_living_process_is_not_billed(tmp_path: Path) -> None:
    table = Table()
    with Journal.open(tmp_path) as journal:
        recorder, shipper = Recorder(journal), Shipper(journal, table, SystemClock())
        running = open_record()
        recorder.open(running)
        recorder.close(event())
        await shipper.start()
        assert await shipper.drain(20)
        assert len(table.rows) == 1
        await shipper.stop()
        recorder.close(event(running.id))
    await _recover(tmp_path, table, 2)
    assert table.rows[running.id].usage_source is UsageSource.PROVIDER


async def test_an_open_that_outlives_its_segments_is_still_billed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint goes on past it; its segment stays; and what was shipped before is not shipped again."""
    monkeypatch.setattr(journal_module, "SEGMENT_BYTES", 2_000)
    table, lost = Table(), open_record()
    journal = Journal.open(tmp_path)
    recorder, shipper = Recorder(journal), Shipper(journal, table, SystemClock())
    recorder.open(lost)
    for _ in range(50):
        recorder.close(event())
    await shipper.start()
    assert await shipper.drain(20)
    await shipper.stop()
    shipped = sum(table.batches)
    die(journal)
    await _recover(tmp_path, table, 51)
    assert table.rows[lost.id].usage_source is UsageSource.ESTIMATED
    assert sum(table.batches) == shipped + 1


async def test_an_open_without_a_close_for_an_hour_is_given_up_and_a_late_close_corrects_it(tmp_path: Path) -> None:
    table = Table()
    opened = open_record(new_id("req"))
    clock = ManualClock(id_time(opened.id) + timedelta(minutes=59))
    with Journal.open(tmp_path) as journal:
        recorder, shipper = Recorder(journal), Shipper(journal, table, clock)
        recorder.open(opened)
        await shipper.start()
        assert await shipper.drain(20)
        assert table.rows == {}
        clock.advance(61)
        await until(lambda: opened.id in table.rows)
        assert table.rows[opened.id].usage_source is UsageSource.ESTIMATED
        recorder.close(event(opened.id))
        assert await shipper.drain(20)
        assert table.rows[opened.id].usage_source is UsageSource.PROVIDER
        await shipper.stop()


async def test_who_catches_up_waits_for_what_dead_processes_left(tmp_path: Path) -> None:
    """What was spent is read then: what the dead had spent is in it, or nobody knows it yet."""
    table, dead, events = Table(down=True), Journal.open(tmp_path), [event() for _ in range(3)]
    for one in events:
        Recorder(dead).close(one)
    die(dead)
    with Journal.open(tmp_path) as journal:
        shipper = Shipper(journal, table, SystemClock())
        await shipper.start()
        await until(lambda: table.asked > 1)
        assert not await shipper.catch_up(0.01)
        table.down = False
        assert await shipper.catch_up(20)
        assert [*table.rows.values()] == events
        await shipper.stop()


async def test_who_catches_up_does_not_wait_for_what_no_disk_gives(tmp_path: Path) -> None:
    table, dead = Table(), Journal.open(tmp_path)
    die(dead)
    [segment] = [file for file in dead.folder.iterdir() if file.name.endswith(".log")]
    segment.unlink()
    segment.mkdir()
    (segment / "in it").touch()
    with Journal.open(tmp_path) as journal:
        shipper = Shipper(journal, table, SystemClock())
        await shipper.start()
        assert await shipper.catch_up(20)
        await shipper.stop(0)
    assert dead.folder.exists()


@pytest.mark.parametrize("lines", [1, 2, 3, 400])
async def test_kill_9_loses_no_event(tmp_path: Path, lines: int) -> None:
    words = _said_before_its_death(tmp_path, lines)
    opened = {word[1] for word in words if word[0] == "open"}
    closed = {word[1] for word in words if word[0] == "close"}
    table = Table()
    await _recover(tmp_path, table, len(opened))
    assert opened <= set(table.rows)
    assert all(table.rows[one].usage_source is UsageSource.PROVIDER for one in closed)
    assert len([row for row in table.rows.values() if row.usage_source is UsageSource.ESTIMATED]) <= 1


def _said_before_its_death(root: Path, lines: int) -> list[list[str]]:
    """What a process said it had recorded, until it was killed after so many lines."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(root)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
        process.wait()
    return [line.decode().split() for line in said if line.endswith(b"\n")]


async def _recover(root: Path, table: Table, rows: int) -> None:
    """A new process starts on the same data directory, and ships until the dead have nothing left."""
    with Journal.open(root) as journal:
        shipper = Shipper(journal, table, SystemClock())
        await shipper.start()
        await until(lambda: len(table.rows) >= rows and _journals(root) == [journal.folder])
        await shipper.stop()
        await asyncio.sleep(0)


def _journals(root: Path) -> list[Path]:
    return [folder for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
