"""What PostgreSQL announces (NOTIFY), heard on a connection of its own."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from llmgateway.db.session import Database

_PROBE_SECONDS: Final = 5.0
"""How often a silent connection is asked whether it lives."""


async def listen(database: Database, channel: str, hear: Callable[[str], None], began: Callable[[], None]) -> None:
    """Hear each payload of a channel until the connection is lost; what was said before `began` was missed.

    Raises one of DATABASE_ERRORS where the database says why.
    """
    connection = await database.connect()
    lost = asyncio.Event()
    try:
        connection.add_termination_listener(lambda _connection: lost.set())
        await connection.add_listener(channel, lambda _connection, _pid, _channel, payload: hear(str(payload)))
        began()
        while not lost.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(lost.wait(), _PROBE_SECONDS)
            await connection.execute("SELECT 1")
    finally:
        connection.terminate()
