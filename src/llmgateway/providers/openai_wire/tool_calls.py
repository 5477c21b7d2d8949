"""Brings the tool calls of one choice into OpenAI's shape: each with an id, arguments as JSON text, and in streams an index."""

from dataclasses import dataclass
from typing import Final

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, text_of

_MOST_CALLS: Final = 1_000
"""Calls of a choice that are told apart; further pieces count as the last one's, so that the search stays short."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A call that was seen to begin."""

    position: int
    index: int | None
    """The host's own index, where it gives one."""
    id: str
    name: str


class ToolCalls:
    """Remembers the calls of one choice in the order they began; hosts leave indexes out, repeat them, or skip some."""

    __slots__ = ("_begun", "_choice")

    def __init__(self, choice: int) -> None:
        self._choice = choice
        self._begun: list[_Begun] = []

    def repair(self, call: Json, *, streamed: bool) -> None:
        """Bring one call, or one piece of a call, into shape."""
        function = _function(call)
        call["type"] = text_of(call.get("type")) or ("custom" if "custom" in call else "function")
        if function is not None:
            _arguments(function, streamed=streamed)
        name = text_of(function.get("name")) if function is not None else ""
        identifier, index = text_of(call.get("id")), call.get("index")
        place = index if isinstance(index, int) else None
        begun = self._continued(place, identifier, name) if streamed else None
        if begun is None:
            position = len(self._begun)
            begun = _Begun(position, place, identifier or f"call_{self._choice}_{position}", name)
            self._begun.append(begun)
            call["id"] = begun.id
        else:
            # A client joins the pieces: what is said twice would be doubled.
            call.pop("id", None)
            if function is not None and name in ("", begun.name):
                function.pop("name", None)
        if streamed:
            call["index"] = begun.position
        else:
            call.pop("index", None)

    def _continued(self, index: int | None, identifier: str, name: str) -> _Begun | None:
        """The call that a streamed piece continues; None when it begins a new one."""
        if len(self._begun) >= _MOST_CALLS:
            return self._begun[-1]
        if index is None:
            same = next((call for call in self._begun if identifier and call.id == identifier), None)
            return same if same or identifier or name or not self._begun else self._begun[-1]
        at = next((call for call in reversed(self._begun) if call.index == index), None)
        if at is None:
            return None if identifier or name or not self._begun else self._begun[-1]
        if not name or identifier == at.id:
            return at
        if identifier or name != at.name:
            return None  # a new call under an index that was used before
        return at


def _function(call: Json) -> Json | None:
    """The call's function object; made of `name` and `arguments` where a host puts these into the call itself."""
    function: object = call.get("function")
    if is_object(function):
        return function
    if not text_of(call.get("name")) or "custom" in call:
        return None
    laid: Json = {"name": call.pop("name"), "arguments": call.pop("arguments", None)}
    call["function"] = laid
    return laid


def _arguments(function: Json, *, streamed: bool) -> None:
    arguments: object = function.get("arguments")
    if arguments is None:
        if function.get("name"):
            function["arguments"] = "" if streamed else "{}"
    elif not isinstance(arguments, str):
        function["arguments"] = msgspec.json.encode(arguments).decode()
