"""Decodes JSON bodies and checks them against msgspec structs; refusals name the field and say what to do."""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
import msgspec.inspect

from llmgateway.canon.chat import Json
from llmgateway.errors import BadRequest, TooLarge

T = TypeVar("T")

_AT = re.compile(r" - at `\$\.?(.*)`$")
_STEP = re.compile(r"\[[^\]]*\]|[^.\[\]]+")
_HALF = re.compile(
    rb"\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|[c-fC-F](?<!\\u[dD][89abAB]..\\u[dD][c-fC-F]))"
)
"""An escaped UTF-16 surrogate without its other half."""
_MOST_VALUES = 400_000
"""In one body: more than any model reads, and few enough that nobody else waits for a second until they are read."""
_BEGINNINGS = b",[{"
_MISSING = re.compile(r"missing required field `(.+?)`")


def read_object(body: bytes) -> Json:
    """The body as a JSON object. Raises BadRequest for what is none, however it is broken, and TooLarge for too many values."""
    if _has_too_many_values(body):
        raise TooLarge(
            f"The body has more than {_MOST_VALUES:,} values (fields, and items of lists). Send less at once."
        )
    try:
        value: object = msgspec.json.decode(body)
    except UnicodeDecodeError as error:
        raise BadRequest("The body is not valid UTF-8. Send JSON as UTF-8.") from error
    except RecursionError as error:
        raise BadRequest("The body is nested too deeply. Send fewer levels of brackets.") from error
    except msgspec.DecodeError as error:
        if _HALF.search(body):
            raise BadRequest(
                "The body has half of a character (such as `\\ud83d` alone), as when a text is cut inside an emoji. Send whole ones."
            ) from error
        raise BadRequest(f"The body is not valid JSON: {error}. Correct it and send it again.") from error
    if not isinstance(value, dict):
        raise BadRequest('The body must be a JSON object, such as {"model": ..., "messages": [...]}.')
    return value  # pyright: ignore[reportUnknownVariableType] JSON objects have text keys


def _has_too_many_values(body: bytes) -> bool:
    """Whether the body has more than `_MOST_VALUES` values, by the characters that begin one outside of strings; fast for any body."""
    if len(body) <= _MOST_VALUES or _count(body, _BEGINNINGS) <= _MOST_VALUES:
        return False
    plain = body.replace(rb"\\", b"").replace(rb"\"", b"")
    if _count(plain, b'"') > 4 * _MOST_VALUES:  # a value has a name and a text at most
        return True
    return _count(b"".join(plain.split(b'"')[::2]), _BEGINNINGS) > _MOST_VALUES


def _count(body: bytes, letters: bytes) -> int:
    """How many bytes of the body are among `letters`, in a time that does not depend on their number, unlike `bytes.count`."""
    return len(body) - len(body.translate(None, letters))


def check(value: Json, shape: type[T], told: Callable[[str], str] = str) -> T:
    """The value as a struct. Raises BadRequest with the field's path in `param`; `told` turns a path of canon into the caller's."""
    try:
        return msgspec.convert(value, shape)
    except RecursionError as error:
        raise BadRequest("The body is nested too deeply. Send fewer levels of brackets.") from error
    except msgspec.ValidationError as error:
        text = str(error)
        place = _AT.search(text)
        path = place[1] if place else ""
        missing = _MISSING.search(text)
        if missing:
            path = told(f"{path}.{missing[1]}".strip("."))
            raise BadRequest(
                f"The field `{path}` is missing. Add it and send the request again.", param=path
            ) from error
        words, path = with_allowed(_AT.sub("", text), shape, path), told(path)
        raise BadRequest(
            f"`{path or 'body'}`: {words[:1].lower()}{words[1:]}. Correct it and send the request again.", param=path
        ) from error


def with_allowed(words: str, shape: Any, path: str) -> str:
    """The message of a mistake, and for an enumeration the values that it allows."""
    allowed = _allowed(shape, path) if "enum value" in words else ()
    return f"{words}; it is one of {', '.join(allowed)}" if allowed else words


def _allowed(shape: Any, path: str) -> Sequence[str]:
    """The values that an enumeration at a path knows; nothing when the path leads to none."""
    here: list[msgspec.inspect.Type] = [msgspec.inspect.type_info(shape)]
    for name in _STEP.findall(path):
        here = [found for kind in here for found in _inside(kind, name)]
    return sorted({str(value) for kind in here for value in _values(kind) if value is not None})


def _inside(kind: msgspec.inspect.Type, name: str) -> Sequence[msgspec.inspect.Type]:
    """What a step of a path leads to: an item of a list, or a field of an object."""
    if isinstance(kind, msgspec.inspect.UnionType):
        return [found for part in kind.types for found in _inside(part, name)]
    if isinstance(kind, msgspec.inspect.ListType) and name.startswith("["):
        return [kind.item_type]
    if isinstance(kind, msgspec.inspect.StructType):
        return [field.type for field in kind.fields if field.encode_name == name]
    return []


def _values(kind: msgspec.inspect.Type) -> Sequence[object]:
    if isinstance(kind, msgspec.inspect.UnionType):
        return [value for part in kind.types for value in _values(part)]
    return kind.values if isinstance(kind, msgspec.inspect.LiteralType) else ()


def refuse(path: str, words: str) -> BadRequest:
    """A refusal of one field."""
    return BadRequest(f"`{path}`: {words}", param=path)


def encode(value: Any) -> bytes:
    """JSON as the gateway writes it."""
    return msgspec.json.encode(value)
