"""HTTP/1.1 on one connection to a server: a request is written, its answer is read, and then comes the next.

Bytes are parsed by httptools, as uvicorn does for what callers send. What comes unasked, and what is no HTTP, ends the connection.
"""

import asyncio
from typing import Final, Protocol, runtime_checkable

import httptools
from aiohttp.connector import Connection

_AHEAD: Final = 1 << 18
"""Bytes of an answer that are read before anybody asks for them."""
_JOINED: Final = 1 << 16
"""A body of up to so many bytes is sent in one piece with its head; of a larger one so many are handed over at a time."""
_MOST_AROUND: Final = 1 << 16
"""Bytes of a head, or of what stands around the body, that are read before an answer is given up."""
_SWITCHING: Final = 101
_STALE_SECONDS: Final = 1.0
"""A kept connection that ends within so long after a request, without a byte, had ended before the server had the request."""
_LENIENT: Final = {
    "lenient_headers": True,
    "lenient_optional_cr_before_lf": True,
    "lenient_spaces_after_chunk_size": True,
}
"""What servers get wrong and every client reads nevertheless."""


@runtime_checkable
class _Secured(Protocol):
    """A transport of TLS, which reads ahead of whom it serves."""

    def set_read_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...


class NotHttp(Exception):
    """What the server sent is no answer."""


