"""Several commands in one write to Redis, packed in C.

redis-py's own pipelines pack each argument in Python: that alone cost a sixth of a request.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import hiredis
from redis.exceptions import ResponseError

_pack = cast("Callable[[tuple[Any, ...]], bytes]", hiredis.pack_command)


async def send(client: Any, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    """What the server answers to each, in their order; a refused command's answer is its ResponseError.

    `client` is a redis.asyncio.Redis. Raises RedisError and OSError when the server cannot be asked; whoever is cancelled
    leaves no connection behind that owes answers.
    """
    connection: Any = await client.connection_pool.get_connection()
    answers = list[Any]()
    try:
        await connection.send_packed_command(b"".join(map(_pack, commands)), check_health=False)
        for _ in commands:
            answers.append(await _answer(connection))
        return answers
    finally:
        if len(answers) < len(commands):
            await connection.disconnect(nowait=True)
        await client.connection_pool.release(connection)


async def ask(client: Any, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    """As `send`; but a refused command raises its ResponseError."""
    answers = await send(client, commands)
    for answer in answers:
        if isinstance(answer, ResponseError):
            raise answer
    return answers


async def _answer(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error
