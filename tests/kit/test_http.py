"""The client sends what it was told to, byte for byte."""

import asyncio
import zlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from llmgateway.kit import http
from llmgateway.kit.http import HttpClient, HttpError, Trouble


async def test_the_path_goes_out_as_it_was_written() -> None:
    """Signatures count on it: a colon is not an encoded colon. Beside it stands who asks; nothing packed is asked for."""
    lines = list[bytes]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        lines.extend([head[0], *sorted(line for line in head[1:] if line and not line.startswith(b"Host:"))])
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, HttpClient() as client:
        url = f"http://127.0.0.1:{port}/model/a%3A0%2Fb:c/converse?alt=sse"
        for method, body in (("POST", b"hi"), ("GET", b"")):
            exchange = await client.send(method, url, {"x-key": "1"}, body, connect_seconds=5)
            assert await exchange.read() == b"ok"
            exchange.close()
    path, always = (
        b"/model/a%3A0%2Fb:c/converse?alt=sse HTTP/1.1",
        [b"Accept: */*", b"User-Agent: llmgateway", b"x-key: 1"],
    )
    of_body = [b"Content-Length: 2", b"Content-Type: application/octet-stream"]
    assert lines == [b"POST " + path, *sorted([*always, *of_body]), b"GET " + path, *always]


async def test_what_a_request_says_itself_is_said_once() -> None:
    async with _hearing(b"") as (url, heads), HttpClient() as client:
        own = {"accept": "application/vnd.amazon.eventstream", "HOST": "signed", "content-type": "text/plain"}
        for headers, body in ((own, b"hi"), ({}, b"")):
            exchange = await client.send("POST", url, headers, body, connect_seconds=5)
            assert await exchange.read() == b"ok"
    names = [sorted(line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:] if line) for head in heads]
    always = [b"accept", b"content-length", b"host", b"user-agent"]
    assert names == [sorted([*always, b"content-type"]), always]
    assert b"HOST: signed\r\n" in heads[0]
    assert b"\r\nContent-Length: 0\r\n" in heads[1]


@pytest.mark.parametrize("value", ["a\r\nx-admin: 1", "a\nx-admin: 1", "a\rb", "a\0b"])
async def test_no_header_ends_its_line(value: str) -> None:
    async with _hearing(b"") as (url, heads), HttpClient() as client:
        for headers in ({"x-key": value}, {f"x-key: {value}": "b"}):
            with pytest.raises(HttpError, match="end of a line"):
                await client.send("POST", url, headers, b"hi", connect_seconds=5)
    assert heads == []


async def test_hints_before_an_answer_are_passed_over() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    async with _hearing(hints) as (url, _), HttpClient() as client:
        exchange = await client.send("POST", url, {}, b"hi", connect_seconds=5)
        assert exchange.status == 200
        assert await exchange.read() == b"ok"


async def test_a_connection_is_used_again_when_its_answer_was_read_and_closed_when_it_was_left() -> None:
    told = asyncio.Queue[int]()
    async with asyncio.timeout(10), _hearing(b"", told) as (url, heads), HttpClient() as client:
        for _ in range(2):
            exchange = await client.send("POST", url, {}, b"hi", connect_seconds=5)
            assert await exchange.read() == b"ok"
            exchange.close()
        assert len(heads) == 2
        assert told.empty()
        exchange = await client.send("POST", url + "unfinished", {}, b"hi", connect_seconds=5)
        exchange.close()
        assert await told.get() == 3  # all came on one connection
        waiting = asyncio.ensure_future(client.send("POST", url + "silent", {}, b"hi", connect_seconds=5))
        assert await told.get() == 0
        waiting.cancel()
        assert await told.get() == 1


async def test_a_connection_whose_request_was_answered_before_it_was_read_is_not_used_again() -> None:
    """What is left of that request must not stand before the next one."""
    heard = list[asyncio.StreamWriter]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        heard.append(writer)
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with asyncio.timeout(10), server, HttpClient() as client:
        for _ in range(2):
            exchange = await client.send("POST", url, {}, bytes(64 << 20), connect_seconds=5)
            assert (exchange.status, await exchange.read()) == (413, b"no")
        for writer in heard:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    assert len(heard) == 2


