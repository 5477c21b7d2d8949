"""The contract's UsageSink and UsageSource over PostgreSQL."""

from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from llmgateway.contract.channels import SourceUnavailable
from llmgateway.contract.usage import UsageEvent
from llmgateway.controlplane.usage import service
from llmgateway.db.session import Database, is_outage


class UsageStore:
    """Where the data plane ships its events to, and asks for one of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def insert(self, events: Sequence[UsageEvent]) -> Sequence[str]:
        """Store events; gives back the ids of those that PostgreSQL can never take. Raises SourceUnavailable."""
        if await self._try(events):
            return ()
        # Something among them is poison: find it, one by one, so that it is in nobody's way.
        return [event.id for event in events if not await self._try((event,))]

    async def event(self, key_id: str, event_id: str) -> UsageEvent | None:
        """One event, only if this key made it. Raises SourceUnavailable."""
        try:
            async with self._database.transaction() as tx:
                return await service.of_key(tx, key_id, event_id)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise SourceUnavailable(str(error)) from error

    async def _try(self, events: Sequence[UsageEvent]) -> bool:
        try:
            async with self._database.transaction() as tx:
                await service.insert(tx, events)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            if is_outage(error):
                raise SourceUnavailable(str(error)) from error
            return False
        return True
