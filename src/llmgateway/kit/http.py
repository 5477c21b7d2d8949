"""HTTP to the outside. Its caller times each phase, and leaving an answer before its end closes its connection.

A request that meets a kept connection in the moment in which the server closes it goes out again on another one.
It follows no redirects, keeps no cookies, reads no proxies from the environment, and judges no answer. aiohttp opens the connections
(names, addresses, TLS); what is said on them is ours, at a sixth less CPU of a whole request than with aiohttp's session (ADR 10).
"""

import asyncio
import ssl
from collections.abc import Mapping
from enum import Enum
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

import aiohttp
from yarl import URL

from llmgateway.kit.egress import AddressRefused, GuardedResolver, check_url
from llmgateway.kit.http_connection import HttpConnection, NotHttp
from llmgateway.kit.http_pool import HttpPool
from llmgateway.kit.unpacking import NotPacked, Unpacker

_AGENT: Final = "llmgateway"
"""The User-Agent: tells providers who asks."""
_MOST_BYTES: Final = 256 << 20
"""Bytes of one unpacked answer that may be held in memory: more than any request's vectors or pictures need."""
_MOST_GUARDED: Final = 64 << 20
"""The same for a guarded client, where a tenant chose the server."""
_REMEMBERED: Final = 1024
"""URLs whose request lines and headers are kept."""
_MOST_STALE: Final = 3
"""Kept connections that one request may find closed by the server; after them it opens one."""
_PLAIN: Final = frozenset({"", "identity"})
"""Packed in no way."""
_TROUBLES: Final = (aiohttp.ClientError, ssl.SSLError, OSError, TimeoutError, ValueError, NotHttp, NotPacked)
"""What opening connections, and what comes on them, raise."""


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
        """The rest of the body, and the end of the exchange. Raises HttpError, also when that is more than `most` bytes."""
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
    """Tells aiohttp which server an address is of, and how every head begins; never sent itself. It asks for nothing packed."""

    DEFAULT_HEADERS: Final = {aiohttp.hdrs.ACCEPT: "*/*"}


class _Address(NamedTuple):
    """What all requests to a URL have in common."""

    host: _Host
    server: str
    """Whose idle connections serve it."""
    path: str
    """The request line after the method."""
    always: tuple[tuple[str, str], ...]
    """(name in lower case, line) of the headers that a request has unless it brings its own."""


class HttpClient:
    """The transport that uses the network. A guarded one reaches only the public internet, and only by https."""

    def __init__(self, *, guarded: bool = False) -> None:
        self._guarded = guarded
        resolver = GuardedResolver() if guarded else None
        self._opener = aiohttp.TCPConnector(limit=0, ttl_dns_cache=60, force_close=True, resolver=resolver)
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}
        self._addresses: dict[str, _Address] = {}
        self._pool = HttpPool()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()
        await self._opener.close()
        await asyncio.sleep(0)  # sockets are closed a turn later

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, connect_seconds: float
    ) -> Exchange:
        if self._guarded:
            try:
                check_url(url)
            except AddressRefused as error:
                raise HttpError(Trouble.CONNECT, str(error)) from error
        try:
            address = self._address(url)
            head = _head(method, address, headers, len(body))
            connection = await self._answered(address, head, body, connect_seconds)
            return self._exchange(connection)
        except _TROUBLES as error:
            raise _trouble(error) from error

    async def _answered(self, address: _Address, head: bytes, body: bytes, connect_seconds: float) -> HttpConnection:
        """Send a request; the connection on which the head of its answer has come."""
        stale = 0
        while True:
            kept = self._pool.take(address.server) if stale < _MOST_STALE else None
            connection = kept or await self._open(address, connect_seconds)
            answered = False
            try:
                connection.ask(head, body)
                await connection.head()
            except ConnectionResetError:
                if not connection.stale:
                    raise
                stale += 1
            else:
                answered = True
                return connection
            finally:
                if not answered:
                    self._pool.put(connection)

    def _exchange(self, connection: HttpConnection) -> Exchange:
        """Raises NotPacked for what is packed in a way that is not known here."""
        most = _MOST_GUARDED if self._guarded else _MOST_BYTES
        packing = connection.headers.get("content-encoding", "").lower()
        if packing in _PLAIN:
            return _Exchange(self._pool, connection, most)
        return _PackedExchange(self._pool, connection, most, packing)

    async def _open(self, address: _Address, connect_seconds: float) -> HttpConnection:
        timeout = self._timeouts.get(connect_seconds)
        if timeout is None:
            timeout = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=connect_seconds)
            self._timeouts[connect_seconds] = timeout
        opened = await self._opener.connect(address.host, [], timeout)
        return self._pool.add(HttpConnection(address.server, opened))

    def _address(self, url: str) -> _Address:
        found = self._addresses.get(url)
        if found is None:
            exact = URL(url, encoded=True)  # unchanged, %3A and all: signatures cover it
            host = _Host("GET", exact, headers={"User-Agent": _AGENT}, loop=asyncio.get_running_loop())
            always = tuple((name.lower(), f"{name}: {value}\r\n") for name, value in host.headers.items())
            server = f"{exact.scheme}://{exact.host}:{exact.port}"
            found = _Address(host, server, f" {exact.raw_path_qs} HTTP/1.1\r\n", always)
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


class _Exchange:
    __slots__ = ("_connection", "_pool", "headers", "most", "status")

    def __init__(self, pool: HttpPool, connection: HttpConnection, most: int) -> None:
        self._pool = pool
        self._connection: HttpConnection | None = connection
        self.most = most
        self.status = connection.status
        self.headers: Mapping[str, str] = connection.headers

    async def read(self) -> bytes:
        pieces: list[bytes] = []
        room = self.most
        try:
            while piece := await self.piece():
                pieces.append(piece)
                room -= len(piece)
                if room < 0:
                    raise HttpError(Trouble.PROTOCOL, "the answer has no end")
        finally:
            self.close()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def piece(self) -> bytes:
        connection = self._connection
        if connection is None:
            return b""
        try:
            while not (piece := connection.taken()) and not connection.ended:
                await connection.news()
        except _TROUBLES as error:
            self.close()
            raise _trouble(error) from error
        if connection.ended:
            self.close()
        return piece

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.put(connection)


class _PackedExchange(_Exchange):
    __slots__ = ("_unpacker",)

    def __init__(self, pool: HttpPool, connection: HttpConnection, most: int, packing: str) -> None:
        """Raises NotPacked for what is packed in a way that is not known here."""
        super().__init__(pool, connection, most)
        try:
            self._unpacker = Unpacker(packing)
        except NotPacked:
            self.close()
            raise

    async def piece(self) -> bytes:
        try:
            while not (piece := self._unpacker.unpack()):
                packed = await super().piece()
                if not packed:
                    self._unpacker.end()
                    break
                self._unpacker.feed(packed)
        except NotPacked as error:
            self.close()
            raise _trouble(error) from error
        return piece


def _trouble(error: Exception) -> HttpError:
    words = str(error) or type(error).__name__
    if isinstance(error, aiohttp.ConnectionTimeoutError | TimeoutError):
        return HttpError(Trouble.CONNECT_TIMEOUT, f"no connection in time: {words}")
    if isinstance(error, aiohttp.ClientError | ssl.SSLError):
        return HttpError(Trouble.CONNECT, words)
    if isinstance(error, OSError):
        return HttpError(Trouble.RESET, f"the connection was cut: {words}")
    return HttpError(Trouble.PROTOCOL, words)
