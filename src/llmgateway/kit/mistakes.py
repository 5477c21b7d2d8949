"""Mistakes in what an operator wrote, each told in one sentence."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Final

from pydantic import ValidationError

_LIKE: Final = 0.6
"""From this similarity on (0 to 1), a word counts as a misspelt one."""


def first_mistake(error: ValidationError) -> str:
    """The place and what is wrong there, without the value, since it may hold a secret."""
    first = error.errors(include_url=False, include_input=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {message}" if where else message


def nearest(word: str, known: Iterable[str], like: float = _LIKE) -> str | None:
    """The known word that is meant by a misspelt one; None where none is like it."""
    return next(iter(get_close_matches(word, tuple(known), 1, like)), None)


def question(word: str, known: Iterable[str]) -> str:
    """Whether the known word is meant that an unknown one is like; empty where none is."""
    meant = nearest(word, known)
    return f"Is {meant} meant?" if meant else ""


def advice(field: str, fields: Collection[str]) -> str:
    """What to write instead of an unknown field: the one that is meant, or any that there is."""
    return question(field, fields) or f"There are {', '.join(sorted(fields))}."
