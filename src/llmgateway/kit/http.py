"""HTTP to the outside on aiohttp's pool of connections. Its caller times each phase, and leaving an answer closes its connection.

It follows no redirects, keeps no cookies, reads no proxies from the environment, and judges no answer. Pool, TLS, names and parser
are aiohttp's; its session, with a request and a response object for each, would cost a ninth of the CPU of a request (ADR 5).
"""

import asyncio
import ssl
from collections.abc import Mapping
from enum import Enum
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawResponseMessage
from yarl import URL

from llmgateway.kit.egress import AddressRefused, GuardedResolver, check_url

_AGENT: Final = "llmgateway"
"""The User-Agent: tells providers who asks."""
_MOST_BYTES: Final = 256 << 20
"""Bytes of one unpacked answer that may be held in memory: more than any request's vectors or pictures need."""
_MOST_GUARDED: Final = 64 << 20
"""The same for a guarded client, where a tenant chose the server."""
_AHEAD: Final = 1 << 18
"""Bytes of an answer that are read before anybody asks for them."""
_JOINED: Final = 1 << 16
"""A body of up to so many bytes is sent in one piece with its head; a larger one is not copied for it."""
_REMEMBERED: Final = 1024
"""URLs whose request lines and headers are kept."""
_SWITCHING: Final = 101


class Trouble(Enum):
    """What went wrong before or while an answer came."""

    CONNECT = "connect"
    """No connection: refused, DNS, TLS."""
    CONNECT_TIMEOUT = "connect timeout"
    RESET = "reset"
    """The connection ended when an answer, or more of it, was due."""
    PROTOCOL = "protocol"
    """The answer is not HTTP."""


class HttpError(Exception):
    """The exchange failed on the way. An answer with an error status is not an HttpError."""

    def __init__(self, trouble: Trouble, message: str) -> None:
        super().__init__(message)
        self.trouble = trouble
        self.message = message


class Exchange(Protocol):
    """An answer whose head has come and whose body may still be coming."""

    @property
    def most(self) -> int:
        """How many of its bytes may be held in memory at one time."""
        ...

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""
        ...

    async def read(self) -> bytes:
        """The rest of the body. Raises HttpError, also when that is more than `most` bytes."""
        ...

    async def piece(self) -> bytes:
        """The next bytes of the body, empty at its end. `most` does not limit their sum. Raises HttpError."""
        ...

    def close(self) -> None:
        """Leave the exchange. A body that was read to its end leaves the connection for reuse; else it is closed at once."""
        ...


class Transport(Protocol):
    """A way to send a request and get an exchange."""

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, connect_seconds: float
    ) -> Exchange:
        """Send and wait for the answer's head. Raises HttpError."""
        ...


class _Host(aiohttp.ClientRequest):
    """Tells the pool which server an address is of, and how every head begins; never sent itself. It asks for nothing packed."""

    DEFAULT_HEADERS: Final = {aiohttp.hdrs.ACCEPT: "*/*"}


class _Address(NamedTuple):
    """What all requests to a URL have in common."""

    host: _Host
    path: str
    """The request line after the method."""
    always: tuple[tuple[str, str], ...]
    """(name in lower case, line) of the headers that a request has unless it brings its own."""


class HttpClient:
    """The transport that uses the network. A guarded one reaches only the public internet, and only by https."""

    def __init__(self, *, guarded: bool = False) -> None:
        self._guarded = guarded
        resolver = GuardedResolver() if guarded else None
        self._pool = aiohttp.TCPConnector(limit=0, ttl_dns_cache=60, keepalive_timeout=30, resolver=resolver)
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}
        self._addresses: dict[str, _Address] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.close()

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, connect_seconds: float
    ) -> Exchange:
        timeout = self._timeouts.get(connect_seconds)
        if timeout is None:
            timeout = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=connect_seconds)
            self._timeouts[connect_seconds] = timeout
        if self._guarded:
            try:
                check_url(url)
            except AddressRefused as error:
                raise HttpError(Trouble.CONNECT, str(error)) from error
        try:
            address = self._address(url)
            head = _head(method, address, headers, len(body))
            connection = await self._pool.connect(address.host, [], timeout)
            message, content = await _answered(connection, head, body)
        except (aiohttp.ClientError, HttpProcessingError, ssl.SSLError, OSError, TimeoutError, ValueError) as error:
            raise _trouble(error) from error
        return _Exchange(connection, message, content, _MOST_GUARDED if self._guarded else _MOST_BYTES)

    def _address(self, url: str) -> _Address:
        found = self._addresses.get(url)
        if found is None:
            exact = URL(url, encoded=True)  # unchanged, %3A and all: signatures cover it
            host = _Host("GET", exact, headers={"User-Agent": _AGENT}, loop=asyncio.get_running_loop())
            always = tuple((name.lower(), f"{name}: {value}\r\n") for name, value in host.headers.items())
            found = _Address(host, f" {exact.raw_path_qs} HTTP/1.1\r\n", always)
            if len(self._addresses) >= _REMEMBERED:
                self._addresses.clear()
            self._addresses[url] = found
        return found


