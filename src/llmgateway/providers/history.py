"""What every language but OpenAI's reads out of the messages of a canon request: roles, tool calls, signed thinking, data: URLs."""

import re
from dataclasses import dataclass, field
from typing import Final

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, objects, text_of
from llmgateway.errors import BadRequest

_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w.+-]+=[^;,]*)*)(;base64)?,", re.ASCII)
_SYSTEM: Final = frozenset({"system", "developer"})
_HEAD: Final = 256
"""Characters in which the head of a data: URL must end."""


def with_a_user_turn(messages: list[Json]) -> list[Json]:
    """The messages, the last one as the user's where all are system messages: OpenAI alone answers those without a user turn."""
    if any(text_of(message.get("role")) not in _SYSTEM for message in messages):
        return messages
    return [*messages[:-1], *({**last, "role": "user"} for last in messages[-1:])]


@dataclass(slots=True)
class Turns:
    """A history for an API whose roles alternate, and the system prompt that stands beside it."""

    system: list[Json] = field(default_factory=list)
    messages: list[Json] = field(default_factory=list)

    def add(self, role: str, blocks: list[Json]) -> None:
        """Append blocks; turns of one role in a row are one turn."""
        if self.messages and self.messages[-1]["role"] == role:
            self.messages[-1]["content"].extend(blocks)
        elif blocks:
            self.messages.append({"role": role, "content": blocks})


@dataclass(frozen=True, slots=True)
class PastCall:
    """A call of a function that an assistant message of the history holds. `id` is empty where it has none."""

    id: str
    name: str
    arguments: Json


def read_call(call: Json, where: str) -> PastCall:
    """A tool call of the history; `where` is its path. Raises BadRequest, naming the field, for what is no call of a function."""
    function = call.get("function")
    if not is_object(function) or not text_of(function.get("name")):
        kind = text_of(call.get("type")) or "function"
        raise BadRequest(
            f"A tool call of the history has a function with a name; this model knows no calls of type {kind!r} without one.",
            code="unsupported_parameter" if kind != "function" else None,
            param=where,
        )
    return PastCall(text_of(call.get("id")), function["name"], _arguments(function.get("arguments"), where))


def _arguments(given: object, where: str) -> Json:
    try:
        value: object = msgspec.json.decode(given) if isinstance(given, str) and given.strip() else given or {}
    except msgspec.DecodeError as error:
        raise BadRequest(
            f"The arguments of a tool call are JSON text: {error}.", param=f"{where}.function.arguments"
        ) from error
    if not is_object(value):
        raise BadRequest("The arguments of a tool call are a JSON object.", param=f"{where}.function.arguments")
    return value


def has_unsigned_tool_turn(messages: object) -> bool:
    """Whether the last assistant turn called tools and came back without its thinking blocks."""
    for message in reversed(objects(messages)):
        if message.get("role") == "assistant":
            kept = [*objects(message.get("thinking_blocks")), *objects(message.get("provider_blocks"))]
            return bool(message.get("tool_calls")) and not any(is_signed(block) for block in kept)
        if message.get("role") == "user":
            return False
    return False


def is_signed(block: Json) -> bool:
    """Whether the block is thinking of Claude's: the thinking of other models has no signature."""
    kind = block.get("type")
    return kind == "redacted_thinking" or (kind == "thinking" and bool(block.get("signature")))


def image_address(part: Json) -> str:
    """The address of an `image_url` part, https or data:; some clients write it without the object around it."""
    image = part.get("image_url")
    return text_of(image.get("url")) if is_object(image) else text_of(image)


def parse_data_url(url: str, otherwise: str = "text/plain") -> tuple[str, str] | None:
    """Media type (`otherwise` where it says none) and base64 text of a data: URL; None for any other address."""
    found = _DATA_URL.match(url[:_HEAD])
    if found is None or not found[3]:
        return None
    return found[1] or otherwise, url[found.end() :]
