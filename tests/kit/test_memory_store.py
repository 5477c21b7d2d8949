"""The store of one process."""

from llmgateway.kit.clock import ManualClock
from llmgateway.kit.memory_store import MemoryStore
from llmgateway.kit.store import Counter, Gauge, Window
from tests.kit.store_suite import LEASE, START, StoreSuite


class TestMemoryStore(StoreSuite):
    def store(self, clock: ManualClock) -> MemoryStore:
        return MemoryStore(clock)


async def test_what_no_longer_counts_is_forgotten() -> None:
    clock = ManualClock(START)
    store = MemoryStore(clock)
    largest = 0
    for number in range(20_000):
        clock.advance(1)
        ticket, key = f"t{number}", f"key{number}"
        assert (await store.admit(ticket, LEASE, [Window(key, 60, 5), Gauge(f"{key}g", 5)])).admitted
        await store.settle(ticket, {})
        largest = max(largest, store.size)
    assert largest < 3_000


async def test_tickets_that_nobody_settles_are_given_back_after_a_day() -> None:
    clock = ManualClock(START)
    store = MemoryStore(clock)
    for number in range(1_500):
        await store.admit(f"t{number}", LEASE, [Gauge("g", 10_000)])
    clock.advance(90_000)
    for number in range(1_500):
        await store.admit(f"u{number}", LEASE, [Gauge("g", 10_000)])
    assert (await store.admit("probe", LEASE, [Gauge("g", 10_000)])).readings[0].used == 1_501


async def test_a_counter_that_is_seeded_anew_holds_what_open_tickets_had_reserved() -> None:
    """It ends after its lifetime, whoever runs then; a sum of all time is seeded again."""
    clock = ManualClock(START)
    store, claims = MemoryStore(clock), [Counter("c", 100, 30)]
    await store.seed({"c": 10}, 60)
    await store.admit("t", LEASE, claims)
    clock.advance(60)
    assert (await store.admit("u", LEASE, claims)).unknown == ("c",)
    await store.seed({"c": 10}, 60)
    await store.settle("t", {"c": 5})
    assert (await store.admit("u", LEASE, claims)).readings[0].used == 10 + 5 + 30


async def test_a_clock_that_is_set_back_opens_no_second_window() -> None:
    clock = ManualClock(START)
    store = MemoryStore(clock)
    clock.advance(60)
    await store.admit("a", LEASE, [Window("w", 60, 1)])
    clock.advance(-30)
    assert not (await store.admit("b", LEASE, [Window("w", 60, 1)])).admitted
