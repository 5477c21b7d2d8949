"""HTTP to the outside: one pooled aiohttp session. Its caller times each phase, and leaving an answer closes its connection.

It follows no redirects, keeps no cookies, reads no proxies from the environment, and judges no answer.
"""

import ssl
from collections.abc import Mapping
from enum import Enum
from types import TracebackType
from typing import Final, Protocol, Self

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from llmgateway.kit.egress import AddressRefused, GuardedResolver, check_url

_AGENT: Final = "llmgateway"
"""The User-Agent: tells providers who asks."""
_MOST_BYTES: Final = 256 << 20
"""Bytes of one unpacked answer that may be held in memory: more than any request's vectors or pictures need."""
_MOST_GUARDED: Final = 64 << 20
"""The same for a guarded client, where a tenant chose the server."""


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


class _Request(aiohttp.ClientRequest):
    """A request without `Accept-Encoding`. Leaving it out by `skip_auto_headers` would copy all headers for every request."""

    DEFAULT_HEADERS: Final = {aiohttp.hdrs.ACCEPT: "*/*"}


class HttpClient:
    """The transport that uses the network. A guarded one reaches only the public internet, and only by https."""

    def __init__(self, *, guarded: bool = False) -> None:
        self._guarded = guarded
        resolver = GuardedResolver() if guarded else None
        connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=60, keepalive_timeout=30, resolver=resolver)
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            trust_env=False,
            headers={"User-Agent": _AGENT},
            request_class=_Request,
            read_bufsize=1 << 18,
        )
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

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
        exact = URL(url, encoded=True)  # unchanged, %3A and all: signatures cover it
        try:
            response = await self._session.request(
                method,
                exact,
                headers=headers,
                data=aiohttp.BytesPayload(body) if body else None,
                allow_redirects=False,
                timeout=timeout,
            )
        except (aiohttp.ClientError, ssl.SSLError, OSError, TimeoutError, ValueError) as error:
            raise _trouble(error) from error
        return _AiohttpExchange(response, _MOST_GUARDED if self._guarded else _MOST_BYTES)


class _AiohttpExchange:
    __slots__ = ("_response", "headers", "most", "status")

    def __init__(self, response: aiohttp.ClientResponse, most: int) -> None:
        self._response = response
        self.most = most
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}

    async def read(self) -> bytes:
        pieces: list[bytes] = []
        room = self.most
        while not self._response.content.at_eof():
            piece = await self.piece()
            pieces.append(piece)
            room -= len(piece)
            if room < 0:
                self.close()
                raise HttpError(Trouble.PROTOCOL, "the answer has no end")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def piece(self) -> bytes:
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise _trouble(error) from error

    def close(self) -> None:
        self._response.close()


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