@pytest.mark.parametrize("length", [1 << 16, (1 << 16) + 1, 8 << 20])
async def test_a_body_of_any_length_arrives(length: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        heard = await reader.readexactly(length)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n%08x" % zlib.crc32(heard))
        writer.close()

    body = bytes(number & 255 for number in range(1024)) * (length // 1024) + b"x" * (length % 1024)
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with asyncio.timeout(10), server, HttpClient() as client:
        exchange = await client.send("POST", url, {}, body, connect_seconds=5)
        assert await exchange.read() == b"%08x" % zlib.crc32(body)


async def test_an_answer_without_end_is_left_packed_or_not() -> None:
    """Who answers may be a tenant's own server, and the memory is everybody's."""
    left = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        packed = b"packed" in head.split(b"\r\n")[0]
        piece = zlib.compress(bytes(300 << 20), 9) if packed else bytes(1 << 20)
        more = b"content-encoding: deflate\r\n" if packed else b""
        writer.write(b"HTTP/1.1 200 OK\r\n" + more + b"connection: close\r\n\r\n")
        try:
            while True:
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            left.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, HttpClient() as client:
        for path in ("plain", "packed"):
            exchange = await client.send("POST", f"http://127.0.0.1:{port}/{path}", {}, b"", connect_seconds=5)
            with pytest.raises(HttpError, match="no end"):
                await exchange.read()
            await asyncio.wait_for(left.wait(), 10)
            left.clear()


async def test_an_answer_that_is_none_is_told_without_the_address_that_gave_it() -> None:
    """Callers read it, and the address may be the operator's own, with what it must not tell."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x00 is no HTTP")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, HttpClient() as client:
        with pytest.raises(HttpError) as caught:
            await client.send("POST", f"http://127.0.0.1:{port}/v1?sign=hunter22", {}, b"", connect_seconds=5)
    assert caught.value.trouble is Trouble.PROTOCOL
    assert caught.value.message.startswith("the answer is not HTTP: Expected HTTP/")
    assert "/v1" not in caught.value.message


@pytest.mark.parametrize(
    ("head", "body"),
    [(b"transfer-encoding: chunked", b"5\r\nhello\r\n"), (b"content-length: 10", b"hello")],
    ids=["chunked", "measured"],
)
async def test_an_answer_that_is_cut_is_told_in_words_without_the_names_of_classes(head: bytes, body: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, HttpClient() as client:
        exchange = await client.send("GET", url, {}, b"", connect_seconds=5)
        with pytest.raises(HttpError) as cut:
            await exchange.read()
        exchange.close()
    assert cut.value.trouble is Trouble.RESET
    assert cut.value.message.startswith("the connection was cut: the answer is not whole")
    assert "Error" not in cut.value.message


@pytest.mark.parametrize(("guarded", "mebibytes"), [(False, 256), (True, 64)])
async def test_of_an_answer_from_where_a_stranger_chose_less_is_held(
    monkeypatch: pytest.MonkeyPatch, mebibytes: int, *, guarded: bool
) -> None:
    monkeypatch.setattr(http, "check_url", str)  # the server of this test is on no public address
    async with _saying(b"1234", b"5678") as url, HttpClient(guarded=guarded) as client:
        exchange = await client.send("POST", url, {}, b"", connect_seconds=5)
        assert exchange.most == mebibytes << 20
        assert await exchange.read() == b"12345678"


@pytest.mark.parametrize(("most", "fits"), [(8, True), (7, False)])
async def test_as_much_as_may_be_held_is_read_and_no_byte_more(
    monkeypatch: pytest.MonkeyPatch, most: int, *, fits: bool
) -> None:
    monkeypatch.setattr(http, "_MOST_BYTES", most)
    async with _saying(b"1234", b"5678") as url, HttpClient() as client:
        exchange = await client.send("POST", url, {}, b"", connect_seconds=5)
        if fits:
            assert await exchange.read() == b"12345678"
        else:
            with pytest.raises(HttpError, match="no end"):
                await exchange.read()
        passing = await client.send("POST", url, {}, b"", connect_seconds=5)
        assert [await passing.piece() for _ in range(3)] == [b"1234", b"5678", b""]


@asynccontextmanager
async def _saying(*pieces: bytes) -> AsyncGenerator[str]:
    """A server whose answer comes in these pieces, with a pause between them."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.05)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@asynccontextmanager
async def _hearing(before: bytes, told: asyncio.Queue[int] | None = None) -> AsyncGenerator[tuple[str, list[bytes]]]:
    """A server that says `ok`, after these bytes; and the heads that it hears.

    It tells how many requests came on a connection that ended, and 0 when it heard one that it does not answer.
    """
    heads = list[bytes]()
    told = asyncio.Queue() if told is None else told
    answering = list[asyncio.Task[None] | None]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.append(asyncio.current_task())
        count = 0
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                heads.append(head)
                count += 1
                await reader.readexactly(0 if b"Content-Length: 0" in head else 2)
                if b"/silent" in head:
                    told.put_nowait(0)
                    continue
                length = b"9" if b"/unfinished" in head else b"2"
                writer.write(before + b"HTTP/1.1 200 OK\r\ncontent-length: " + length + b"\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            told.put_nowait(count)
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", heads
        await asyncio.wait_for(asyncio.gather(*filter(None, answering)), 10)
