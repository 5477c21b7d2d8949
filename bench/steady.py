"""Load at a steady rate: so many requests a second are due whether or not the answers keep up, and each is timed from when it was due.

So a server that stalls cannot hide behind a client that waits for it. One request a connection at a time, connections kept alive.
"""

import asyncio
from array import array
from collections import deque
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import uvloop

from bench.canned import Request

_TICK = 0.001
_PATIENCE = 30.0
"""Seconds to wait for the last answers."""
MOST_CONNECTIONS = 2000


@dataclass(slots=True)
class Steady:
    """What the callers saw."""

    sent: int = 0
    failed: int = 0
    """Broken off, or not a 200."""
    seconds: float = 0.0
    times: "array[float]" = field(default_factory=lambda: array("f"))
    """Seconds from when a request was due to the end of its answer, of those that were answered."""
    examples: list[str] = field(default_factory=list[str])

    def quantile(self, share: float) -> float:
        """Milliseconds."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else 0.0

    @property
    def failed_share(self) -> float:
        return self.failed / max(1, self.sent)


def steady(url: str, request: Request, key: str, *, rate: float, seconds: float) -> Steady:
    """Ask at the rate for that long, then wait for what is still running."""
    return uvloop.run(_Caller(url, request, key).run(rate, seconds))


class _Caller:
    def __init__(self, url: str, request: Request, key: str) -> None:
        where = urlsplit(url)
        self._host, self._port = where.hostname or "", where.port or 80
        body = request.body.encode()
        head = f"POST {request.path} HTTP/1.1\r\nhost: {where.netloc}\r\ncontent-type: application/json\r\n"
        head += f"authorization: Bearer {key}\r\ncontent-length: {len(body)}\r\n\r\n"
        self.message = head.encode() + body
        self.seen = Steady()
        self.idle = list[_Connection]()
        self._due = deque[float]()
        self._opened = self.running = 0
        self._tasks = set[asyncio.Task[None]]()

    async def run(self, rate: float, seconds: float) -> Steady:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while (passed := loop.time() - begun) < seconds:
            while self.seen.sent < rate * passed:
                self._due.append(begun + self.seen.sent / rate)
                self.seen.sent += 1
            self.take()
            await asyncio.sleep(_TICK)
        deadline = loop.time() + _PATIENCE
        while (self._due or self.running) and loop.time() < deadline:
            self.take()
            await asyncio.sleep(_TICK)
        self.seen.seconds = loop.time() - begun
        for connection in self.idle:
            connection.leave()
        self.seen.failed = self.seen.sent - len(self.seen.times)
        return self.seen

    def take(self) -> None:
        """Give what is due to those who have nothing to do, and open connections for the rest."""
        waiting = self._due
        while waiting and self.idle:
            self.idle.pop().ask(waiting.popleft())
        for _ in range(min(len(waiting), MOST_CONNECTIONS - self._opened)):
            self._opened += 1
            self.running += 1
            task = asyncio.ensure_future(self._open(waiting.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open(self, due: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(lambda: _Connection(self), self._host, self._port)
        except OSError as error:
            self.gone(repr(error))
            return
        self.running -= 1
        connection.ask(due)

    def answered(self, due: float, now: float) -> None:
        self.running -= 1
        self.seen.times.append(now - due)

    def gone(self, why: str, *, asked: bool = True) -> None:
        """A connection is over; if it was asked, without an answer."""
        self._opened -= 1
        if asked:
            self.running -= 1
            if len(self.seen.examples) < 5:
                self.seen.examples.append(why)


class _Connection(asyncio.Protocol):
    """One kept-alive connection; it knows answers whose length is told."""

    def __init__(self, caller: _Caller) -> None:
        self._caller = caller
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._due: float | None = None
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's class derives from neither

    def ask(self, due: float) -> None:
        assert self._transport is not None
        self._due = due
        self._caller.running += 1
        self._transport.write(self._caller.message)

    def leave(self) -> None:
        """Nothing more is asked."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < _length(head):
            return
        due, self._due = self._due, None
        assert self._transport is not None
        if due is None or not head.startswith(b"HTTP/1.1 200 "):
            self._caller.gone(bytes(self._received[:300]).decode(errors="replace"), asked=due is not None)
            self._transport.abort()
            self._transport = None
            return
        self._received.clear()
        self._caller.answered(due, self._loop.time())
        if b"\nconnection: close" in head.lower():  # as nginx says after a thousand requests
            self._caller.gone("", asked=False)
            self.leave()
        else:
            self._caller.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is None:  # said already
            return
        self._transport = None
        if self in self._caller.idle:
            self._caller.idle.remove(self)
        self._caller.gone(f"the connection was closed: {exc!r}", asked=self._due is not None)


def _length(head: bytes | bytearray) -> int:
    for line in bytes(head).lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
