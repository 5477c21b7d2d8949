"""The seam between an answer that broke off and the one that goes on in its place."""

from collections.abc import Sequence
from copy import copy
from enum import Enum
from typing import Any, cast

import msgspec

from llmgateway.canon.chat import ChatChunk, Delta
from llmgateway.providers.base import Step

_GOING_ON = frozenset(",.;:!?)]}%'")
"""Signs that follow a word."""


class Way(Enum):
    """How the new answer relates to the one that broke off."""

    CONTINUES = "continues"
    """It continues where the old one ended."""
    REPEATS = "repeats"
    """It begins anew; what the caller already has is left out."""
    EITHER = "either"
    """It was asked to continue, but nobody knows whether the host can: its text shows which of the two it is."""


class Diverged(Exception):
    """The new answer says something else than what the caller already has."""


class Seam:
    """Lets through what the caller does not have yet, and nothing else."""

    def __init__(self, said: str, way: Way) -> None:
        self._said = said
        self._way = way
        self._got = ""
        self._held: list[Step] = []
        self._open = way is Way.CONTINUES or (way is Way.REPEATS and not said)
        self._skip = said[len(said.rstrip()) :] if way is not Way.REPEATS else ""
        """White space at the end of what was sent; a prefill comes without it, so it may come again."""

    def through(self, steps: Sequence[Step]) -> list[Step]:
        """The part of these steps that is new to the caller. Raises Diverged."""
        passed: list[Step] = []
        for step in steps:
            passed += self._one(step)
        return passed

    def end(self) -> list[Step]:
        """The new answer has ended. Raises Diverged when it was shorter than what the caller already has."""
        if not self._open and self._way is Way.REPEATS and self._got != self._said:
            raise Diverged
        held, self._held = self._held, []
        return held

    def _one(self, step: Step) -> list[Step]:
        text = _content(step.chunk)
        if self._open:
            return [self._unspaced(step, text)]
        if not text:
            if step.finish is not None:
                self._close_early()
                held, self._held = self._held, []
                return [*held, step]
            if self._way is Way.EITHER:
                self._held.append(step)
            return [step] if step.usage is not None and self._way is Way.REPEATS else []
        self._got += text
        if self._said.startswith(self._got):
            if self._way is Way.EITHER:
                self._held.append(step)
            return []
        if self._got.startswith(self._said):
            self._open, self._held, self._skip = True, [], ""
            return [with_text(step, self._got[len(self._said) :])]
        if self._way is Way.REPEATS or not _goes_on(self._got):
            raise Diverged
        self._open = True
        held, self._held = self._held, []
        return [self._unspaced(part, _content(part.chunk)) for part in (*held, step)]

    def _close_early(self) -> None:
        if self._way is Way.REPEATS and self._got != self._said:
            raise Diverged
        self._open = True
        if self._got == self._said:
            self._held = []  # it repeated all of it, and has nothing to add

    def _unspaced(self, step: Step, text: str) -> Step:
        if not self._skip or not text:
            return step
        skip, self._skip = self._skip, ""
        return with_text(step, text.removeprefix(skip))


def with_text(step: Step, text: str) -> Step:
    """The step with another text."""
    chunk = cast("ChatChunk", copy(step.chunk))
    first = chunk["choices"][0]
    delta: Delta = {**first["delta"], "content": text}
    chunk["choices"] = [{**first, "delta": delta}]
    return msgspec.structs.replace(step, chunk=chunk, text=text)


def _goes_on(text: str) -> bool:
    """Whether a text reads like the rest of another. An answer that begins anew starts with a capital, a digit or a mark-up sign."""
    first = text[0]
    return first.isspace() or first.islower() or first in _GOING_ON


def _content(chunk: ChatChunk | None) -> str:
    if chunk is None or not chunk["choices"]:
        return ""
    delta = cast("dict[str, Any]", chunk["choices"][0].get("delta") or {})
    return delta.get("content") or ""
