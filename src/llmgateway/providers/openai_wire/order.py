"""The order of messages at hosts that take fewer than OpenAI does (Mistral's `invalid_request_message_order`)."""

from collections.abc import Sequence
from typing import Final

from llmgateway.canon.chat import Json
from llmgateway.providers.history import with_a_user_turn

_AFTER_RESULTS: Final[Json] = {"role": "assistant", "content": "OK"}
"""What the assistant says between the results of tools and a message of the user."""
_SPOKEN: Final = frozenset({"assistant", "tool"})


def in_strict_order(messages: Sequence[Json]) -> list[Json]:
    """The messages with no `system` behind an answer or at the end (it goes to the top), no `user` behind results, no empty answer."""
    messages = with_a_user_turn([message for message in messages if not _is_empty_answer(message)])
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


def _is_empty_answer(message: Json) -> bool:
    return message.get("role") == "assistant" and not (message.get("content") or message.get("tool_calls"))
