"""The order of messages at hosts that take fewer orders than OpenAI does."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array
from llmgateway.providers.history import with_a_user_turn

_AFTER_RESULTS: Final[Json] = {"role": "assistant", "content": "OK"}
"""What the assistant says between the results of tools and a message of the user."""
_SPOKEN: Final = frozenset({"assistant", "tool"})
_JOINED: Final = frozenset({"user", "assistant"})


class Order(StrEnum):
    """The orders of messages that a host takes."""

    FREE = "free"
    """Any, as at OpenAI."""
    ANSWERED = "answered"
    """No `user` behind results of tools, no `system` behind an answer or at the end, no empty answer (Mistral)."""
    ALTERNATING = "alternating"
    """User and assistant in turn behind the system messages, and no empty answer (Perplexity)."""


def in_order(messages: Sequence[Json], order: Order) -> Sequence[Json]:
    """The messages in an order that the host takes; where it takes any, as they came."""
    if order is Order.FREE:
        return messages
    said = _with_a_question(with_a_user_turn([message for message in messages if not _is_empty_answer(message)]))
    return _answered(said) if order is Order.ANSWERED else _alternating(said)


def _with_a_question(messages: list[Json]) -> list[Json]:
    """A system message at the end, behind an answer, as the user's: with it at the top the answer would be the last message."""
    turns = [message for message in messages if message.get("role") != "system"]
    if not turns or messages[-1].get("role") != "system" or turns[-1].get("role") != "assistant":
        return messages
    return [*messages[:-1], {**messages[-1], "role": "user"}]


def _answered(messages: Sequence[Json]) -> list[Json]:
    """System messages that have no place go to the top, and the assistant says something behind results of tools."""
    turns = [index for index, message in enumerate(messages) if message.get("role") != "system"]
    above: list[Json] = []
    below: list[Json] = []
    for index, message in enumerate(messages):
        role = message.get("role")
        last = below[-1].get("role") if below else "system"
        if role == "system" and (last in _SPOKEN or index > turns[-1]):
            above.append(message)
            continue
        if role == "user" and last == "tool":
            below.append(_AFTER_RESULTS)
        below.append(message)
    top = turns[0] if turns else 0
    return [*below[:top], *above, *below[top:]]


def _alternating(messages: Sequence[Json]) -> list[Json]:
    """System messages go to the top, and messages of one role in a row become one."""
    turns: list[Json] = []
    for message in messages:
        if message.get("role") == "system":
            continue
        if turns and _goes_on(turns[-1], message):
            turns[-1] = {**turns[-1], "content": _together(turns[-1].get("content"), message.get("content"))}
        else:
            turns.append(message)
    return [*(message for message in messages if message.get("role") == "system"), *turns]


def _goes_on(before: Json, message: Json) -> bool:
    """Whether two messages are the words of one turn."""
    same = before.get("role") == message.get("role") and message.get("role") in _JOINED
    return same and not before.get("tool_calls") and not message.get("tool_calls")


def _together(first: object, second: object) -> object:
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return [*_parts(first), *_parts(second)]


def _parts(content: object) -> list[object]:
    return content if is_array(content) else [{"type": "text", "text": content}]


def _is_empty_answer(message: Json) -> bool:
    return message.get("role") == "assistant" and not (message.get("content") or message.get("tool_calls"))
