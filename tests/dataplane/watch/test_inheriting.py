"""What a process had stored and not settled when it died: its heir hears of it, until nobody has to."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from llmgateway.contract.usage import UsageEvent
from llmgateway.dataplane.watch import shipping
from llmgateway.dataplane.watch.recording import Recorder
from llmgateway.dataplane.watch.shipping import Shipper
from llmgateway.kit.clock import Clock, ManualClock, SystemClock
from llmgateway.kit.journal import Journal
from tests.dataplane.usage_records import Table, die, event, open_record, until


@dataclass
class Heard:
    """An heir: what it heard of, and what another one would have to hear of if it died now."""

    told: dict[str, float] = field(default_factory=dict[str, float])
    held: set[str] = field(default_factory=set[str])
    owes: bool = False
    """Whether what it hears of is not settled at once."""
    own: dict[str, float] = field(default_factory=dict[str, float])
    """Requests of its own process, and for how long they had been stored."""

    async def stored(self, event: UsageEvent, ago: float) -> None:
        self.own[event.id] = ago

    async def inherit(self, event: UsageEvent, ago: float) -> None:
        self.told[event.id] = ago
        if self.owes:
            self.held.add(event.id)

    def holds(self, request_id: str) -> bool:
        return request_id in self.held


@asynccontextmanager
async def _shipping(journal: Journal, table: Table, heir: Heard, clock: Clock | None = None) -> AsyncGenerator[Shipper]:
    shipper = Shipper(journal, table, clock or SystemClock())
    shipper.settle_by(heir)
    await shipper.start()
    try:
        yield shipper
    finally:
        await shipper.stop(0)


async def test_what_was_stored_and_not_settled_is_told_to_the_heir(tmp_path: Path) -> None:
    """Or what it reserved would be freed as if it had cost nothing."""
    table, heir = Table(), Heard()
    events = [event() for _ in range(4)]
    dying = Heard(held={events[1].id, events[3].id})
    journal = Journal.open(tmp_path)
    for one in events:
        Recorder(journal).close(one)
    async with _shipping(journal, table, dying):
        await until(lambda: len(table.rows) == len(events))
        before = journal.checkpoint.settled
        dying.held.remove(events[1].id)
        await until(lambda: journal.checkpoint.settled > before)
        assert dying.told == {}
    die(journal)
    await _recover(tmp_path, table, heir)
    assert heir.told.keys() == {events[3].id}
    assert sum(table.batches) == len(events), "none is stored twice"


async def test_what_is_in_the_database_by_now_is_told_and_nothing_before(tmp_path: Path) -> None:
    """Whoever read what was spent before that has it not yet."""
    table, heir = Table(down=True), Heard()
    with Journal.open(tmp_path) as journal:
        one = event()
        Recorder(journal).close(one)
        async with _shipping(journal, table, heir):
            await until(lambda: table.asked > 1)
            assert heir.own == {}
            table.down = False
            await until(lambda: bool(heir.own))
    assert (heir.own.keys(), heir.told) == ({one.id}, {})
    assert 0 <= heir.own[one.id] < 60


async def test_the_heir_hears_how_long_ago_the_dead_had_stored_it(tmp_path: Path) -> None:
    """Not when the heir read of it: what counters were seeded with in between has it already."""
    table, heir = Table(), Heard()
    one = msgspec.structs.replace(event(), duration_ms=10_000)
    journal = Journal.open(tmp_path)
    Recorder(journal).close(one)
    async with _shipping(journal, table, Heard(held={one.id})):
        await until(lambda: journal.checkpoint.done > journal.checkpoint.settled)
    die(journal)
    await _recover(tmp_path, table, heir, ManualClock(one.created_at + timedelta(seconds=40)))
    assert heir.told == {one.id: 29}, "storing takes a second"


@pytest.mark.parametrize("closed", [0, 1])
@pytest.mark.parametrize("opened", [0, 1])
async def test_what_an_heir_owes_is_told_to_the_next_one(tmp_path: Path, closed: int, opened: int) -> None:
    table, heir, next_heir = Table(), Heard(owes=True), Heard()
    journal = Journal.open(tmp_path)
    for _ in range(closed):
        Recorder(journal).close(event())
    for _ in range(opened):
        Recorder(journal).open(open_record())
    die(journal)
    with Journal.open(tmp_path) as own:
        async with _shipping(own, table, heir):
            await until(lambda: len(heir.told) == closed + opened)
    await _recover(tmp_path, table, next_heir)
    assert next_heir.told.keys() == heir.told.keys() == table.rows.keys()


async def test_an_heir_that_owes_goes_on_adopting_and_lets_go_when_it_has_paid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "_ORPHAN_SECONDS", 0.02)
    table, heir = Table(), Heard(owes=True)
    with Journal.open(tmp_path) as own:
        async with _shipping(own, table, heir):
            for dead in range(2):
                journal = Journal.open(tmp_path)
                Recorder(journal).close(event())
                die(journal)
                await until(lambda dead=dead: len(heir.told) == dead + 1)
            assert len(_journals(tmp_path)) == 3
            heir.held.clear()
            await until(lambda: _journals(tmp_path) == [own.folder])


async def test_what_is_owed_of_one_dead_process_delays_no_other(tmp_path: Path) -> None:
    table, heir = Table(), Heard(owes=True)
    for _ in range(3):
        journal = Journal.open(tmp_path)
        Recorder(journal).close(event())
        die(journal)
    with Journal.open(tmp_path) as own:
        async with _shipping(own, table, heir):
            await until(lambda: len(heir.told) == 3)


async def test_what_is_settled_later_needs_no_journal_then(tmp_path: Path) -> None:
    table, one = Table(), event()
    living = Heard(held={one.id})
    with Journal.open(tmp_path) as journal:
        Recorder(journal).close(one)
        async with _shipping(journal, table, living) as shipper:
            await until(lambda: one.id in table.rows)
            assert await shipper.drain(20)
            assert journal.checkpoint.settled < journal.checkpoint.done
            living.held.clear()
    assert _journals(tmp_path) == []


async def test_what_is_held_for_an_hour_keeps_no_more_of_the_journal(tmp_path: Path) -> None:
    table, one = Table(), event()
    clock = ManualClock(one.created_at + timedelta(minutes=59))
    with Journal.open(tmp_path) as journal:
        Recorder(journal).close(one)
        async with _shipping(journal, table, Heard(held={one.id}), clock) as shipper:
            assert await shipper.drain(20)
            await asyncio.sleep(0.2)
            assert journal.checkpoint.keep < journal.checkpoint.done
            clock.advance(61)
            await until(lambda: journal.checkpoint.keep == journal.checkpoint.done)


async def _recover(root: Path, table: Table, heir: Heard, clock: Clock | None = None) -> None:
    """A new process starts on the same data directory, and ships until the dead have nothing left."""
    with Journal.open(root) as journal:
        async with _shipping(journal, table, heir, clock):
            await until(lambda: _journals(root) == [journal.folder])


def _journals(root: Path) -> list[Path]:
    return [folder for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
