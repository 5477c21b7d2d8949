"""Reading a JSON body against its shape, with mistakes told by the name of the field."""

import re
from typing import Any, TypeVar

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.errors import BadRequest

T = TypeVar("T")

_AT = re.compile(r" - at `\$\.?(.*)`$")
_MISSING = re.compile(r"missing required field `(.+?)`")


def read_object(body: bytes) -> Json:
    """The body as a JSON object. Raises BadRequest for what is none, however it is broken."""
    try:
        value: object = msgspec.json.decode(body)
    except UnicodeDecodeError as error:
        raise BadRequest("The body is not valid UTF-8. Send JSON as UTF-8.") from error
    except RecursionError as error:
        raise BadRequest("The body is nested too deeply. Send fewer levels of brackets.") from error
    except msgspec.DecodeError as error:
        raise BadRequest(f"The body is not valid JSON: {error}. Correct it and send it again.") from error
    if not isinstance(value, dict):
        raise BadRequest('The body must be a JSON object, such as {"model": ..., "messages": [...]}.')
    return value  # pyright: ignore[reportUnknownVariableType] JSON objects have text keys


def check(value: Json, shape: type[T]) -> T:
    """The value as its shape. Raises BadRequest with the field's path in `param`."""
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
            path = f"{path}.{missing[1]}".strip(".")
            raise BadRequest(
                f"The field `{path}` is missing. Add it and send the request again.", param=path
            ) from error
        words = _AT.sub("", text)
        raise BadRequest(
            f"`{path or 'body'}`: {words[:1].lower()}{words[1:]}. Correct it and send the request again.", param=path
        ) from error


def refuse(path: str, words: str) -> BadRequest:
    """A refusal of one field."""
    return BadRequest(f"`{path}`: {words}", param=path)


def encode(value: Any) -> bytes:
    """JSON as the gateway writes it."""
    return msgspec.json.encode(value)
