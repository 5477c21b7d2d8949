"""What the data plane is given of keys: snapshots on request, and changes as they happen."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from llmgateway.contract.channels import KeyChanged, SourceUnavailable
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.controlplane.keys import service
from llmgateway.db.session import Database
from llmgateway.kit.crypto import keyed_hash

_RETRY_SECONDS = 1.0
_PROBE_SECONDS = 5.0

log = structlog.get_logger()


class KeySource:
    """The contract's SnapshotSource over PostgreSQL."""

    def __init__(self, database: Database, pepper: bytes) -> None:
        self._database = database
        self._pepper = pepper

    async def key_snapshot(self, secret: str) -> KeySnapshot | None:
        """One SELECT. Raises SourceUnavailable."""
        try:
            async with self._database.transaction() as tx:
                return await service.snapshot(tx, keyed_hash(self._pepper, secret))
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise SourceUnavailable(str(error)) from error


class KeyAnnouncements:
    """The contract's Announcements: a connection that listens, and connects again when it is lost."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners = list[Callable[[KeyChanged], None]]()

    def subscribe(self, listener: Callable[[KeyChanged], None]) -> None:
        self._listeners.append(listener)

    async def listen(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._until_lost()
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                log.warning("announcements are not heard", reason=str(error))
            # What was said meanwhile was missed: everything may have changed.
            self._tell(KeyChanged(None, None))
            await asyncio.sleep(_RETRY_SECONDS)

    async def _until_lost(self) -> None:
        connection = await self._database.engine.raw_connection()
        driver: Any = connection.driver_connection
        lost = asyncio.Event()

        def lost_by(_connection: object) -> None:
            lost.set()

        try:
            driver.add_termination_listener(lost_by)
            await driver.add_listener(service.CHANNEL, self._heard)
            self._tell(KeyChanged(None, None))
            while not lost.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), _PROBE_SECONDS)
                await driver.execute("SELECT 1")
        finally:
            connection.invalidate()

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        change: dict[str, str | None] = json.loads(payload)
        self._tell(KeyChanged(change["key_id"], change["org_id"]))

    def _tell(self, change: KeyChanged) -> None:
        for listener in self._listeners:
            listener(change)