class HttpConnection(asyncio.Protocol):
    """A connection that aiohttp opened. `ask` begins an exchange, `head` waits for its answer; its body is `taken` as it comes."""

    __slots__ = (
        "_around", "_asked", "_asked_at", "_begun", "_full", "_held", "_informs", "_keeps", "_loop", "_lost", "_opened", "_parser",
        "_paused", "_pieces", "_rested", "_transport", "_trouble", "_unsent", "_waiting", "ended", "headers", "server", "status",
    )  # fmt: skip

    def __init__(self, server: str, opened: Connection) -> None:
        """`server` is whatever its owner calls the other end. Raises ConnectionResetError where it was closed meanwhile."""
        self.server = server
        transport = opened.transport
        if transport is None or transport.is_closing():
            opened.close()
            raise ConnectionResetError("it was closed as soon as it was open")
        self._opened = opened
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(**_LENIENT)
        self._waiting: asyncio.Future[None] | None = None
        self._trouble: Exception | None = None
        self._asked = self._begun = self._informs = self._keeps = self._paused = self._lost = self._full = False
        self._around = self._held = 0
        self._rested = self._asked_at = 0.0
        self._pieces: list[bytes] = []
        self._unsent = memoryview(b"")
        """The end of a large body, until the transport takes it: what TLS has taken it no longer tells to be unsent."""
        self.ended = True
        """All of the answer has come."""
        self.status = 0
        self.headers: dict[str, str] = {}
        """Names in lower case."""
        transport.set_protocol(self)

    @property
    def alive(self) -> bool:
        return not self._lost and not self._transport.is_closing()

    @property
    def keeps(self) -> bool:
        """Another request may follow: the answer is whole, so is the request, and the server did not say that it closes."""
        unsent = self._unsent or self._full
        return self.ended and self._keeps and self.alive and not unsent and not self._transport.get_write_buffer_size()

    @property
    def _measured(self) -> bool:
        """The answer says where its body ends; else it ends with the connection."""
        return "content-length" in self.headers or "chunked" in self.headers.get("transfer-encoding", "").lower()

    @property
    def stale(self) -> bool:
        """It was kept, and the server had closed it before the request came: nobody works on that."""
        silent = not self._begun and not self._around
        return silent and self._rested > 0 and self._loop.time() - self._asked_at < _STALE_SECONDS

    def ask(self, head: bytes, body: bytes) -> None:
        """Write a request. Whatever of the answer before was not read is forgotten."""
        self._asked, self._begun, self.ended = True, False, False
        self._asked_at = self._loop.time()
        self._around = self._held = 0
        self._pieces = []
        self.headers = {}
        if len(body) <= _JOINED:
            self._transport.write(head + body)
        else:
            self._transport.set_write_buffer_limits(high=1, low=0)
            self._transport.write(head)
            self._unsent = memoryview(body)
            self._write_on()

    def rest(self) -> None:
        """Stay open for the next request."""
        self._asked = False
        self._rested = self._loop.time()
        if self._paused:
            self._resume()

    def rested(self, seconds: float) -> bool:
        """Whether it has rested for so long."""
        return self._loop.time() - self._rested >= seconds

    async def head(self) -> None:
        """Until `status` and `headers` are there. Raises NotHttp and OSError."""
        while not self._begun:
            await self.news()

    def taken(self) -> bytes:
        """The bytes of the body that have come since; empty where none have: wait for `news`, or the answer has `ended`."""
        pieces = self._pieces
        if not pieces:
            return b""
        self._pieces = []
        self._held = 0
        if self._paused:
            self._resume()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def news(self) -> asyncio.Future[None]:
        """Until more of the answer comes, or it ends; the future itself never fails. Raises NotHttp and OSError for what came before."""
        if self._trouble is not None:
            raise self._trouble
        self._waiting = self._loop.create_future()
        return self._waiting

    def close(self) -> None:
        """At once, whatever is under way on it."""
        if not self.ended and self._trouble is None:
            self._trouble = ConnectionResetError("it was closed here")
        self._unsent = memoryview(b"")
        self._transport.abort()
        self._opened.close()

    def _pause(self) -> None:
        """Read no more for now, and nothing below TLS: uvloop forgets what it has not handed over yet when it reads the end."""
        self._paused = True
        self._transport.pause_reading()
        if isinstance(self._transport, _Secured):
            self._transport.set_read_buffer_limits(0)

    def _resume(self) -> None:
        self._paused = False
        if self.alive:
            self._transport.resume_reading()
            self._loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        """Below TLS too: what it held back has been handed over by now."""
        if isinstance(self._transport, _Secured) and self.alive and not self._paused:
            self._transport.set_read_buffer_limits()

    def _write_on(self) -> None:
        while self._unsent and not self._full:
            part, self._unsent = self._unsent[:_JOINED], self._unsent[_JOINED:]
            self._transport.write(part)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _fail(self, trouble: Exception) -> None:
        """Nobody hears of it whose answer is whole."""
        self._trouble = trouble
        self.close()

    # What the transport tells.

    def data_received(self, data: bytes) -> None:
        if not self._asked:
            self.close()
            return
        self._around += len(data)
        self._held += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(NotHttp(f"the answer is not HTTP: {error}"))
        if self._around > _MOST_AROUND:
            self._fail(NotHttp("the head of the answer has no end"))
        if self._held > _AHEAD and self._pieces and not self._paused and self.alive:
            self._pause()
        self._wake()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._write_on()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._unsent = memoryview(b"")
        if self._trouble is None and exc is None and self._begun and not self._measured:
            self.ended = True
        elif not self.ended and self._trouble is None:
            self._trouble = ConnectionResetError("the answer is not whole" if exc is None else str(exc))
        self._opened.close()
        self._wake()

    # What the parser tells. Hints (1xx) come before an answer, trailers after it: neither is one.

    def on_message_begin(self) -> None:
        if self.ended:
            self._keeps = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._begun:
            self.headers[name.decode("latin-1").lower()] = value.decode("utf-8", "surrogateescape")

    def on_headers_complete(self) -> None:
        if self._begun:
            return
        status = self._parser.get_status_code()
        self._informs = status < 200 and status != _SWITCHING
        if self._informs:
            self.headers = {}
            return
        self.status = status
        self._keeps = self._parser.should_keep_alive()
        self._begun = True

    def on_body(self, body: bytes) -> None:
        self._around = 0
        if self._begun and not self.ended:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        if not self._informs:
            self.ended = True
