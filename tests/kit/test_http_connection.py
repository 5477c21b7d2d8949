"""What servers may say on a connection, and what they must not, however their bytes are cut on the way."""

import asyncio
import gc
import gzip
import itertools
import socket
import struct
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple, Self

import pytest

from llmgateway.kit import http_pool
from llmgateway.kit.http import HttpClient, HttpError, Trouble
from llmgateway.kit.http_connection import HttpConnection

_TEXT = b"a body of some length, said more than once. " * 40
_HINTS = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 199 Odd\r\ncontent-length: 3\r\n\r\nodd\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\nlink: </b>\r\n\r\n"
_MEASURED = b"HTTP/1.1 200 OK\r\nX-Empty:\r\nContent-Length: %d\r\nX-Name: \xc3\xa4\r\n\r\n%s"
_CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def _chunked(body: bytes, size: int, trailers: bytes = b"") -> bytes:
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + trailers + b"\r\n"


@pytest.mark.parametrize("cut", [1, 2, 7, 100, 1 << 20], ids=lambda cut: f"{cut} bytes at a time")
@pytest.mark.parametrize(
    "answer",
    [
        _MEASURED % (len(_TEXT), _TEXT),
        _HINTS + _MEASURED % (len(_TEXT), _TEXT),
        _CHUNKED + _chunked(_TEXT, 1000),
        _CHUNKED + _chunked(_TEXT, 1, b"x-trailer: no header\r\n"),
        _HINTS + _CHUNKED + b"7 \r\n" + _TEXT[:7] + b"\r\n" + _chunked(_TEXT[7:], 100),
        b"HTTP/1.1 200 OK\nContent-Length: %d\n\n%s" % (len(_TEXT), _TEXT),
        b"HTTP/1.1 200\r\nContent-Length: %d\r\n\r\n%s" % (len(_TEXT), _TEXT),
    ],
    ids=["measured", "after hints", "chunked", "trailers", "loose chunks", "bare line ends", "no reason"],
)
async def test_an_answer_is_the_same_however_it_is_cut_and_leaves_its_connection_for_the_next(
    answer: bytes, cut: int
) -> None:
    pieces = [answer[start : start + cut] for start in range(0, len(answer), cut)]
    async with _Server(_Talk([pieces, pieces])) as server, HttpClient() as client:
        for _ in range(2):
            exchange = await client.send("POST", server.url, {}, b"hi", connect_seconds=5)
            assert exchange.status == 200
            assert not {"link", "x-trailer"} & set(exchange.headers)
            assert await exchange.read() == _TEXT
            if b"X-Name" in answer:
                assert (exchange.headers["x-name"], exchange.headers["x-empty"]) == ("ä", "")
    assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.0 200 OK\r\n\r\n" + _TEXT, 200, _TEXT),
        (b"HTTP/1.1 200 OK\r\n\r\n" + _TEXT, 200, _TEXT),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\n" + _TEXT, 200, _TEXT),
        (b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n", 101, b""),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstale",
            200,
            b"ok",
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok, and more", 200, b"ok"),
    ],
    ids=["said so", "1.0", "to the end", "coded in no way", "another protocol", "a second answer", "more than said"],
)
async def test_after_such_an_answer_comes_a_new_connection(answer: bytes, status: int, body: bytes) -> None:
    async with (
        _Server(_Talk([[answer]], ends=len(body) > 2), _Talk([[_MEASURED % (4, b"next")]])) as server,
        HttpClient() as client,
    ):
        exchange = await client.send("POST", server.url, {}, b"hi", connect_seconds=5)
        assert (exchange.status, await exchange.read()) == (status, body)
        exchange = await client.send("POST", server.url, {}, b"hi", connect_seconds=5)
        assert await exchange.read() == b"next"
    assert server.connections == 2


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_keeps_its_connection(status: int) -> None:
    answer = b"HTTP/1.1 %d Nothing\r\nx-filler: %s\r\n\r\n" % (status, b"y" * 30_000)
    async with _Server(_Talk([*[[answer]] * 3, [_MEASURED % (4, b"next")]])) as server, HttpClient() as client:
        for _ in range(3):
            exchange = await client.send("POST", server.url, {}, b"hi", connect_seconds=5)
            assert (exchange.status, await exchange.read()) == (status, b"")
        exchange = await client.send("POST", server.url, {}, b"hi", connect_seconds=5)
        assert await exchange.read() == b"next"
    assert server.connections == 1


