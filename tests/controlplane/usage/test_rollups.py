"""Sums of usage: nothing twice, nothing left out, and made anew from the events they are the same, to the nano."""

import asyncio
import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from llmgateway.canon.usage import UsageSource
from llmgateway.contract.usage import Outcome, UsageEvent
from llmgateway.controlplane.usage import rollups
from llmgateway.controlplane.usage.histograms import middle
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.models.usage_rollups import DIGITS
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.errors import BadRequest
from tests.controlplane.records import event
from tests.controlplane.sums import DAY, START, added, batched, made, pending, roll_up, sums
from tests.db.migrating import alembic

NOW = START + timedelta(days=3, hours=5)


async def _ship_as_it_happens(data: Database, worker: Database, random: Random) -> list[UsageEvent]:
    """In batches, late, twice, first estimated and then truly, with workers that merge meanwhile; what holds in the end."""
    store = UsageStore(data)
    events = [made(random, random.choice(["org_1", "org_2"])) for _ in range(400)]
    truths = list[UsageEvent]()
    for number, batch in enumerate(batched(events, 25)):
        await store.insert(batch)
        await store.insert(batch[:5])
        estimated = [one for one in batch if one.usage_source is UsageSource.ESTIMATED]
        for one in estimated[::2]:
            true = made(random, one.org_id, one.created_at)
            truths.append(event(**{**_fields(true), "id": one.id, "usage_source": UsageSource.PROVIDER}))
        if number % 3 == 0:
            await asyncio.gather(*(rollups.roll_up_next(worker) for _ in range(3)))
    await store.insert(truths)
    replaced = {one.id for one in truths}
    return [*(one for one in events if one.id not in replaced), *truths]


def _fields(one: UsageEvent) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_sums_are_those_of_the_events_and_the_same_when_made_anew(
    admin: Database, data: Database, worker: Database, seed: int
) -> None:
    events = await _ship_as_it_happens(data, worker, Random(seed))
    await roll_up(worker)
    assert await pending(admin) == 0
    names = (
        *("prompt_tokens", "completion_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens"),
        *("cost_nanos", "charge_nanos", "list_cost_nanos"),
    )
    before = {table: await sums(admin, table) for table in ("usage_hours", "usage_days")}
    for rows in before.values():
        assert sum(row["requests"] for row in rows) == len(events)
        for name in names:
            assert sum(row[name] for row in rows) == added(events, name), name
        finished = sum(one.outcome is Outcome.FINISHED for one in events)
        latencies = str(sum(int(row["latency"]) for row in rows))
        assert sum(int(latencies[max(0, end - DIGITS) : end]) for end in range(len(latencies), 0, -DIGITS)) == finished
    for org in ("org_1", "org_2"):
        assert await rollups.rebuild(admin, org, START, START + 3 * DAY, NOW) == 3
    assert {table: await sums(admin, table) for table in before} == before


@pytest.mark.parametrize("merged", [True, False])
async def test_sums_from_before_other_rules_are_those_of_the_new_rules(
    admin: Database, data: Database, worker: Database, database_url: str, *, merged: bool
) -> None:
    await UsageStore(data).insert([made(Random(n)) for n in range(200)])
    await roll_up(worker)
    by_new = await sums(admin, "usage_hours")
    await asyncio.to_thread(alembic, database_url, "downgrade", "0025")
    if merged:
        await roll_up(worker)
        by_old = await sums(admin, "usage_hours")
        assert [row["requests"] for row in by_old] == [row["requests"] for row in by_new]
        for name in ("unpriced", "saved_nanos"):
            assert [row[name] for row in by_old] != [row[name] for row in by_new]
        await rollups.rebuild(admin, "org_1", START, START + 3 * DAY, NOW)
        assert await sums(admin, "usage_hours") == by_old
    await asyncio.to_thread(alembic, database_url, "upgrade", "head")
    await roll_up(worker)
    assert await sums(admin, "usage_hours") == by_new


async def test_what_is_shipped_while_sums_are_made_anew_is_counted_once(
    admin: Database, data: Database, worker: Database
) -> None:
    random, store = Random(7), UsageStore(data)
    events = [made(random, moment=START + timedelta(minutes=number)) for number in range(300)]

    async def ship() -> None:
        for batch in batched(events, 10):
            await store.insert(batch)

    async def merge() -> None:
        for _ in range(20):
            await rollups.roll_up_next(worker)

    async def make_anew() -> None:
        for _ in range(10):
            await rollups.rebuild(admin, "org_1", START, START + DAY, NOW)

    await asyncio.gather(ship(), merge(), make_anew(), merge())
    await roll_up(worker)
    for table in ("usage_hours", "usage_days"):
        rows = await sums(admin, table)
        assert sum(row["requests"] for row in rows) == len(events)
        assert sum(row["cost_nanos"] for row in rows) == added(events, "cost_nanos")


async def test_many_workers_merge_each_change_once(
    admin: Database, data: Database, worker: Database, database_url: str
) -> None:
    random, store = Random(8), UsageStore(data)
    events = [made(random, f"org_{number % 7}") for number in range(200)]
    for batch in batched(events, 5):
        await store.insert(batch)
    others = [Database(database_url, Role.WORKER) for _ in range(3)]
    await asyncio.gather(*(roll_up(one) for one in (worker, *others)))
    for one in others:
        await one.close()
    assert await pending(admin) == 0
    assert sum(row["requests"] for row in await sums(admin, "usage_hours")) == len(events)
    assert sum(row["cost_nanos"] for row in await sums(admin, "usage_days")) == added(events, "cost_nanos")


async def test_absurd_figures_of_one_stop_nobodys_sums(admin: Database, data: Database, worker: Database) -> None:
    store = UsageStore(data)
    rich = [event(cost_nanos=2**63 - 1, prompt_tokens=2**63 - 1, completion_tokens=2**63 - 1) for _ in range(3)]
    for one in rich:
        assert await store.insert([one]) == ()
    assert await store.insert([event(org_id="org_2", cost_nanos=7), *rich]) == ()
    await roll_up(worker)
    days = {row["org_id"]: row["cost_nanos"] for row in await sums(admin, "usage_days")}
    assert days == {"org_1": Decimal(3 * (2**63 - 1)), "org_2": 7}


async def test_sums_of_events_that_are_gone_are_not_made_anew(admin: Database) -> None:
    with pytest.raises(BadRequest, match=r"kept.*2024-10-01"):
        await rollups.rebuild(admin, "org_1", datetime(2024, 9, 30, tzinfo=UTC), START, NOW)
    with pytest.raises(BadRequest, match="whole days"):
        await rollups.rebuild(admin, "org_1", START, START + timedelta(hours=5), NOW)


@pytest.mark.parametrize("milliseconds", [0, 1, 2, 3, 10, 11, 99, 100, 12_345, 600_000, 2**31 - 1])
async def test_a_bucket_is_less_than_5_percent_away_from_all_it_holds(admin: Database, milliseconds: int) -> None:
    async with admin.transaction() as tx:
        bucket = await tx.scalar(text("SELECT usage_bucket(:ms)"), {"ms": milliseconds})
    assert bucket == (math.ceil(round(math.log(milliseconds, 1.1), 9)) if milliseconds else -1)
    assert abs(middle(bucket) - milliseconds) <= 0.05 * milliseconds + 0.5
