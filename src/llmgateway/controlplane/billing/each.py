"""One organisation after the other: what PostgreSQL cannot take of one is no other's trouble."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import structlog

from llmgateway.db.session import DATABASE_ERRORS, is_fault_of_data

_Item = TypeVar("_Item")

log = structlog.get_logger()


async def for_each(
    items: Iterable[_Item], do: Callable[[_Item], Awaitable[int]], org_of: Callable[[_Item], str]
) -> int:
    """Do it for each; how many were done. Those that can never be are said and passed over; a database that is away is raised."""
    done = 0
    for item in items:
        try:
            done += await do(item)
        except DATABASE_ERRORS as error:
            if not is_fault_of_data(error):
                raise
            log.warning("an organisation's books cannot be kept", org_id=org_of(item), reason=str(error))
    return done
