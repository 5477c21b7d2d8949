"""The way back to the caller: one ASGI response, written once, with keepalives while nothing else goes out."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from llmgateway.kit.asgi import Receive, Send

Headers = Sequence[tuple[str, str]]

_JSON = (b"content-type", b"application/json")
_SSE = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
_CONTROLS_AS_SPACES = bytes(32 if code < 32 or code == 127 else code for code in range(256))
"""A table for `bytes.translate` that puts a space in place of every control character."""
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")
"""Answers hold what models write: no browser may take one for a page."""


UNREAD_SECONDS: Final = 300.0
"""A caller who reads nothing of a stream for so long counts as gone, or it would hold the provider's connection for good."""


async def _at_once() -> None:
    """There is nothing to wait for."""


class Reply:
    """Writes either one whole body or one stream. It knows nothing of dialects."""

    __slots__ = (
        "_begun",
        "_id_lines",
        "_keepalive",
        "_offered_at",
        "_said_at",
        "_send",
        "_starting",
        "left",
        "request_id",
        "started",
        "until_unneeded",
    )  # fmt: skip

    def __init__(self, send: Send, request_id: str, *, id_names: Sequence[bytes] = (b"x-request-id",)) -> None:
        """`id_names` are the headers that carry the request's id; each SDK has its own name for it."""
        self._send = send
        self.request_id = request_id
        self._id_lines = [(name, request_id.encode()) for name in id_names]
        self._begun = False
        """Whether the status is being sent, or was."""
        self.started = False
        """Whether the status was sent."""
        self.left = False
        """Whether the caller is gone."""
        self.until_unneeded: Callable[[], Awaitable[None]] = _at_once
        """When the caller has left, waits until nobody else needs the answer: only then the journey is cancelled."""
        self._said_at = -math.inf
        """When the last piece of a stream went out, in monotonic seconds."""
        self._offered_at: float | None = None
        """When the piece was handed to the server that it has no room for yet, in monotonic seconds."""
        self._starting: asyncio.TimerHandle | None = None
        self._keepalive: asyncio.Task[None] | None = None

    async def whole(
        self, status: int, body: bytes, headers: Headers = (), *, content_type: str = "application/json"
    ) -> None:
        """Send a whole answer."""
        kind = _JSON if content_type == "application/json" else (b"content-type", content_type.encode())
        await self._begin(status, [kind, (b"content-length", str(len(body)).encode()), *self._lines(headers)])
        await self._end(body)

    async def start_stream(self, headers: Headers = ()) -> None:
        """Send the status and headers of an event stream, unless they were sent already."""
        if not self._begun:
            await self._begin(200, [*_SSE, *self._lines(headers)])

    async def piece(self, body: bytes) -> None:
        """Send the next bytes of a stream; nothing for none."""
        if body:
            self._said_at = self._offered_at = time.monotonic()
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
            self._offered_at = None

    @property
    def unread_seconds(self) -> float:
        """For how long the server has had no room for the last piece, because the caller reads nothing."""
        return 0.0 if self._offered_at is None else time.monotonic() - self._offered_at

    async def end_stream(self, body: bytes = b"") -> None:
        """Send the last bytes of a stream."""
        await self._end(body)

    async def break_off(self) -> None:
        """Break the connection: an unfinished answer makes the server close it. Starts one that promises a body if need be."""
        if not self._begun:
            await self._begin(200, [_JSON, (b"content-length", b"1000"), *self._lines(())])

    def keep_alive(self, seconds: float, body: bytes, headers: Headers) -> None:
        """Until `stop_keepalive`, send `body` whenever nothing else went out for `seconds`; the first one starts the stream."""
        loop = asyncio.get_running_loop()

        def begin() -> None:
            self._keepalive = loop.create_task(self._pulse(seconds, body, headers))

        self._starting = loop.call_later(seconds, begin)

    async def stop_keepalive(self) -> None:
        """End the keepalive; after this nobody else writes."""
        if self._starting is not None:
            self._starting.cancel()
            self._starting = None
        if self._keepalive is not None:
            keepalive, self._keepalive = self._keepalive, None
            keepalive.cancel()
            await asyncio.wait([keepalive])

    async def _pulse(self, seconds: float, body: bytes, headers: Headers) -> None:
        await self.start_stream(headers)
        while True:
            quiet = time.monotonic() - self._said_at
            if quiet >= seconds:
                await self.piece(body)
                quiet = 0.0
            await asyncio.sleep(seconds - quiet)

    async def _begin(self, status: int, head: Sequence[tuple[bytes, bytes]]) -> None:
        self._begun = True
        await self._send({"type": "http.response.start", "status": status, "headers": head})
        self.started = True

    async def _end(self, body: bytes) -> None:
        self._offered_at = time.monotonic()
        await self._send({"type": "http.response.body", "body": body})
        self._offered_at = None

    def _lines(self, headers: Headers) -> list[tuple[bytes, bytes]]:
        lines = [*self._id_lines, _NO_SNIFFING]
        # No server refuses such a value, and none ends a line: names of models come from callers and providers.
        lines += [
            (name.encode("latin-1"), value.encode("ascii", "backslashreplace").translate(_CONTROLS_AS_SPACES))
            for name, value in headers
        ]
        return lines


async def departure(receive: Receive, reply: Reply, *, patience: float = UNREAD_SECONDS) -> None:
    """Wait until the caller is gone: it closed the connection, or read nothing of a stream for `patience` seconds."""
    while True:
        try:
            async with asyncio.timeout(patience / 4):
                message = await receive()
        except TimeoutError:
            if reply.unread_seconds < patience:
                continue
            break
        if message["type"] == "http.disconnect":
            break
    reply.left = True
