"""Who sends without end, or hardly at all, against a real server on a real socket."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from llmgateway.commands.senders import BoundedProtocol, SlowSenders

POST = b"POST / HTTP/1.1\r\nhost: x\r\n"


async def _echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """How many bytes a body had; of /early as soon as it begins."""
    size, more = 0, True
    while more and scope["path"] != "/early":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message["more_body"]
    body = str(size).encode()
    head = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def _server() -> AsyncGenerator[tuple[uvicorn.Server, int]]:
    config = uvicorn.Config(_echo, port=0, http=BoundedProtocol, ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 -- uvicorn rings no bell
            await asyncio.sleep(0.01)
    yield server, server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = server.force_exit = True
    await task


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    [length] = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    return int(head.split()[1]), await reader.readexactly(int(length.split(b":")[1]))


async def _refused(reader: asyncio.StreamReader) -> tuple[int, str]:
    status, body = await _answer(reader)
    assert await reader.read() == b""
    return status, json.loads(body)["error"]["code"]


@pytest.mark.parametrize(
    ("head", "more"),
    [
        (b"GET / HTTP/1.1\r\nx-endless: ", b"a" * 4096),
        (b"GET / HTTP/1.1\r\n", b"x-many: 1\r\n" * 300),
        (b"GET /", b"a" * 4096),
        (b"", b"\r\n" * 2048),
        (POST + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-trailer: ", b"a" * 4096),
        (POST + b"transfer-encoding: chunked\r\n\r\n1;extension=", b"a" * 4096),
    ],
    ids=["a header", "headers", "a path", "empty lines", "a trailer", "a chunk's extension"],
)
async def test_what_has_no_end_is_refused_after_64_kib(head: bytes, more: bytes) -> None:
    async with _server() as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        await asyncio.sleep(0.1)  # so that it is read alone
        writer.write(more * (64 * 1024 // len(more) - 1))
        await writer.drain()
        await asyncio.sleep(0.1)
        assert len(server.server_state.connections) == 1
        writer.write(more * 3)
        assert await _refused(reader) == (431, "headers_too_large")
        writer.close()


async def test_large_heads_and_bodies_in_any_pieces_come_through() -> None:
    head = POST + b"x-large: " + b"a" * 30_000 + b"\r\n"
    plain = head + b"content-length: 300000\r\n\r\n" + b"b" * 300_000
    lines = b"".join(b"5\r\nhello\r\n" for _ in range(30_000))
    chunked = head + b"transfer-encoding: chunked\r\n\r\n" + lines + b"0\r\n\r\n"
    async with _server() as (_, port):
        for step in (1_400, 65_536, 1_000_000):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for request, size in ((plain, b"300000"), (chunked, b"150000"), (plain, b"300000")):
                for at in range(0, len(request), step):
                    writer.write(request[at : at + step])
                    await writer.drain()
                assert await _answer(reader) == (200, size)
            writer.close()


@pytest.mark.parametrize(
    ("answered", "sent"),
    [
        (b"", b"GET / HTTP/1.1\r\nx-slow: a"),
        (b"", POST + b"content-length: 100000\r\n\r\nabc"),
        (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"GET"),
    ],
    ids=["a head", "a body", "a second head"],
)
async def test_who_sends_hardly_anything_is_sent_away_after_a_minute(answered: bytes, sent: bytes) -> None:
    async with _a_minute_long(answered, sent) as reader:
        assert await _refused(reader) == (408, "request_timeout")


@pytest.mark.parametrize(
    ("answered", "sent"),
    [(b"", b""), (b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n", b"abc")],
    ids=["a connection in advance", "a body after its answer"],
)
async def test_who_waits_for_no_answer_is_left_without_a_word(answered: bytes, sent: bytes) -> None:
    """It would be taken for the answer to what is asked next."""
    async with _a_minute_long(answered, sent) as reader:
        assert await reader.read() == b""


@asynccontextmanager
async def _a_minute_long(answered: bytes, sent: bytes) -> AsyncGenerator[asyncio.StreamReader]:
    """What comes to who had this answered, sent that, and then nothing: it is left alone for a minute, and no longer."""
    async with _server() as (server, port):
        slow, connections = SlowSenders(), server.server_state.connections
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if answered:
            writer.write(answered)
            assert (await _answer(reader))[0] == 200
        writer.write(sent)
        await asyncio.sleep(0.1)
        for now in (1_000.0, 1_030.0, 1_060.0):
            slow.send_away(connections, now)
            assert len(connections) == 1
        slow.send_away(connections, 1_061.0)
        yield reader
        writer.close()


async def test_who_rests_between_requests_stays() -> None:
    async with _server() as (server, port):
        slow, connections = SlowSenders(), server.server_state.connections
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for now in (0.0, 50.0, 100.0, 150.0):
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert (await _answer(reader))[0] == 200
            slow.send_away(connections, now)
        assert len(connections) == 1
        writer.close()


async def test_a_slow_body_stays_as_long_as_it_keeps_its_pace() -> None:
    async with _server() as (server, port):
        slow, connections = SlowSenders(), server.server_state.connections
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST + b"content-length: 1000000\r\n\r\n" + b"a" * 200_000)
        await asyncio.sleep(0.1)
        slow.send_away(connections, 1_000.0)
        slow.send_away(connections, 1_190.0)
        assert len(connections) == 1
        slow.send_away(connections, 1_200.0)
        assert await _refused(reader) == (408, "request_timeout")
        writer.close()
