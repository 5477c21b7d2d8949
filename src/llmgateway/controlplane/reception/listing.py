"""Pages of lists, by keyset: rows are ordered by ids that sort by time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from llmgateway.errors import BadRequest
from llmgateway.kit.pages import DEFAULT_LIMIT, MAX_LIMIT, BadCursor, after


class Paging(BaseModel):
    """Where a page begins, and how many entries it has at most."""

    model_config = ConfigDict(frozen=True)

    after_id: str | None
    limit: int


def _paging(
    cursor: Annotated[
        str | None,
        Query(description="`next_cursor` of the page before; empty or absent for the first.", max_length=200),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Entries a page.")] = DEFAULT_LIMIT,
) -> Paging:
    try:
        return Paging(after_id=after(cursor) if cursor else None, limit=limit)
    except BadCursor as error:
        raise BadRequest(str(error), param="cursor") from error


PageWish = Annotated[Paging, Depends(_paging)]


def check_range(since: datetime | None, until: datetime | None) -> None:
    """Raises BadRequest for a list that would end before it begins."""
    if since is not None and until is not None and since >= until:
        raise BadRequest("`from` must lie before `to`.", param="from")


async def newest_first(
    tx: AsyncSession,
    query: Select[*tuple[Any, ...]],
    column: InstrumentedAttribute[str],
    paging: Paging,
) -> Sequence[Any]:
    """Rows of a query, newest id first, one more than the page holds."""
    if paging.after_id is not None:
        query = query.where(column < paging.after_id)
    return (await tx.execute(query.order_by(column.desc()).limit(paging.limit + 1))).all()
