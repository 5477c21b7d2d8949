"""Patterns that strangers wrote, matched in time that grows with the text alone (RE2)."""

from collections.abc import Callable
from typing import Any, Final, Protocol, cast

import re2

_MAX_MEMORY: Final = 1 << 20


class BadPattern(ValueError):
    """RE2 does not take it: a mistake, or too large."""


class Pattern(Protocol):
    """A compiled pattern."""

    def search(self, text: str) -> object | None: ...


_options: Final = cast("Callable[[], Any]", re2.Options)
_compile: Final = cast("Callable[[str, Any], Pattern]", re2.compile)
_error: Final = cast("type[Exception]", re2.error)


def compiled(pattern: str) -> Pattern:
    """The pattern. Raises BadPattern."""
    options = _options()
    options.log_errors, options.max_mem = False, _MAX_MEMORY
    try:
        return _compile(pattern, options)
    except _error as error:
        raise BadPattern(f"not a pattern that RE2 takes: {_words(error)}") from error


def escaped(text: str) -> str:
    """The text as a pattern that matches just it."""
    return "".join(letter if letter.isalnum() or letter in " _" else f"\\x{{{ord(letter):x}}}" for letter in text)


def _words(error: Exception) -> str:
    words = error.args[0] if error.args else ""
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
