"""The way back to the caller: one ASGI response, written once, with a keepalive while nothing comes."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from llmgateway.dataplane.body import Receive

Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = Sequence[tuple[str, str]]

_JSON = (b"content-type", b"application/json")
_SSE = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
_SPACES = bytes(32 if code < 32 or code == 127 else code for code in range(256))
"""For control characters."""
_AS_SAID = (b"x-content-type-options", b"nosniff")
"""An answer holds what models say: no browser may take it for a page."""


UNREAD_SECONDS: Final = 300.0
"""Who takes nothing of a stream for so long would hold its provider's connection for good."""


async def _at_once() -> None:
    """Nobody does."""


class Reply:
    """Writes either one whole body or a stream. Knows nothing of dialects."""

    __slots__ = (
        "_beat", "_beating", "_begun", "_id_lines", "_offered_at", "_said_at", "_send", "left", "request_id", "started", "unneeded",
    )  # fmt: skip

    def __init__(self, send: Send, request_id: str, *, id_names: Sequence[bytes] = (b"x-request-id",)) -> None:
        """`id_names` are the headers that carry the id: SDKs look for it under their own."""
        self._send = send
        self.request_id = request_id
        self._id_lines = [(name, request_id.encode()) for name in id_names]
        self._begun = False
        """Somebody sends the status."""
        self.started = False
        """The status is out."""
        self.left = False
        """The caller is gone: nobody reads on."""
        self.unneeded: Callable[[], Awaitable[None]] = _at_once
        """Until the answer is of no more use to anybody else."""
        self._said_at = -math.inf
        """Monotonic seconds: when the last piece of a stream went out."""
        self._offered_at: float | None = None
        """Monotonic seconds: when a piece was offered for which there is no room yet."""
        self._beating: asyncio.TimerHandle | None = None
        self._beat: asyncio.Task[None] | None = None

    async def whole(
        self, status: int, body: bytes, headers: Headers = (), *, content_type: str = "application/json"
    ) -> None:
        """A whole body."""
        kind = _JSON if content_type == "application/json" else (b"content-type", content_type.encode())
        await self._begin(status, [kind, (b"content-length", str(len(body)).encode()), *self._lines(headers)])
        await self._end(body)

    async def start_stream(self, headers: Headers = ()) -> None:
        """Status and headers of an event stream, once."""
        if not self._begun:
            await self._begin(200, [*_SSE, *self._lines(headers)])

    async def piece(self, body: bytes) -> None:
        """More of the stream."""
        if body:
            self._said_at = self._offered_at = time.monotonic()
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
            self._offered_at = None

    @property
    def unread_seconds(self) -> float:
        """How long the caller has taken nothing of a piece that is there for it."""
        return 0.0 if self._offered_at is None else time.monotonic() - self._offered_at

    async def end_stream(self, body: bytes = b"") -> None:
        """The last bytes of the stream."""
        await self._end(body)

    async def break_off(self) -> None:
        """Promise more than will ever come: the server closes a connection whose answer is left unfinished."""
        if not self._begun:
            await self._begin(200, [_JSON, (b"content-length", b"1000"), *self._lines(())])

    def keep_alive(self, seconds: float, body: bytes, headers: Headers) -> None:
        """From now on until `hush`, whenever nothing goes out for `seconds`, start the stream if need be and send `body`."""
        loop = asyncio.get_running_loop()

        def begin() -> None:
            self._beat = loop.create_task(self._pulse(seconds, body, headers))

        self._beating = loop.call_later(seconds, begin)

    async def hush(self) -> None:
        """End the keepalive; after this nobody else writes."""
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None
        if self._beat is not None:
            beat, self._beat = self._beat, None
            beat.cancel()
            await asyncio.wait([beat])

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
        lines = [*self._id_lines, _AS_SAID]
        # No server refuses such a value, and none ends a line: names of models come from callers and providers.
        lines += [
            (name.encode("latin-1"), value.encode("ascii", "backslashreplace").translate(_SPACES))
            for name, value in headers
        ]
        return lines


async def departure(receive: Receive, reply: Reply, *, patience: float = UNREAD_SECONDS) -> None:
    """Until the caller is gone; one who takes nothing of a stream for so many seconds is."""
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
