"""The response cache's store: bounded, forgetful in time, purged by label."""

from datetime import UTC, datetime

from llmgateway.kit.cache_store import MemoryCache
from llmgateway.kit.clock import ManualClock

NOW = datetime(2026, 11, 5, tzinfo=UTC)
NONE = frozenset[str]()


async def test_a_value_lives_as_long_as_it_was_told() -> None:
    clock = ManualClock(NOW)
    cache = MemoryCache(clock, 10_000)
    await cache.put(b"k", b"value", 10, NONE)
    assert await cache.get(b"k") == b"value"
    clock.advance(10)
    assert await cache.get(b"k") is None
    assert cache.figures().bytes == 0


async def test_the_least_recently_used_goes_first() -> None:
    cache = MemoryCache(ManualClock(NOW), 3 * (512 + 100))
    for key in (b"a", b"b", b"c"):
        await cache.put(key, bytes(100), 10, NONE)
    await cache.get(b"a")
    await cache.put(b"d", bytes(100), 10, NONE)
    assert [await cache.get(key) is not None for key in (b"a", b"b", b"c", b"d")] == [True, False, True, True]


async def test_what_is_larger_than_the_store_is_not_kept() -> None:
    cache = MemoryCache(ManualClock(NOW), 1_000)
    await cache.put(b"small", b"x", 10, NONE)
    await cache.put(b"large", bytes(2_000), 10, NONE)
    assert await cache.get(b"large") is None
    assert await cache.get(b"small") == b"x"


async def test_a_purge_takes_what_carries_all_labels() -> None:
    cache = MemoryCache(ManualClock(NOW), 100_000)
    await cache.put(b"1", b"x", 10, frozenset({"org:a", "model:m"}))
    await cache.put(b"2", b"x", 10, frozenset({"org:a", "model:n"}))
    await cache.put(b"3", b"x", 10, frozenset({"org:b", "model:m"}))
    assert await cache.purge(frozenset({"org:a", "model:m"})) == 1
    assert [await cache.get(key) is not None for key in (b"1", b"2", b"3")] == [False, True, True]
    assert cache.figures().entries == 2
