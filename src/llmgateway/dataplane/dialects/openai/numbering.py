"""The `index` that OpenAI's clients need in streamed lists: added to chunks, and removed from histories that come back.

They join two deltas of a list entry by entry, by the `index` that OpenAI gives its `tool_calls`
(https://platform.openai.com/docs/api-reference/chat-streaming/streaming). The lists of canon hold whole entries without one.
"""

from collections import Counter
from typing import Any, Final, cast

from llmgateway.canon.chat import ChunkChoice, Delta, Json
from llmgateway.canon.shapes import is_array, is_object, objects

_LISTS: Final = frozenset({"thinking_blocks", "provider_blocks", "annotations", "images"})


class Numbering:
    """Numbers the entries of one stream, in each choice and list from 0 on."""

    __slots__ = ("_given",)

    def __init__(self) -> None:
        self._given: Counter[tuple[int, str]] = Counter()

    def numbered(self, choice: ChunkChoice) -> ChunkChoice:
        """The choice with numbered entries; the same object where it has no such list."""
        delta = cast("Json", choice.get("delta") or {})
        if _LISTS.isdisjoint(delta):
            return choice
        lists = {name: self._entries((choice["index"], name), delta[name]) for name in _LISTS & delta.keys()}
        return {**choice, "delta": cast("Delta", {**delta, **lists})}

    def _entries(self, place: tuple[int, str], entries: object) -> object:
        return [self._entry(place, entry) for entry in entries] if is_array(entries) else entries

    def _entry(self, place: tuple[int, str], entry: Any) -> Any:
        """The entry with the next index, unless its provider has given it one."""
        if not is_object(entry) or isinstance(entry.get("index"), int):
            return entry
        self._given[place] += 1
        return {**entry, "index": self._given[place] - 1}


def unnumbered(body: Json) -> Json:
    """The body without the indexes that messages have kept from streams; the same object where there are none."""
    if all(_LISTS.isdisjoint(message) for message in objects(body["messages"])):
        return body
    return {**body, "messages": [_as_it_was(message) for message in body["messages"]]}


def _as_it_was(message: Json) -> Json:
    return {**message, **{name: _plain(message[name]) for name in _LISTS & message.keys()}}


def _plain(entries: object) -> object:
    return [_without_index(entry) for entry in entries] if is_array(entries) else entries


def _without_index(entry: Any) -> Any:
    return {name: value for name, value in entry.items() if name != "index"} if is_object(entry) else entry
