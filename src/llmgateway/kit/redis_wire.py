"""Connections to Redis, and several commands in one write, packed in C.

redis-py's own pipelines pack each argument in Python: that alone cost a sixth of a request.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

import hiredis
import redis.asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ReadOnlyError, RedisError, ResponseError
from redis.maint_notifications import MaintNotificationsConfig

from llmgateway.kit.patience import Patience

_CONNECTIONS: Final = 16
_KEPT: Final = 4
"""Connections that a wire keeps between uses, of those of its pool."""

_pack = cast("Callable[[tuple[Any, ...]], bytes]", hiredis.pack_command)


def connect(url: str, *, connect_seconds: float, **options: Any) -> Any:
    """A client with a pool: who finds all connections taken waits; each is looked at before use, and opened anew where closed.

    With notices of maintenance, its default over TCP, redis-py does not look: after a restart of the server every idle
    connection would fail once (8.1, `ConnectionPool.ensure_connection`).
    """
    made = cast("Callable[..., Any]", aioredis.BlockingConnectionPool.from_url)  # its own types know no keywords
    pool = made(
        url,
        max_connections=_CONNECTIONS,
        timeout=connect_seconds,
        socket_connect_timeout=connect_seconds,
        retry=Retry(NoBackoff(), 0),
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        **options,
    )
    return aioredis.Redis.from_pool(pool)


class Wire:
    """Keeps a few of the connections that it took from a client's pool: what the pool notes of a use costs more than the use.

    They end with the client.
    """

    def __init__(self, client: Any) -> None:
        """`client` is a redis.asyncio.Redis."""
        self._pool: Any = client.connection_pool
        self._idle: list[Any] = []

    def begin(self, commands: Sequence[tuple[Any, ...]]) -> "Pipeline | None":
        """Write commands before the loop goes on; None where no connection is at hand that the server has not closed.

        redis-py writes in coroutines alone, which first run when all else of this turn is done.
        """
        if not self._idle or not self._idle[-1].is_connected or self._idle[-1]._reader.at_eof():  # noqa: SLF001
            return None
        connection = self._idle.pop()
        connection._writer.write(b"".join(map(_pack, commands)))  # noqa: SLF001
        return Pipeline(self, connection, len(commands))

    async def open(self, commands: Sequence[tuple[Any, ...]]) -> "Pipeline":
        """Write commands to a connection, opened anew where the server has closed it. Raises RedisError and OSError."""
        connection: Any = self._idle.pop() if self._idle else await self._pool.get_connection()
        sent = False
        try:
            if not connection.is_connected or await connection.can_read():  # the server has closed it
                await self._pool.ensure_connection(connection)
            await connection.send_packed_command(b"".join(map(_pack, commands)), check_health=False)
            sent = True
        finally:
            if not sent:
                await self.give_back(connection, owes=True)
        return Pipeline(self, connection, len(commands))

    async def give_back(self, connection: Any, *, owes: bool) -> None:
        """Keep a connection, or leave it to the pool; one that owes answers is closed before."""
        if owes:
            await connection.disconnect(nowait=True)
        if len(self._idle) < _KEPT:
            self._idle.append(connection)
        else:
            await asyncio.shield(self._pool.release(connection))  # who is cancelled here takes none with him

    async def send(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """What the server answers to each, in their order; a refused command's answer is its ResponseError.

        Raises RedisError and OSError when the server cannot be asked; whoever is cancelled leaves no connection behind that
        owes answers.
        """
        answers: list[Any] = []
        await (await self.open(commands)).answered(answers.append)
        return answers

    async def ask(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """As `send`; but a refused command raises its ResponseError."""
        answers = await self.send(commands)
        for answer in answers:
            if isinstance(answer, ResponseError):
                raise answer
        return answers


class Pipeline:
    """Commands that were written to a connection, and what is owed for them."""

    def __init__(self, wire: Wire, connection: Any, owed: int) -> None:
        self._wire = wire
        self._connection = connection
        self._owed = owed

    async def answered(self, hear: Callable[[Any], None]) -> None:
        """Tell each answer as it comes, in the commands' order. Raises RedisError and OSError as `Wire.send`."""
        try:
            while self._owed:
                answer = await _answer(self._connection)
                self._owed -= 1
                hear(answer)
        finally:
            await self._wire.give_back(self._connection, owes=self._owed > 0)


async def facts(client: Any, seconds: float) -> Mapping[str, str]:
    """What an operator must know of the server: its eviction policy and whether it keeps an append-only file."""
    told: dict[str, str] = {}
    for name in ("maxmemory-policy", "appendonly"):
        try:
            async with Patience(seconds):
                found: Mapping[str, str] = await client.config_get(name)
        except (RedisError, OSError, TimeoutError):
            continue  # a managed server may not tell
        told |= found
    return told


async def _answer(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ReadOnlyError as error:
        # The server was demoted: its address may lead to another one by now.
        await connection.disconnect(nowait=True)
        return error
    except ResponseError as error:
        return error