async def test_what_was_not_read_of_an_answer_is_no_part_of_the_next() -> None:
    async with (
        _Server(_Talk([[_MEASURED % (5, b"first")], [_MEASURED % (4, b"next")]])) as server,
        HttpClient() as client,
    ):
        exchange = await client.send("POST", server.url, {}, b"hi", connect_seconds=5)
        exchange.close()
        exchange = await client.send("POST", server.url, {}, b"hi", connect_seconds=5)
        assert await exchange.read() == b"next"
    assert server.connections == 1


@pytest.mark.parametrize("unasked", [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstale", b"x", b""])
async def test_what_comes_between_requests_answers_none(unasked: bytes) -> None:
    """Another's answer must never be taken for one's own. Nothing: the server ends the connection while nobody uses it."""
    first = _Talk([[_MEASURED % (2, b"ok")]], unasked=unasked, ends=not unasked)
    async with _Server(first, _Talk([[_MEASURED % (4, b"next")]])) as server, HttpClient() as client:
        exchange = await client.send("POST", server.url, {}, b"hi", connect_seconds=5)
        assert await exchange.read() == b"ok"
        await server.left()
        exchange = await client.send("POST", server.url, {}, b"hi", connect_seconds=5)
        assert await exchange.read() == b"next"
    assert server.connections == 2


@pytest.mark.parametrize(
    ("before", "again"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"x-filler: " + b"y" * 990 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nx-filler: ", b"y" * 1000),
        (b"", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
        (_CHUNKED + b"2\r\nok\r\n0\r\n", b"x-trailer: " + b"y" * 990 + b"\r\n"),
        (_CHUNKED + b"2\r\nok\r\n2;extension=", b"y" * 1000),
    ],
    ids=["headers", "a header", "hints", "trailers", "extensions"],
)
async def test_what_stands_around_a_body_ends_somewhere(before: bytes, again: bytes) -> None:
    """Who answers may be a tenant's own server, and the memory is everybody's."""
    async with _Server(_Talk([itertools.chain([before], itertools.repeat(again))])) as server, HttpClient() as client:
        with pytest.raises(HttpError, match="has no end") as caught:
            await (await client.send("POST", server.url, {}, b"hi", connect_seconds=5)).read()
        assert caught.value.trouble is Trouble.PROTOCOL
        await server.left()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        _CHUNKED + b"2\r\nok\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
    ],
    ids=["two lengths", "a length and chunks", "no chunk", "no header"],
)
async def test_an_answer_with_two_meanings_is_none(answer: bytes) -> None:
    async with _Server(_Talk([[answer]])) as server, HttpClient() as client:
        with pytest.raises(HttpError, match="the answer is not HTTP: ") as caught:
            await (await client.send("POST", server.url, {}, b"hi", connect_seconds=5)).read()
        assert caught.value.trouble is Trouble.PROTOCOL
        await server.left()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nx-he", _HINTS, _CHUNKED + b"5\r\nhello\r\n"])
@pytest.mark.parametrize("resets", [False, True], ids=["ended", "reset"])
async def test_a_connection_that_is_cut_is_told_as_cut(answer: bytes, *, resets: bool) -> None:
    if resets:
        answer = answer.replace(
            _CHUNKED, b"HTTP/1.1 200 OK\r\n\r\n"
        )  # a reset is not the end of a body without measure
    async with _Server(_Talk([[answer]], ends=True, resets=resets)) as server, HttpClient() as client:
        with pytest.raises(HttpError, match="the connection was cut: ") as caught:
            await (await client.send("POST", server.url, {}, b"hi", connect_seconds=5)).read()
        assert caught.value.trouble is Trouble.RESET


async def test_what_came_before_a_cut_is_read_first() -> None:
    async with _Server(_Talk([[_CHUNKED + b"5\r\nhello\r\n"]], ends=True)) as server, HttpClient() as client:
        exchange = await client.send("POST", server.url, {}, b"hi", connect_seconds=5)
        await server.left()
        assert await exchange.piece() == b"hello"
        with pytest.raises(HttpError, match="not whole"):
            await exchange.piece()


async def test_of_an_answer_that_nobody_reads_only_a_little_comes() -> None:
    """A slow reader of a stream holds the provider back, and not the answer in our memory."""
    pieces = itertools.chain(
        [_CHUNKED], itertools.repeat(b"%x\r\n%s\r\n" % (1 << 16, bytes(1 << 16)), 512), [b"0\r\n\r\n"]
    )
    async with _Server(_Talk([pieces])) as server, HttpClient() as client:
        exchange = await client.send("POST", server.url, {}, b"hi", connect_seconds=5)
        sent = -1
        while sent != server.sent:
            sent = server.sent
            await asyncio.sleep(0.2)
        assert sent < 16 << 20
        read = [len(await exchange.piece())]
        assert read[0] <= 1 << 20
        while read[-1]:
            read.append(len(await exchange.piece()))
        assert sum(read) == 512 << 16


@pytest.mark.parametrize(
    ("packing", "packed"),
    [
        ("gzip", gzip.compress(_TEXT)),
        ("GZIP", gzip.compress(_TEXT[:99]) + gzip.compress(_TEXT[99:])),
        ("x-gzip", gzip.compress(_TEXT)),
        ("deflate", zlib.compress(_TEXT)),
        ("deflate", zlib.compress(_TEXT)[2:-4]),
        ("Identity", _TEXT),
        ("", _TEXT),
    ],
    ids=["gzip", "two of gzip", "x-gzip", "deflate", "deflate without frame", "not at all", "nothing said"],
)
@pytest.mark.parametrize("size", [1, 1000])
async def test_a_packed_answer_is_unpacked(packing: str, packed: bytes, size: int) -> None:
    head = _CHUNKED.replace(b"\r\n\r\n", b"\r\ncontent-encoding: " + packing.encode() + b"\r\n\r\n")
    answer = [head + _chunked(packed, size)]
    async with _Server(_Talk([answer, answer])) as server, HttpClient() as client:
        for _ in range(2):
            exchange = await client.send("POST", server.url, {}, b"hi", connect_seconds=5)
            assert await exchange.read() == _TEXT
    assert server.connections == 1


async def test_a_few_packed_bytes_are_unpacked_a_little_at_a_time() -> None:
    """They may stand for any number."""
    packed = gzip.compress(bytes(64 << 20))
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    async with _Server(_Talk([[head + packed]])) as server, HttpClient() as client:
        exchange = await client.send("POST", server.url, {}, b"hi", connect_seconds=5)
        read = [len(await exchange.piece())]
        while read[-1]:
            read.append(len(await exchange.piece()))
    assert sum(read) == 64 << 20
    assert max(read) <= 1 << 20


@pytest.mark.parametrize(
    ("packing", "packed", "words"),
    [
        ("br", b"x", "packed as 'br', which nobody asked for"),
        ("gzip", b"plain text", "not packed as 'gzip'"),
        ("deflate", b"x", "packed"),
        ("gzip", gzip.compress(_TEXT)[:-9], "packed and is not whole"),
    ],
    ids=["unknown", "not packed", "not deflated", "cut"],
)
async def test_an_answer_that_cannot_be_unpacked_says_so(packing: str, packed: bytes, words: str) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: %s\r\ncontent-length: %d\r\n\r\n" % (packing.encode(), len(packed))
    async with _Server(_Talk([[head + packed]])) as server, HttpClient() as client:
        with pytest.raises(HttpError, match=words) as caught:
            await (await client.send("POST", server.url, {}, b"hi", connect_seconds=5)).read()
        assert caught.value.trouble is Trouble.PROTOCOL


async def test_an_answer_that_is_not_read_to_its_end_holds_no_connection() -> None:
    """Nobody closes an exchange that he never got, or whose reading raised."""
    unknown = b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 9\r\n\r\nx"
    stuck = _MEASURED % (9, b"x")
    talks = _Talk([[unknown]]), _Talk([[stuck]]), _Talk([[stuck]], ends=True)
    async with _Server(*talks) as server, HttpClient() as client:
        with pytest.raises(HttpError, match="'br'"):
            await client.send("POST", server.url, {}, b"hi", connect_seconds=5)
        await server.left()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await (await client.send("POST", server.url, {}, b"hi", connect_seconds=5)).read()
        await server.left()
        with suppress(HttpError):
            await (await client.send("POST", server.url, {}, b"hi", connect_seconds=5)).read()
        gc.collect()
        assert not [found for found in gc.get_objects() if isinstance(found, HttpConnection)]


@pytest.mark.parametrize("reads", [False, True])
async def test_an_answer_that_ends_with_its_connection_is_not_whole_when_the_client_closes(*, reads: bool) -> None:
    async with _Server(_Talk([[b"HTTP/1.1 200 OK\r\n\r\nhal"]])) as server:
        async with HttpClient() as client:
            exchange = await client.send("POST", server.url, {}, b"hi", connect_seconds=5)
            assert await exchange.piece() == b"hal"
            reading = asyncio.ensure_future(exchange.read())
            await asyncio.sleep(0.05 if reads else 0)
        with pytest.raises(HttpError, match="cut"):
            await reading


async def test_a_connection_that_no_request_takes_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_pool, "_IDLE_SECONDS", 0.05)
    async with _Server(*[_Talk([[_MEASURED % (2, b"ok")]])] * 2) as server, HttpClient() as client:
        for _ in range(2):
            exchange = await client.send("POST", server.url, {}, b"hi", connect_seconds=5)
            assert await exchange.read() == b"ok"
            await server.left()
    assert server.connections == 2


