"""What every Store must do, whatever it is made of; a subclass says how to make one."""

from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmgateway.kit.clock import ManualClock
from llmgateway.kit.store import CEILING, Counter, Gauge, Store, Window, empty_after, room_after

START = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = "lease_a"
EACH_STORE = [HealthCheck.differing_executors]
"""One suite runs for several stores, each with examples of its own."""

Steps = list[tuple[str, float, int, int, int]]

STEPS: st.SearchStrategy[Steps] = st.lists(
    st.tuples(
        st.sampled_from(["admit", "settle"]),
        st.sampled_from([0.0, 0.001, 0.5, 7.3, 29.999, 30.0, 59.0, 60.0, 61.0, 200.0]),
        st.integers(0, 8),
        st.integers(0, 8),
        st.integers(0, 9),
    ),
    max_size=60,
)


class StoreSuite:
    """Inherit as `TestX(StoreSuite)` and give `store`."""

    def store(self, clock: ManualClock) -> Store:
        raise AssertionError("a suite needs a store")

    async def lapse(self, store: Store, clock: ManualClock, counter: str, seconds: int) -> None:
        """The life of a counter, so many seconds, is over."""
        assert counter
        assert store
        clock.advance(seconds)

    @given(limit=st.integers(0, 12), seconds=st.sampled_from([60, 3600]), steps=STEPS)
    @settings(max_examples=150, deadline=None, suppress_health_check=EACH_STORE)
    async def test_a_clock_window_never_admits_more_than_its_limit(
        self, limit: int, seconds: int, steps: Steps
    ) -> None:
        clock = ManualClock(START)
        store = self.store(clock)
        admitted = dict[int, int]()
        for number, (_, pause, cost, stretch, _) in enumerate(steps):
            clock.advance(pause)
            verdict = await store.admit(f"t{number}", LEASE, [Window("w", seconds, limit, cost, stretch)])
            if verdict.admitted:
                reserved = verdict.readings[0].reserved
                assert cost <= reserved <= cost + stretch
                bucket = int(clock.now().timestamp()) // seconds
                admitted[bucket] = admitted.get(bucket, 0) + reserved
        assert all(total <= limit for total in admitted.values())

    @given(steps=STEPS)
    @settings(max_examples=100, deadline=None, suppress_health_check=EACH_STORE)
    async def test_after_all_settles_gauges_are_free(self, steps: Steps) -> None:
        store = self.store(ManualClock(START))
        running = list[str]()
        for number, (what, _, _, _, which) in enumerate(steps):
            if what == "settle" and running:
                ticket = running.pop(which % len(running))
                assert await store.settle(ticket, {})
                assert not await store.settle(ticket, {})
                continue
            verdict = await store.admit(f"t{number}", LEASE, [Gauge("g", 5)])
            assert verdict.admitted == (len(running) < 5)
            if verdict.admitted:
                running.append(f"t{number}")
        for ticket in running:
            await store.settle(ticket, {})
        assert (await store.admit("probe", LEASE, [Gauge("g", 5)])).readings[0].used == 1

    async def test_all_or_nothing(self) -> None:
        store = self.store(ManualClock(START))
        verdict = await store.admit("t1", LEASE, [Window("open", 60, 5), Gauge("g", 1), Window("shut", 60, 0)])
        assert not verdict.admitted
        assert verdict.refused == (2,)
        verdict = await store.admit("t2", LEASE, [Window("open", 60, 5), Gauge("g", 1)])
        assert [reading.used for reading in verdict.readings] == [1, 1]

    async def test_the_second_admission_of_a_ticket_reserves_nothing_more(self) -> None:
        store = self.store(ManualClock(START))
        first = await store.admit("t", LEASE, [Window("w", 60, 5, 3)])
        assert await store.admit("t", LEASE, [Window("w", 60, 5, 3)]) == first
        assert (await store.admit("u", LEASE, [Window("w", 60, 5, 2)])).admitted

    async def test_two_settles_are_one(self) -> None:
        store = self.store(ManualClock(START))
        await store.admit("t", LEASE, [Window("w", 60, 100, 50)])
        assert await store.settle("t", {"w": 20})
        assert not await store.settle("t", {"w": 0})
        assert (await store.admit("u", LEASE, [Window("w", 60, 100, 1)])).readings[0].used == 21

    async def test_a_settle_corrects_the_window_that_admitted(self) -> None:
        clock = ManualClock(START)
        store = self.store(clock)
        await store.admit("t", LEASE, [Window("w", 60, 100, 40)])
        clock.advance(60)
        await store.settle("t", {"w": 90})
        reading = (await store.admit("u", LEASE, [Window("w", 60, 100, 1)])).readings[0]
        assert (reading.previous, reading.current) == (90, 1)
        clock.advance(180)
        await store.settle("u", {"w": 70})
        assert (await store.admit("v", LEASE, [Window("w", 60, 100, 1)])).readings[0].used == 1

    async def test_a_dead_process_frees_its_gauges_and_its_late_settles_free_nothing_twice(self) -> None:
        clock = ManualClock(START)
        store = self.store(clock)
        await store.admit("old", LEASE, [Gauge("g", 1)])
        clock.advance(14)
        assert not (await store.admit("b1", "lease_b", [Gauge("g", 1)])).admitted
        clock.advance(1)
        assert (await store.admit("b2", "lease_b", [Gauge("g", 1)])).admitted
        await store.settle("old", {})
        assert not (await store.admit("b3", "lease_b", [Gauge("g", 1)])).admitted

    async def test_a_beating_process_keeps_its_gauges(self) -> None:
        clock = ManualClock(START)
        store = self.store(clock)
        await store.admit("long", LEASE, [Gauge("g", 1)])
        for _ in range(10):
            clock.advance(5)
            await store.beat(LEASE)
        assert not (await store.admit("b", "lease_b", [Gauge("g", 1)])).admitted

    async def test_a_missing_counter_is_unknown_and_not_zero(self) -> None:
        clock = ManualClock(START)
        store = self.store(clock)
        verdict = await store.admit("t", LEASE, [Window("w", 60, 5), Counter("c", 100, 30)])
        assert (verdict.admitted, verdict.unknown) == (False, ("c",))
        await store.seed({"c": 60}, 100)
        await store.seed({"c": 0}, 100)
        verdict = await store.admit("t", LEASE, [Window("w", 60, 5), Counter("c", 100, 30, 1000)])
        assert [reading.used for reading in verdict.readings] == [1, 100]
        assert verdict.readings[1].reserved == 40
        assert (await store.admit("u", LEASE, [Counter("c", 100, 1)])).refused == (0,)
        await store.settle("t", {"c": 45})
        assert (await store.admit("u", LEASE, [Counter("c", 200, 1)])).readings[0].used == 106
        await self.lapse(store, clock, "c", 100)
        assert (await store.admit("v", LEASE, [Counter("c", 100, 1)])).unknown == ("c",)

    async def test_what_is_used_and_what_open_tickets_only_hold_are_told_apart(self) -> None:
        store = self.store(ManualClock(START))
        await store.seed({"usd": 10, "other": 0}, 600)
        for ticket in ("a", "b"):
            claims = [Counter("usd", 100, 1, 44), Counter("other", 1000, 1)]
            assert (await store.admit(ticket, LEASE, claims)).admitted
        waits = await store.admit("c", LEASE, [Counter("other", 1000, 1), Counter("usd", 100, 5)])
        assert (waits.refused, waits.held) == ((1,), (1,))
        never = await store.admit("d", LEASE, [Counter("usd", 100, 91)])
        assert (never.refused, never.held) == ((0,), ())
        await store.settle("a", {"usd": 45, "other": 1})
        await store.settle("b", {"usd": 45, "other": 1})
        used_up = await store.admit("e", LEASE, [Counter("usd", 100, 5)])
        assert (used_up.refused, used_up.held) == ((0,), ())

    async def test_counters_that_were_seeded_while_a_request_ran_count_it_as_well(self) -> None:
        store = self.store(ManualClock(START))
        await store.seed({"{o}:k:usd:total": 3, "{o}:usd:total": 7, "{p}:k:usd:total": 1}, 600)
        assert (await store.admit("t", LEASE, [Counter("{o}:usd:total", 100, 5)])).admitted
        await store.seed({"{o}:k:usd:total#2": 10, "{o}:quota:tokens:2026-01-01#1": 20}, 600)
        await store.settle("t", {"{o}:usd:total": 9})
        truths = {"{o}:k:usd:total": 9, "{o}:k:usd:2026-01": 9, "{o}:usd:total": 9, "{o}:quota:tokens": 4}
        await store.count_also("t", truths, ["{o}:usd:total"])
        names = ["{o}:usd:total", "{o}:k:usd:total#2", "{o}:quota:tokens:2026-01-01#1"]
        verdict = await store.admit("u", LEASE, [Counter(name, 100, 0) for name in names])
        assert [reading.used for reading in verdict.readings] == [16, 19, 24]
        assert (await store.admit("v", LEASE, [Counter("{p}:k:usd:total", 100, 0)])).readings[0].used == 1

    async def test_what_was_stored_too_late_to_be_read_counts_in_what_is_seeded_after_it(self) -> None:
        clock = ManualClock(START)
        store = self.store(clock)
        await store.seed({"{o}:usd:total": 0}, 600)
        await store.count_also("stored before", {"{o}:k:usd:total": 2}, [], ago=1)
        read_at = await store.reading_time()
        clock.advance(1)
        await store.count_also("stored meanwhile", {"{o}:k:usd:total": 5, "{o}:quota:tokens": 4}, [])
        await store.count_also("held it", {"{o}:k:usd:total": 9}, ["{o}:k:usd:total#1"])
        await store.seed(
            {"{o}:k:usd:total#1": 12, "{o}:quota:tokens:2026-01-01": 20, "{o}:k:usd:2026-01": 1}, 600, read_at
        )
        await store.count_also("told late", {"{o}:k:usd:total": 8}, [], ago=2)
        names = ["{o}:k:usd:total#1", "{o}:quota:tokens:2026-01-01", "{o}:k:usd:2026-01", "{o}:usd:total"]
        verdict = await store.admit("u", LEASE, [Counter(name, 100, 0) for name in names])
        assert [reading.used for reading in verdict.readings] == [17, 24, 1, 0]

    async def test_large_numbers_are_exact_and_end_at_the_ceiling(self) -> None:
        store = self.store(ManualClock(START))
        await store.seed({"c": 100_000_000_000_000}, 60)
        verdict = await store.admit("t", LEASE, [Counter("c", 2**53, 1)])
        assert verdict.readings[0].used == 100_000_000_000_001
        await store.settle("t", {"c": 2**53})
        verdict = await store.admit("u", LEASE, [Counter("c", 2**60, 0)])
        assert verdict.readings[0].used == CEILING

    async def test_an_answer_that_may_be_longer_than_any_number_holds_what_is_left(self) -> None:
        store = self.store(ManualClock(START))
        await store.seed({"c": 0}, 60)
        claims = [Counter("c", 100, 1, 10**40), Window("w", 60, 100, 1, 10**40)]
        verdict = await store.admit("t", LEASE, claims)
        assert [one.reserved for one in verdict.readings] == [100, 100]
        await store.settle("t", {"c": 7, "w": 7})
        assert [one.used for one in (await store.admit("u", LEASE, claims)).readings] == [100, 100]

    @given(
        limit=st.integers(1, 50),
        before=st.integers(0, 50),
        now=st.integers(0, 50),
        at=st.floats(0, 59),
        cost=st.integers(1, 50),
    )
    @settings(max_examples=150, deadline=None, suppress_health_check=EACH_STORE)
    async def test_after_the_wait_that_a_refusal_names_there_is_room(
        self, limit: int, before: int, now: int, at: float, cost: int
    ) -> None:
        clock = ManualClock(START)
        store = self.store(clock)
        await store.admit("a", LEASE, [Window("w", 60, 50, before)])
        clock.advance(60 + at)
        await store.admit("b", LEASE, [Window("w", 60, 100, now)])
        claim = Window("w", 60, limit, cost)
        verdict = await store.admit("c", LEASE, [claim])
        if verdict.admitted:
            return
        wait = room_after(claim, verdict.readings[0], verdict.now)
        assert (wait is None) == (cost > limit)
        if wait is not None:
            clock.advance(wait + 0.002)
            assert (await store.admit("c", LEASE, [claim])).admitted

    async def test_the_window_before_counts_rounded_up_until_all_of_it_has_faded(self) -> None:
        clock = ManualClock(START)
        store = self.store(clock)
        await store.admit("a", LEASE, [Window("w", 60, 1)])
        clock.advance(119.9)
        assert not (await store.admit("b", LEASE, [Window("w", 60, 1)])).admitted
        clock.advance(0.1)
        assert (await store.admit("c", LEASE, [Window("w", 60, 1)])).admitted

    async def test_a_window_is_empty_when_it_says(self) -> None:
        clock = ManualClock(START)
        store = self.store(clock)
        clock.advance(20)
        claim = Window("w", 60, 10)
        reading = (await store.admit("a", LEASE, [claim])).readings[0]
        wait = empty_after(claim, reading, clock.now().timestamp())
        assert wait == 100
        clock.advance(wait)
        assert (await store.admit("b", LEASE, [Window("w", 60, 10, 0)])).readings[0].used == 0
