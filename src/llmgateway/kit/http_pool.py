"""The open connections to servers, and which of them wait for a next request."""

import asyncio
from typing import Final

from llmgateway.kit.http_connection import HttpConnection

_IDLE_SECONDS: Final = 30
"""How long a connection waits for a next request; one that no request takes is closed at most as long after that."""


class HttpPool:
    """As many connections as there are requests at one time; the one that was used last is used next."""

    def __init__(self) -> None:
        self._open: set[HttpConnection] = set()
        self._idle: dict[str, list[HttpConnection]] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    def take(self, server: str) -> HttpConnection | None:
        """One to this server that waits, if there is one."""
        idle = self._idle.get(server)
        while idle:
            connection = idle.pop()
            if connection.alive and not connection.rested(_IDLE_SECONDS):
                return connection
            self._close(connection)
        return None

    def add(self, connection: HttpConnection) -> HttpConnection:
        """A new one, for the request that opened it."""
        self._open.add(connection)
        return connection

    def put(self, connection: HttpConnection) -> None:
        """It waits for the next request, unless its exchange was left before its end, or its server closes it."""
        if not connection.keeps:
            self._close(connection)
            return
        connection.rest()
        idle = self._idle.get(connection.server)
        if idle is None:
            idle = self._idle[connection.server] = []
        idle.append(connection)
        if self._sweeping is None:
            self._sweep_later()

    def close(self) -> None:
        """All of them, whatever is under way."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._idle.clear()
        while self._open:
            self._open.pop().close()

    def _close(self, connection: HttpConnection) -> None:
        self._open.discard(connection)
        connection.close()

    def _sweep_later(self) -> None:
        self._sweeping = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Close what has waited too long, and forget servers to which nothing waits."""
        self._sweeping = None
        waiting, self._idle = self._idle, {}
        for server, connections in waiting.items():
            for connection in connections:
                if connection.alive and not connection.rested(_IDLE_SECONDS):
                    self._idle.setdefault(server, []).append(connection)
                else:
                    self._close(connection)
        if self._idle:
            self._sweep_later()
