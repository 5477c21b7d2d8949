"""The contract's UsageSink, UsageLookup, CounterSource and ContentSink over PostgreSQL, as the role that may do only this."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import text

from llmgateway.contract.channels import Spent
from llmgateway.contract.contents import SealedContent
from llmgateway.contract.usage import UsageEvent
from llmgateway.controlplane.reception.deadlines import answered_within
from llmgateway.controlplane.usage import service
from llmgateway.db.session import DATABASE_ERRORS, Database, is_fault_of_data

_INSERT_SECONDS: Final = 15.0
_CONTENTS: Final = text("SELECT insert_contents(CAST(:contents AS jsonb))")
_FIND_SECONDS: Final = 3.0
_READERS: Final = 4
"""At once, of a pool of ten: however many look for their events, keys are still found and events stored."""


class UsageStore:
    """Where the data plane ships its events to, and asks for one of them; over a database that acts as `data`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reading = asyncio.Semaphore(_READERS)

    async def insert(self, events: Sequence[UsageEvent]) -> Sequence[str]:
        """Store events; gives back the ids of those that PostgreSQL can never take. Raises SourceUnavailable."""
        if await self._stored(events):
            return ()
        # Something among them is poison: find it, one by one, so that it is in nobody's way.
        return [event.id for event in events if not await self._stored((event,))]

    async def event(self, key_id: str, event_id: str) -> UsageEvent | None:
        """One event, only if this key made it. Raises SourceUnavailable."""
        async with answered_within(_FIND_SECONDS), self._reading, self._database.transaction() as tx:
            return await service.of_key(tx, key_id, event_id)

    async def spent(self, org_id: str, period_start: datetime, moment: datetime) -> Sequence[Spent]:
        """What each key of an organisation used so far; the day and the month are those of the moment, in UTC. Raises SourceUnavailable."""
        async with answered_within(_FIND_SECONDS), self._database.transaction() as tx:
            return await service.spent_by_keys(tx, org_id, period_start, moment)

    async def insert_contents(self, contents: Sequence[SealedContent]) -> None:
        """Keep what was said, sealed. Raises SourceUnavailable."""
        encoded = msgspec.json.encode(contents).decode()  # bytes become base 64
        async with answered_within(_INSERT_SECONDS), self._database.transaction() as tx:
            await tx.execute(_CONTENTS, {"contents": encoded})

    async def probe(self) -> None:
        """A sign of life. Raises SourceUnavailable."""
        async with answered_within(_FIND_SECONDS), self._database.transaction() as tx:
            await tx.execute(text("SELECT 1"))

    async def _stored(self, events: Sequence[UsageEvent]) -> bool:
        """Whether they were stored; False when the events themselves are at fault. Raises SourceUnavailable."""
        async with answered_within(_INSERT_SECONDS):
            try:
                async with self._database.transaction() as tx:
                    await service.insert(tx, events)
            except DATABASE_ERRORS as error:
                if not is_fault_of_data(error):
                    raise
                return False
        return True
