"""Opens, closes and a sink for the tests of recording and shipping."""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from llmgateway.canon.usage import UsageSource
from llmgateway.contract.channels import SourceUnavailable
from llmgateway.contract.usage import OpenRecord, Outcome, UsageEvent
from llmgateway.kit.ids import id_time, new_id
from llmgateway.kit.journal import Journal


def open_record(request_id: str | None = None, prompt_tokens: int = 7) -> OpenRecord:
    return OpenRecord(
        id=request_id or new_id("req"),
        org_id="org_1",
        key_id="key_1",
        project_id=None,
        operation="chat",
        dialect="openai",
        model="smart",
        provider="openai",
        served_model="gpt-4.1",
        stream=True,
        prompt_tokens=prompt_tokens,
        cost_nanos=14_000,
        charge_nanos=14_000,
        price_version="2026-01",
    )


def event(request_id: str | None = None, completion_tokens: int = 3) -> UsageEvent:
    request_id = request_id or new_id("req")
    return UsageEvent(
        id=request_id,
        org_id="org_1",
        key_id="key_1",
        project_id=None,
        created_at=id_time(request_id),
        operation="chat",
        dialect="openai",
        model="smart",
        outcome=Outcome.FINISHED,
        status=200,
        completion_tokens=completion_tokens,
        cost_nanos=20_000,
        charge_nanos=20_000,
    )


@dataclass
class Table:
    """A sink that behaves as the database's table does: an id once, estimates give way, poison never fits."""

    rows: dict[str, UsageEvent] = field(default_factory=dict[str, UsageEvent])
    batches: list[int] = field(default_factory=list[int])
    poison: set[str] = field(default_factory=set[str])
    down: bool = False
    broken: bool = False
    """After the insert, before the caller hears of it."""
    asked: int = 0

    async def insert(self, events: Sequence[UsageEvent]) -> Sequence[str]:
        await asyncio.sleep(0)
        self.asked += 1
        if self.down:
            raise SourceUnavailable("the database does not answer")
        self.batches.append(len(events))
        for new in events:
            old = self.rows.get(new.id)
            if new.id not in self.poison and (old is None or old.usage_source is UsageSource.ESTIMATED):
                self.rows[new.id] = new
        if self.broken:
            raise ConnectionResetError("gone after the commit")
        return [new.id for new in events if new.id in self.poison]


async def until(fact: Callable[[], bool]) -> None:
    """Wait for a fact; the test's own timeout ends a wait in vain."""
    async with asyncio.timeout(20):
        while not fact():  # noqa: ASYNC110 -- facts of plain objects ring no bell
            await asyncio.sleep(0.005)


def die(journal: Journal) -> None:
    """What the death of a process does to its journal: the lock goes, the files stay."""
    os.close(journal._lock)
    journal._lock = -1
    journal.close()
