"""Narrowing of decoded JSON: what a type checker needs to know before a value of unknown shape is read."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, TypeGuard

from llmgateway.canon.chat import Json

_LONGEST_WORD: Final = 64


def is_object(value: object) -> TypeGuard[Json]:
    """Whether the value is a JSON object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Whether the value is a JSON array."""
    return isinstance(value, list)


def objects(value: object) -> list[Json]:
    """The objects of an array; nothing when the value is no array."""
    return [item for item in value if isinstance(item, dict)] if is_array(value) else []


def text_of(value: object) -> str:
    """The value when it is a string, else the empty string."""
    return value if isinstance(value, str) else ""


def word_of(value: object) -> str | None:
    """The value when it is a word of some vocabulary, such as the name of a tier; else None, also for a text without end."""
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_WORD else None


def figure_of(value: object) -> int | None:
    """The value when it is a number, 0 or more (some write 12.0); else None."""
    if type(value) is int:  # nearly always
        return value if value >= 0 else None
    return int(value) if type(value) is float and value >= 0 else None


def object_in(value: Mapping[str, Any], name: str) -> Json:
    """The object under a name; an empty one when there is none."""
    found = value.get(name)
    return found if is_object(found) else {}


def count_in(value: Mapping[str, Any], name: str) -> int:
    """The number under a name, as `figure_of` reads it; 0 when there is none."""
    return figure_of(value.get(name)) or 0


def text_of_parts(parts: Iterable[Json]) -> str:
    """The texts of all content parts or blocks of type `text`, joined."""
    return "".join(text_of(part.get("text")) for part in parts if part.get("type") == "text")


def without(value: Mapping[str, Any], names: Collection[str]) -> Json:
    """The object without the fields of these names."""
    return {name: item for name, item in value.items() if name not in names}


def without_nulls(body: Mapping[str, Any]) -> Json:
    """The fields that carry a value: in JSON APIs null means not given."""
    return {name: value for name, value in body.items() if value is not None}
