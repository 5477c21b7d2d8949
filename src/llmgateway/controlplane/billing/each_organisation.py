"""Runs a job for one organisation after the other, so that bad data of one does not stop the others."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import structlog

from llmgateway.db.session import DATABASE_ERRORS, is_fault_of_data

_Item = TypeVar("_Item")

log = structlog.get_logger()


async def for_each_organisation(
    items: Iterable[_Item], do: Callable[[_Item], Awaitable[int]], org_of: Callable[[_Item], str]
) -> int:
    """Call `do` for each item and return the sum of its results. `org_of` gives the item's organisation, for the log.

    An item whose data PostgreSQL refuses is logged and skipped. Raises DATABASE_ERRORS when the database cannot be asked.
    """
    done = 0
    for item in items:
        try:
            done += await do(item)
        except DATABASE_ERRORS as error:
            if not is_fault_of_data(error):
                raise
            log.warning("an organisation's books cannot be kept", org_id=org_of(item), reason=str(error))
    return done
