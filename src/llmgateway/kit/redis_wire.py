"""Connections to Redis, and several commands in one write, packed in C.

redis-py's own pipelines pack each argument in Python: that alone cost a sixth of a request.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import hiredis
import redis.asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.maint_notifications import MaintNotificationsConfig

_CONNECTIONS: Final = 16

_pack = cast("Callable[[tuple[Any, ...]], bytes]", hiredis.pack_command)


def connect(url: str, *, connect_seconds: float, **options: Any) -> Any:
    """A client with a pool that looks before each use whether the server has closed the connection, and opens it anew.

    With notices of maintenance, its default over TCP, redis-py does not look: after a restart of the server every idle
    connection would fail once (8.1, `ConnectionPool.ensure_connection`).
    """
    made = cast("Callable[..., Any]", aioredis.Redis.from_url)  # its own types know no keywords
    return made(
        url,
        max_connections=_CONNECTIONS,
        socket_connect_timeout=connect_seconds,
        retry=Retry(NoBackoff(), 0),
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        **options,
    )


class Wire:
    """Keeps the connections that it took from a client's pool: what the pool notes of each use costs more than the use.

    All of them end with the client.
    """

    def __init__(self, client: Any) -> None:
        """`client` is a redis.asyncio.Redis."""
        self._pool: Any = client.connection_pool
        self._idle: list[Any] = []

    async def send(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """What the server answers to each, in their order; a refused command's answer is its ResponseError.

        Raises RedisError and OSError when the server cannot be asked; whoever is cancelled leaves no connection behind that
        owes answers.
        """
        connection: Any = self._idle.pop() if self._idle else await self._pool.get_connection()
        answers: list[Any] = []
        try:
            if not connection.is_connected or await connection.can_read():  # the server has closed it
                await self._pool.ensure_connection(connection)
            await connection.send_packed_command(b"".join(map(_pack, commands)), check_health=False)
            answers += [await _answer(connection) for _ in commands]
            return answers
        finally:
            self._idle.append(connection)
            if len(answers) < len(commands):
                await connection.disconnect(nowait=True)

    async def ask(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """As `send`; but a refused command raises its ResponseError."""
        answers = await self.send(commands)
        for answer in answers:
            if isinstance(answer, ResponseError):
                raise answer
        return answers


async def _answer(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error