async def test_requests_at_one_time_have_a_connection_each_and_the_client_closes_them_all() -> None:
    answer = [_MEASURED % (2, b"o")]  # the last byte never comes
    async with _Server(*[_Talk([answer])] * 3) as server:
        async with HttpClient() as client:
            for _ in range(3):
                exchange = await client.send("POST", server.url, {}, b"hi", connect_seconds=5)
                assert await exchange.piece() == b"o"
            assert server.connections == 3
        for _ in range(3):
            await server.left()


class _Talk(NamedTuple):
    """What is said on one connection: an answer in its pieces for each request, and what comes after the last."""

    answers: Sequence[Iterable[bytes]]
    unasked: bytes = b""
    ends: bool = False
    resets: bool = False


class _Server:
    """Has one talk after the other, each on the next connection. It waits for the other's end unless a talk says how it ends."""

    def __init__(self, *talks: _Talk) -> None:
        self._talks = iter(talks)
        self._left = asyncio.Semaphore(0)
        self._talking: list[asyncio.Task[None] | None] = []
        self.connections = 0
        self.sent = 0
        """Bytes of answers that the system has taken."""
        self.url = ""

    async def left(self) -> None:
        """Until one more connection has ended, at whichever end."""
        await self._left.acquire()

    async def __aenter__(self) -> Self:
        self._limit = asyncio.timeout(30)
        await self._limit.__aenter__()
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        await asyncio.gather(*filter(None, self._talking))
        await self._limit.__aexit__(None, None, None)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._talking.append(asyncio.current_task())
        self.connections += 1
        talk = next(self._talks)
        try:
            for answer in talk.answers:
                await reader.readuntil(b"\r\n\r\nhi")
                for piece in answer:
                    writer.write(piece)
                    await writer.drain()
                    self.sent += len(piece)
                    await asyncio.sleep(0)
            if talk.unasked:
                await asyncio.sleep(0.05)  # not in one piece with the answer
                writer.write(talk.unasked)
            if talk.resets:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            if not talk.ends:
                await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()
            self._left.release()
