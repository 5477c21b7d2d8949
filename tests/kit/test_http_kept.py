"""A server may close a kept connection in the moment in which the next request is written to it: that request goes out again."""

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import pytest

from llmgateway.kit import http_connection
from llmgateway.kit.http import HttpClient, HttpError, Trouble

Ending = Callable[[asyncio.StreamWriter], None]
OK: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    plug: socket.socket = writer.get_extra_info("socket")
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


def _saying(part: bytes) -> Ending:
    def ends(writer: asyncio.StreamWriter) -> None:
        writer.write(part)
        writer.close()

    return ends


class Server:
    """Answers the first requests of each connection, and ends it at the next one."""

    def __init__(self, ends: Ending, answers: int) -> None:
        self.url = ""
        self.connections = 0
        self.heard = 0
        """Requests, answered or not."""
        self.together = asyncio.Barrier(1)
        """So many requests are answered at the same time."""
        self.serving: list[asyncio.Task[None] | None] = []
        self._ends = ends
        self._answers = answers

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.append(asyncio.current_task())
        self.connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            for _ in range(self._answers):
                await self._hear(reader)
                await self.together.wait()
                writer.write(OK)
            await self._hear(reader)
        self._ends(writer)

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        await reader.readuntil(b"\r\n\r\nhi")
        self.heard += 1


@asynccontextmanager
async def _ending(ends: Ending, answers: int = 1) -> AsyncGenerator[Server]:
    state = Server(ends, answers)
    server = await asyncio.start_server(state.serve, "127.0.0.1", 0)
    state.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, asyncio.timeout(20):
        yield state
        await asyncio.gather(*filter(None, state.serving))


async def _ask(client: HttpClient, server: Server) -> bytes:
    exchange = await client.send("POST", server.url, {}, b"hi", connect_seconds=5)
    return await exchange.read()


@pytest.mark.parametrize("ends", [_closed, _reset])
async def test_a_request_that_met_a_closed_connection_goes_out_on_another_one(ends: Ending) -> None:
    async with _ending(ends) as server, HttpClient() as client:
        await _ask(client, server)
        assert await _ask(client, server) == b"ok"
        assert (server.connections, server.heard) == (2, 3)


async def test_several_kept_connections_may_have_been_closed() -> None:
    async with _ending(_closed) as server, HttpClient() as client:
        server.together = asyncio.Barrier(3)
        await asyncio.gather(*(_ask(client, server) for _ in range(3)))
        server.together = asyncio.Barrier(1)
        assert await _ask(client, server) == b"ok"
        assert (server.connections, server.heard) == (4, 7)


async def test_a_new_connection_that_ends_without_an_answer_is_no_closed_one() -> None:
    async with _ending(_closed, answers=0) as server, HttpClient() as client:
        with pytest.raises(HttpError, match="the connection was cut") as cut:
            await _ask(client, server)
        assert cut.value.trouble is Trouble.RESET
        assert (server.connections, server.heard) == (1, 1)


@pytest.mark.parametrize("part", [b"HTTP/1.1 200 OK\r\ncontent-", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
async def test_who_began_to_answer_had_the_request(part: bytes) -> None:
    async with _ending(_saying(part)) as server, HttpClient() as client:
        await _ask(client, server)
        with pytest.raises(HttpError):
            await _ask(client, server)
        assert (server.connections, server.heard) == (1, 2)


async def test_who_took_his_time_had_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider may have begun to write an answer by then, and bills it."""
    monkeypatch.setattr(http_connection, "_STALE_SECONDS", 0)
    async with _ending(_closed) as server, HttpClient() as client:
        await _ask(client, server)
        with pytest.raises(HttpError, match="the connection was cut"):
            await _ask(client, server)
        assert (server.connections, server.heard) == (1, 2)


async def test_who_found_several_closed_opens_one() -> None:
    async with _ending(_closed) as server, HttpClient() as client:
        server.together = asyncio.Barrier(5)
        await asyncio.gather(*(_ask(client, server) for _ in range(5)))
        server.together = asyncio.Barrier(1)
        assert await _ask(client, server) == b"ok"
        assert (server.connections, server.heard) == (6, 9)
