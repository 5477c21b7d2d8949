"""Usage in PostgreSQL: every event once, estimates give way to the truth, and no event is lost to an outage."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import text

from llmgateway.canon.usage import Usage, UsageSource
from llmgateway.contract.channels import SourceUnavailable
from llmgateway.contract.usage import Outcome
from llmgateway.controlplane.usage import service
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from tests.controlplane.records import NOW, event
from tests.fixtures_database import run_sql


async def _rows(admin: Database) -> list[tuple[str, int | None, str]]:
    async with admin.transaction() as tx:
        found = await service.listed(tx, service.Sought(), 100)
    return [(row.id, row.cost_nanos, row.usage_source) for row in found]


async def test_an_event_comes_back_as_it_went_in(admin: Database, data: Database) -> None:
    first = event()
    assert await UsageStore(data).insert([first]) == ()
    assert await UsageStore(data).event("key_1", first.id) == first
    async with admin.transaction() as tx:
        assert await service.listed(tx, service.Sought(request_id=first.id), 5) == [first]


async def test_only_the_key_that_made_it_can_read_it(data: Database) -> None:
    first = event()
    store = UsageStore(data)
    await store.insert([first])
    assert await store.event("key_2", first.id) is None
    assert await store.event("key_1", event().id) is None


async def test_what_else_its_price_is_made_of_comes_back(admin: Database, data: Database) -> None:
    """Also where it corrects an estimate, and from processes of releases before, which tell nothing of it."""
    told = Usage(prompt_tokens=9, searches=2, tier="flex", cached_audio_tokens=0, billed_prompt_tokens=5).details()
    assert told == {"searches": 2, "tier": "flex", "billed_prompt_tokens": 5}
    assert Usage(prompt_tokens=9, cached_tokens=3, reasoning_tokens=1).details() is None
    store, true = UsageStore(data), event(usage_details=told)
    await store.insert([event(id=true.id, usage_source=UsageSource.ESTIMATED)])
    await store.insert([true])
    assert await store.event("key_1", true.id) == true
    before = msgspec.to_builtins(event())
    del before["usage_details"]
    async with data.transaction() as tx:
        await tx.execute(text("SELECT insert_usage(CAST(:e AS jsonb))"), {"e": msgspec.json.encode([before]).decode()})
    found = await store.event("key_1", before["id"])
    assert found is not None
    assert found.usage_details is None


async def test_the_same_event_again_is_stored_once(admin: Database, data: Database) -> None:
    store, first, second = UsageStore(data), event(), event()
    await store.insert([first])
    await store.insert([first, second])
    await store.insert([second, second, first])
    assert sorted(row[0] for row in await _rows(admin)) == sorted([first.id, second.id])


async def test_an_estimate_gives_way_to_true_figures(admin: Database, data: Database) -> None:
    store, true = UsageStore(data), event(cost_nanos=7)
    words = {"error_code": "gateway_crashed", "error_message": "The process ended."}
    estimate = event(id=true.id, cost_nanos=1, usage_source=UsageSource.ESTIMATED, outcome=Outcome.FAILED, **words)
    await store.insert([estimate])
    assert await _rows(admin) == [(true.id, 1, "estimated")]
    await store.insert([true])
    assert await _rows(admin) == [(true.id, 7, "provider")]
    assert await store.event("key_1", true.id) == true


@pytest.mark.parametrize("source", [UsageSource.ESTIMATED, UsageSource.COUNTED, UsageSource.PROVIDER])
async def test_true_figures_are_never_replaced(admin: Database, data: Database, source: UsageSource) -> None:
    store, true = UsageStore(data), event(cost_nanos=7)
    await store.insert([true])
    await store.insert([event(id=true.id, cost_nanos=1, usage_source=source)])
    assert await _rows(admin) == [(true.id, 7, "provider")]


@pytest.mark.parametrize("estimate_first", [True, False])
async def test_estimate_and_truth_in_one_batch(admin: Database, data: Database, *, estimate_first: bool) -> None:
    true = event(cost_nanos=7)
    batch = [event(id=true.id, cost_nanos=1, usage_source=UsageSource.ESTIMATED), true]
    assert await UsageStore(data).insert(batch if estimate_first else batch[::-1]) == ()
    assert await _rows(admin) == [(true.id, 7, "provider")]


async def test_copies_that_disagree_about_the_time_are_one_event(admin: Database, data: Database) -> None:
    store, true = UsageStore(data), event()
    await store.insert([event(id=true.id, usage_source=UsageSource.ESTIMATED, created_at=NOW + timedelta(days=40))])
    await store.insert([event(id=true.id, created_at=NOW - timedelta(seconds=1), cost_nanos=7)])
    assert await _rows(admin) == [(true.id, 7, "provider")]
    found = await store.event("key_1", true.id)
    assert found is not None
    assert found.created_at == true.created_at


async def test_money_up_to_the_end_of_bigint_is_exact(data: Database) -> None:
    store, rich = UsageStore(data), event(cost_nanos=2**63 - 1, charge_nanos=2**53 + 1)
    await store.insert([rich])
    assert await store.event("key_1", rich.id) == rich


async def test_a_nul_character_does_not_cost_us_the_event(data: Database) -> None:
    store, odd = UsageStore(data), event(model="a\0b", tags=("c\0", "\\u0000 as text"))
    assert await store.insert([odd]) == ()
    found = await store.event("key_1", odd.id)
    assert found is not None
    assert (found.model, found.tags) == (
        "a\N{REPLACEMENT CHARACTER}b",
        ("c\N{REPLACEMENT CHARACTER}", "\\u0000 as text"),
    )


async def test_poison_is_named_and_in_nobodys_way(admin: Database, data: Database) -> None:
    good, poison = [event(), event()], event(cost_nanos=2**63)
    assert await UsageStore(data).insert([good[0], poison, good[1]]) == [poison.id]
    assert sorted(row[0] for row in await _rows(admin)) == sorted(row.id for row in good)


async def test_newest_first_and_no_more_than_asked_for(admin: Database, data: Database) -> None:
    events = [event() for _ in range(5)]
    await UsageStore(data).insert(events)
    async with admin.transaction() as tx:
        found = await service.listed(tx, service.Sought(), 3)
    assert [row.id for row in found] == sorted((row.id for row in events), reverse=True)[:3]


async def test_a_database_that_lacks_the_function_is_no_fault_of_the_events(database_url: str, data: Database) -> None:
    # Whatever is wrong with the database, the events must stay in the journal and be tried again.
    await run_sql(database_url, "DROP FUNCTION insert_usage")
    with pytest.raises(SourceUnavailable):
        await UsageStore(data).insert([event()])


async def test_a_role_that_may_not_is_no_fault_of_the_events(app: Database) -> None:
    with pytest.raises(SourceUnavailable):
        await UsageStore(app).insert([event()])


async def test_however_many_look_for_their_events_the_database_is_there_for_all_else(
    database_url: str, data: Database
) -> None:
    store, locker = UsageStore(data), await Database(database_url).connect()
    await locker.execute("BEGIN; LOCK TABLE usage_events IN ACCESS EXCLUSIVE MODE")
    readers = [asyncio.ensure_future(store.event("key_1", event().id)) for _ in range(20)]
    await asyncio.sleep(0)  # all of them stand in line now
    await store.probe()
    assert not any(reader.done() for reader in readers)
    locker.terminate()
    await asyncio.gather(*readers, return_exceptions=True)


async def test_a_database_that_went_away(database_url: str, superuser_url: str) -> None:
    name = database_url.partition("?")[0].rpartition("/")[2]
    database = Database(database_url, Role.DATA, seconds=2)
    store = UsageStore(database)
    await store.insert([event()])
    await run_sql(superuser_url, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
    await run_sql(superuser_url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    with pytest.raises(SourceUnavailable):
        await store.insert([event()])
    with pytest.raises(SourceUnavailable):
        await store.event("key_1", "req_1")
    await run_sql(superuser_url, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
    assert await store.insert([event()]) == ()
    await database.close()


async def test_a_lock_that_somebody_holds_ends_in_unavailable(admin: Database, database_url: str) -> None:
    impatient = Database(database_url, Role.DATA, seconds=0.3)
    async with admin.transaction() as tx:
        await tx.execute(text("SET LOCAL ROLE llmgateway_owner"))
        await tx.execute(text("LOCK TABLE usage_events IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(SourceUnavailable):
            await UsageStore(impatient).insert([event()])
    assert await UsageStore(impatient).insert([event()]) == ()
    await impatient.close()
