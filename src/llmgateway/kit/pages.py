"""Keyset pages: a list continues after the last id it showed, however much was added meanwhile."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from pydantic import BaseModel

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200

Item = TypeVar("Item")
Row = TypeVar("Row")


class Page(BaseModel, Generic[Item]):
    """A part of a list. `next_cursor` asks for the next part; it is null at the end."""

    data: list[Item]
    next_cursor: str | None = None


class BadCursor(ValueError):
    """The cursor was not made here."""


def cursor_after(last: str) -> str:
    """The cursor that continues after an id."""
    return base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")


def after(cursor: str) -> str:
    """The id that a cursor continues after. Raises BadCursor."""
    try:
        last = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise BadCursor("The cursor is none of ours. Take it from `next_cursor` as it is.") from error
    if not last.isprintable():
        raise BadCursor("The cursor is none of ours. Take it from `next_cursor` as it is.")
    return last


def page_of(rows: Sequence[Row], limit: int, shown: Callable[[Row], Item], key: Callable[[Row], str]) -> Page[Item]:
    """A page out of rows that were queried with `limit` + 1: if there is one too many, there are more pages."""
    more = len(rows) > limit
    rows = rows[:limit]
    return Page[Item](
        data=[shown(row) for row in rows], next_cursor=cursor_after(key(rows[-1])) if more and rows else None
    )
