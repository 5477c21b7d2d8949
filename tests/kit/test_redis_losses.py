"""A Redis that loses what it counted, by a flush or a restart: rates begin anew, money never."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from llmgateway.kit.clock import ManualClock
from llmgateway.kit.redis_server import StoreDown
from llmgateway.kit.redis_store import RedisStore
from llmgateway.kit.store import Counter, Gauge, Window
from tests.kit.store_suite import LEASE, START
from tests.kit.valkey import SECONDS, redis_of, restartable


async def test_after_a_flush_money_is_unknown_and_a_late_settle_still_counts(server: str) -> None:
    store = RedisStore(server, seconds=SECONDS, prefix="flush:")
    await store.seed({"usd": 10}, 60)
    assert (await store.admit("t", LEASE, [Counter("usd", 100, 5)])).admitted
    await redis_of(store).flushall()
    assert (await store.admit("u", LEASE, [Counter("usd", 100, 5)])).unknown == ("usd",)
    await store.seed({"usd": 10}, 60)
    assert not await store.settle("t", {"usd": 7})
    assert not await store.settle("t", {"usd": 7})  # once
    assert (await store.admit("v", LEASE, [Counter("usd", 100, 0)])).readings[0].used == 17
    await store.close()


async def test_a_restart_makes_every_counter_unknown_and_windows_start_anew(tmp_path: Path) -> None:
    with restartable(tmp_path) as server:
        store = RedisStore(server.url, seconds=SECONDS)
        await store.seed({"usd": 10}, 60)
        assert (await store.admit("t", LEASE, [Counter("usd", 100, 5), Window("w", 60, 1)])).admitted
        server.stop()
        with pytest.raises(StoreDown):
            await store.admit("u", LEASE, [Window("w", 60, 1)])
        server.start()
        verdict = await store.admit("v", LEASE, [Counter("usd", 100, 5), Window("w", 60, 1)])
        assert verdict.unknown == ("usd",)
        await store.close()


async def test_a_lost_ticket_counts_unless_its_counter_was_read_after_it_was_stored(server: str) -> None:
    store = RedisStore(server, seconds=SECONDS, prefix="late:")
    counter = [Counter("usd", 100, 0)]
    read_at = await store.reading_time()
    await store.settle("between the reading and the seed", {"usd": 5})
    await store.seed({"usd": 10}, 60, read_at)
    assert (await store.admit("a", LEASE, counter)).readings[0].used == 15
    await store.settle("long stored", {"usd": 20}, ago=60)
    assert (await store.admit("b", LEASE, counter)).readings[0].used == 15
    await store.settle("just over", {"usd": 20}, ago=0.5)
    assert (await store.admit("c", LEASE, counter)).readings[0].used == 35
    await store.close()


async def test_nobody_reads_money_while_a_process_has_not_stored_what_it_counted(server: str) -> None:
    reader, other = (RedisStore(server, seconds=SECONDS, prefix="lag:") for _ in range(2))
    await other.lag(LEASE, 2)
    with pytest.raises(StoreDown):
        await reader.reading_time()
    await other.lag(LEASE, 0)
    assert await reader.reading_time() > 0
    await asyncio.gather(reader.close(), other.close())


async def test_after_a_loss_money_is_read_only_once_every_process_has_stored_what_it_had_counted(server: str) -> None:
    """Also while one of them has not come back yet: it might have counted what nobody has stored."""
    reader, other = (RedisStore(server, seconds=SECONDS, prefix="witness:") for _ in range(2))
    for store, lease in ((reader, "lease_r"), (other, "lease_o"), (reader, "lease_r")):
        await store.beat(lease)
        await store.lag(lease, 0)
    assert reader.replicas == 2
    assert await reader.reading_time() > 0
    await redis_of(reader).flushall()
    await reader.beat("lease_r")  # it knows of the other by itself
    await reader.lag("lease_r", 0)
    with pytest.raises(StoreDown):
        await reader.reading_time()
    await other.lag("lease_o", 60)  # it is back, and has not stored for a minute
    with pytest.raises(StoreDown):
        await reader.reading_time()
    await other.lag("lease_o", 0)
    assert await reader.reading_time() > 0
    await asyncio.gather(reader.close(), other.close())


async def test_a_process_that_died_while_it_lagged_hinders_nobody_for_long(server: str) -> None:
    reader, dead = (RedisStore(server, seconds=SECONDS, prefix="gone:") for _ in range(2))
    await dead.lag("lease_d", 2)
    for _ in range(16):  # the living go on to speak
        await reader.lag("lease_r", 0)
        await asyncio.sleep(0.25)
    assert await reader.reading_time() > 0
    await asyncio.gather(reader.close(), dead.close())


async def test_a_flush_is_noticed_and_told_once(server: str) -> None:
    losses = list[int]()
    store = RedisStore(server, seconds=SECONDS, prefix="born:", lost=lambda: losses.append(1))
    await store.ping()
    await store.ping()
    assert not losses
    await redis_of(store).flushall()
    await store.ping()
    await store.ping()
    assert len(losses) == 1
    await store.close()


async def test_no_script_runs_on_a_server_that_was_restarted_unnoticed(tmp_path: Path) -> None:
    """Also where another process has met the new server before, and the old counters came back from its file."""
    with restartable(tmp_path) as server:
        store = RedisStore(server.url, seconds=SECONDS)
        await store.seed({"usd": 10}, 60)
        old = store._server._epoch
        server.stop()
        server.start()
        other = RedisStore(server.url, seconds=SECONDS)
        await other.seed({"usd": 50}, 60)
        await redis_of(other).set(f"lgw:usd@{old}", 10)
        assert (await store.admit("t", LEASE, [Counter("usd", 100, 0)])).readings[0].used == 50
        await asyncio.gather(store.close(), other.close())


@pytest.fixture(params=["flush", "restart"])
def losing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """The URL of a server, and how it loses all that it has counted."""
    with restartable(tmp_path) as server:

        def lose() -> None:
            server.flush()
            if request.param == "restart":
                server.stop()
                server.start()

        yield server.url, lose


HELD = [Counter("{o}:usd", 100, 5, 20), Gauge("{o}:g", 4, 2), Window("{o}:w", 3600, 9)]
FREE = [Counter("{o}:usd", 100, 0), Gauge("{o}:g", 9, 0), Window("{o}:w", 3600, 9, 0)]


async def _after_the_loss(*stores: RedisStore) -> float:
    """When money may be read again: each process is there, and has stored what was over."""
    for store in stores:
        for again in (True, False):
            try:
                await store.lag(f"lease_{id(store)}", 0)
            except StoreDown:  # the first call to a server that was restarted
                assert again
    return await stores[0].reading_time()


async def _stands(store: RedisStore, ticket: str) -> list[int]:
    return [reading.used for reading in (await store.admit(ticket, "lease_b", FREE)).readings]


async def test_what_runs_while_counts_are_lost_still_holds_what_it_reserved(
    losing: tuple[str, Callable[[], None]],
) -> None:
    """Also on a server that another process has read the money for: what runs there has not been stored."""
    url, lose = losing
    reader, runner = RedisStore(url, seconds=SECONDS), RedisStore(url, seconds=SECONDS)
    await reader.seed({"{o}:usd": 10}, 600)
    assert (await runner.admit("over", LEASE, HELD)).admitted
    await runner.settle("over", {"{o}:usd": 0})
    assert (await runner.admit("runs", LEASE, HELD)).admitted
    lose()
    read_at = await _after_the_loss(reader, runner)
    await reader.seed({"{o}:usd": 10}, 600, read_at)
    assert await _stands(reader, "a") == [35, 2, 0]
    await runner.beat(LEASE)
    assert await runner.settle("runs", {"{o}:usd": 7})
    assert await _stands(reader, "b") == [17, 0, 0]
    assert not await runner.settle("runs", {"{o}:usd": 7})
    assert await _stands(reader, "c") == [17, 0, 0]
    await asyncio.gather(reader.close(), runner.close())


async def test_what_ends_between_a_loss_and_the_reading_counts_once(losing: tuple[str, Callable[[], None]]) -> None:
    """Whether or not the reading has it."""
    url, lose = losing
    store = RedisStore(url, seconds=SECONDS)
    await store.seed({"{o}:usd": 10}, 600)
    for ticket in ("stored", "new"):
        assert (await store.admit(ticket, LEASE, HELD)).admitted
    lose()
    read_at = await _after_the_loss(store)
    await store.settle("stored", {"{o}:usd": 2}, ago=60)  # heard of late: it is in what is read
    await store.settle("new", {"{o}:usd": 7})
    await store.seed({"{o}:usd": 12}, 600, read_at)
    assert await _stands(store, "a") == [19, 0, 0]
    await store.close()


async def test_what_ended_during_the_outage_and_is_told_late_counts_once_though_it_was_held_again(
    losing: tuple[str, Callable[[], None]],
) -> None:
    """Its end is in what was read, and its reservation came on top: that alone goes."""
    url, lose = losing
    store = RedisStore(url, seconds=SECONDS)
    await store.seed({"{o}:usd": 10}, 600)
    assert (await store.admit("t", LEASE, HELD)).admitted
    lose()
    read_at = await _after_the_loss(store)
    await store.seed({"{o}:usd": 17}, 600, read_at)
    assert await store.settle("t", {"{o}:usd": 7}, ago=60)
    assert await _stands(store, "a") == [17, 0, 0]
    await store.close()


async def test_what_very_many_requests_hold_is_held_again_without_a_call_that_takes_too_long(
    losing: tuple[str, Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it at once takes longer than a call may: it would be tried again and again, and money would never be known."""
    url, lose = losing
    store = RedisStore(url, seconds=SECONDS)
    await store.seed({"{o}:usd": 0}, 600)
    many = [Counter("{o}:usd", 10_000, 1), Gauge("{o}:g", 10_000)]
    await asyncio.gather(*(store.admit(f"t{number}", LEASE, many) for number in range(450)))
    lose()
    sizes = list[int]()
    for name in ("begin", "open"):
        monkeypatch.setattr(store._server.wire, name, _measured(getattr(store._server.wire, name), sizes))
    await store.seed({"{o}:usd": 0}, 600, await _after_the_loss(store))
    assert await _stands(store, "a") == [450, 450, 0]
    await store.beat(LEASE)
    assert max(sizes) <= 300
    await store.close()


def _measured(send: Callable[..., Any], sizes: list[int]) -> Callable[..., Any]:
    def measured(commands: Sequence[tuple[Any, ...]]) -> Any:
        sizes.append(len(commands))
        return send(commands)

    return measured


async def test_what_a_process_holds_again_is_held_while_it_lives(losing: tuple[str, Callable[[], None]]) -> None:
    url, lose = losing
    clock = ManualClock(START)
    runner, living = (RedisStore(url, seconds=SECONDS, clock=clock) for _ in range(2))
    await living.seed({"{o}:usd": 10}, 600)
    assert (await runner.admit("t", LEASE, HELD)).admitted
    lose()
    clock.advance(2)
    await living.seed({"{o}:usd": 10}, 600, await _after_the_loss(runner, living))
    for _ in range(5):
        clock.advance(10)
        await runner.beat(LEASE)
    assert await _stands(living, "a") == [35, 2, 0]
    clock.advance(31)
    assert list(await living.names("t", "{o}")) == ["{o}:usd", "{o}:g"]
    await living.admit("b", "lease_b", FREE)
    assert await _stands(living, "c") == [10, 0, 0]
    await asyncio.gather(runner.close(), living.close())
