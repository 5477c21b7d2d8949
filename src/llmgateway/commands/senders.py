"""What whoever sends a request may make this process hold: heads have an end, and who sends hardly anything is sent away."""

from collections.abc import Collection
from typing import Any, Final, cast

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_LONGEST_HEAD: Final = 64 * 1024
"""Bytes that come without the end of a head or a piece of a body: what is whole is held to 32 KiB, with an answer in the
caller's dialect."""
_PATIENCE: Final = 60.0
"""Seconds in which a head is there, and before a body is looked at."""
_LEAST_PACE: Final = 1024
"""Bytes a second of a body, since its head was there."""
_TOO_LONG: Final = (431, "headers_too_large", "The request's headers are over 32 KiB. Send fewer or shorter ones.")
_TOO_SLOW: Final = (
    408,
    "request_timeout",
    "The request came too slowly: its headers within a minute, its body at 1 KiB a second or more. Send it again.",
)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, whose parser would keep a head or a trailer without end."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._kept = 0
        """Bytes in the parser that no request has yet, at most."""
        self.came = 0
        """Bytes since the last head was there."""

    def data_received(self, data: bytes) -> None:
        self._kept += len(data)
        super().data_received(data)
        self.came += len(data)
        if self._kept > _LONGEST_HEAD:
            self.refuse(*_TOO_LONG)

    def on_headers_complete(self) -> None:
        self._kept = self.came = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._kept = 0
        super().on_body(body)

    @property
    def awaited(self) -> object | None:
        """What the sender has still to send: a body, by its request, or a head, by the request before it. None when nothing."""
        if self.timeout_keep_alive_task is not None:
            return None  # between two requests: uvicorn counts the seconds
        cycle = cast("Any", self.cycle)  # None before the first request
        if cycle is None:
            return self
        return cycle if cycle.response_complete or cycle.more_body else None

    @property
    def awaits_body(self) -> bool:
        cycle = cast("Any", self.cycle)
        return cycle is not None and not cycle.response_complete

    def refuse(self, status: int, code: str, message: str) -> None:
        """Say why to whoever has begun to ask and was told nothing else, and hang up."""
        if self.transport.is_closing():
            return
        begun = self._kept > 0 or self.awaits_body  # else it was opened in advance, or is answered
        if begun and not (self.awaits_body and self.cycle.response_started):
            error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
            body = msgspec.json.encode({"error": error})
            head = f"HTTP/1.1 {status} \r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()


class SlowSenders:
    """Who is waited for, and since when; asked every few seconds, so that no request pays for it."""

    def __init__(self) -> None:
        self._since: dict[BoundedProtocol, tuple[object, float]] = {}

    def send_away(self, connections: Collection[Any], now: float) -> None:
        """Those that were waited for too long. `now` is in monotonic seconds."""
        since: dict[BoundedProtocol, tuple[object, float]] = {}
        for connection in list(connections):
            if not isinstance(connection, BoundedProtocol) or (awaited := connection.awaited) is None:
                continue
            begun = self._since.get(connection)
            begun = (awaited, now) if begun is None or begun[0] is not awaited else begun
            seconds = now - begun[1]
            paces = connection.awaits_body and connection.came >= seconds * _LEAST_PACE
            if seconds > _PATIENCE and not paces:
                connection.refuse(*_TOO_SLOW)
            else:
                since[connection] = begun
        self._since = since
