"""Calls that leave in pipelines: what happens to those that wait, and to a connection that still owes answers."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from llmgateway.kit import redis_pipelines
from llmgateway.kit.redis_server import StoreDown
from llmgateway.kit.redis_store import RedisStore
from llmgateway.kit.store import Window
from tests.kit.store_suite import LEASE
from tests.kit.valkey import redis_of

_SECONDS = 0.3
_WINDOW = [Window("w", 60, 99)]


class _Slow:
    """A server whose answers are let through when the test says so."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, gated: bool) -> None:
        while data := await reader.read(65_536):
            if gated:
                await self.open.wait()
            writer.write(data)
        writer.close()


@asynccontextmanager
async def _slow_store(server: str, path: Path, seconds: float = _SECONDS) -> AsyncGenerator[tuple[RedisStore, _Slow]]:
    slow, serving = _Slow(), list[asyncio.Future[Any]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(server.removeprefix("unix://"))
        both = slow.forward(reader, back, gated=False), slow.forward(there, writer, gated=True)
        serving.append(asyncio.gather(*both, return_exceptions=True))
        await serving[-1]

    between = await asyncio.start_unix_server(serve, path)
    store = RedisStore(f"unix://{path}", seconds=seconds, prefix=f"{path.name}:")
    assert (await store.admit("first", LEASE, _WINDOW)).admitted
    try:
        yield store, slow
    finally:
        slow.open.set()
        await store.close()
        between.close()
        await asyncio.gather(*serving, return_exceptions=True)


async def test_who_waits_behind_as_many_pipelines_as_there_may_be_leaves_when_one_is_back(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_pipelines, "_PIPELINES", 1)
    async with _slow_store(server, tmp_path / "waits") as (store, slow):
        slow.open.clear()
        ahead = asyncio.ensure_future(store.admit("a", LEASE, _WINDOW))
        await asyncio.sleep(0.01)
        behind = asyncio.ensure_future(store.admit("b", LEASE, _WINDOW))
        await asyncio.sleep(0.05)
        slow.open.set()
        assert [one.admitted for one in await asyncio.gather(ahead, behind)] == [True, True]


async def test_who_is_given_up_while_waiting_reserves_nothing(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_pipelines, "_PIPELINES", 1)
    async with _slow_store(server, tmp_path / "given_up", seconds=1) as (store, slow):
        slow.open.clear()
        ahead = asyncio.ensure_future(store.admit("a", LEASE, _WINDOW))
        direct = RedisStore(server, seconds=_SECONDS)
        while not await redis_of(direct).keys("given_up:*ticket:a@*"):
            pass  # it has not left yet
        await direct.close()
        with pytest.raises(StoreDown):
            await store.admit("b", LEASE, _WINDOW)
        slow.open.set()
        await asyncio.gather(ahead, return_exceptions=True)
        assert (await store.admit("c", LEASE, _WINDOW)).admitted
        tickets: list[str] = await redis_of(store).keys("given_up:*ticket:*")
        assert not [key for key in tickets if "ticket:b@" in key]
        assert [key for key in tickets if "ticket:c@" in key], "tickets are called so"


async def test_a_call_that_finds_the_server_idle_leaves_before_the_loop_turns(server: str) -> None:
    """The server works while the process goes on with what else it has to do."""
    store = RedisStore(server, seconds=_SECONDS, prefix="idle:")
    await store.admit("before", LEASE, _WINDOW)
    await store._pipelines.finish()
    call = store.admit("now", LEASE, _WINDOW)
    answer = call.send(None)  # its first step: from here on nothing of the loop runs until it is looked for
    assert _arrives(server, "idle:*ticket:now@*")
    call.close()
    answer.cancel()
    await store.close()


def _arrives(server: str, pattern: str) -> bool:
    """Whether the server has such a key within a second in which the loop stands still."""
    client: Any = redis.Redis.from_url(server)  # pyright: ignore[reportUnknownMemberType]
    with client:
        until = time.monotonic() + 1
        while time.monotonic() < until:
            if client.keys(pattern):
                return True
        return False


async def test_a_connection_that_owes_answers_is_not_used_again(server: str) -> None:
    """Its next answer would be another call's."""

    def leave(answer: object) -> None:
        raise RuntimeError(answer)

    store = RedisStore(server, seconds=_SECONDS, prefix="owes:")
    wire = store._server.wire
    pipeline = await wire.open([("ECHO", "a"), ("ECHO", "b")])
    with pytest.raises(RuntimeError, match="a"):
        await pipeline.answered(leave)
    for said in ("c", "d"):
        heard = list[str]()
        again = wire.begin([("ECHO", said)]) or await wire.open([("ECHO", said)])
        await again.answered(heard.append)
        assert heard == [said]
    await store.close()