def _head(method: str, address: _Address, headers: Mapping[str, str], length: int) -> bytes:
    """The request before its body. Raises ValueError where a header would end its line."""
    own = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if own.count("\n") != len(headers) or own.count("\r") != len(headers) or "\0" in own:
        raise ValueError("a header of the request holds the end of a line")
    named = {name.lower() for name in headers}
    lines = [method, address.path, *[line for name, line in address.always if name not in named], own]
    if length and "content-type" not in named:
        lines.append("Content-Type: application/octet-stream\r\n")
    if length or method != "GET":
        lines.append(f"Content-Length: {length}\r\n")
    lines.append("\r\n")
    return "".join(lines).encode()


async def _answered(
    connection: Connection, head: bytes, body: bytes
) -> tuple[RawResponseMessage, aiohttp.StreamReader]:
    """Send a request; the answer's head, and its body to come. Without them the connection is closed."""
    protocol, answered = connection.protocol, False
    try:
        if protocol is None or protocol.transport is None:
            raise aiohttp.ServerDisconnectedError
        protocol.set_response_params(read_until_eof=True, read_bufsize=_AHEAD)
        if len(body) <= _JOINED:
            protocol.transport.write(head + body)
        else:
            protocol.transport.write(head)
            protocol.transport.write(body)
        while True:
            message, content = await protocol.read()
            if message.code >= 200 or message.code == _SWITCHING:
                answered = True
                return message, content
    finally:
        if not answered:
            connection.close()


class _Exchange:
    __slots__ = ("_connection", "_content", "headers", "most", "status")

    def __init__(
        self, connection: Connection, message: RawResponseMessage, content: aiohttp.StreamReader, most: int
    ) -> None:
        self._connection: Connection | None = connection
        self._content = content
        self.most = most
        self.status = message.code
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in message.headers.items()}
        content.on_eof(self._ended)

    async def read(self) -> bytes:
        pieces: list[bytes] = []
        room = self.most
        while not self._content.at_eof():
            piece = await self.piece()
            pieces.append(piece)
            room -= len(piece)
            if room < 0:
                self.close()
                raise HttpError(Trouble.PROTOCOL, "the answer has no end")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def piece(self) -> bytes:
        try:
            return await self._content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise _trouble(error) from error

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _ended(self) -> None:
        """The pool may have the connection again, unless the answer came before all of the request was sent."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if connection.transport is not None and connection.transport.get_write_buffer_size():
            connection.close()
        else:
            connection.release()


def _trouble(error: Exception) -> HttpError:
    words = _words(error) or type(error).__name__
    if isinstance(error, aiohttp.ConnectionTimeoutError | TimeoutError):
        return HttpError(Trouble.CONNECT_TIMEOUT, f"no connection in time: {words}")
    if isinstance(error, aiohttp.ClientConnectorError | ssl.SSLError | aiohttp.InvalidURL):
        return HttpError(Trouble.CONNECT, words)
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError | OSError):
        return HttpError(Trouble.RESET, f"the connection was cut: {words}")
    return HttpError(Trouble.PROTOCOL, words)


def _words(error: Exception) -> str:
    """What went wrong, without what aiohttp writes around it: the whole URL, or the names of its own classes."""
    if isinstance(error, aiohttp.ClientResponseError):
        return error.message
    if isinstance(error, aiohttp.ClientPayloadError) and isinstance(error.__cause__, HttpProcessingError):
        return error.__cause__.message
    return str(error)
