"""What was said in a request, as OpenTelemetry's conventions write messages: JSON, with a role and parts each."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from llmgateway.canon.call import Call, Operation
from llmgateway.canon.chat import Json

_LARGEST: Final = 32_768
"""Characters of a text that are kept in a span; what is longer is cut."""


def conversation(call: Call, answer: str) -> dict[str, str]:
    """The attributes of a chat's span; none for other operations."""
    if call.operation is not Operation.CHAT:
        return {}
    messages: Sequence[Json] = call.canon.get("messages", ())
    asked = [
        {"role": str(message.get("role", "")), "parts": [*_contents(message), *_calls(message)]} for message in messages
    ]
    told = [{"role": "assistant", "parts": [_text(answer)]}] if answer else []
    return {"gen_ai.input.messages": _json(asked), "gen_ai.output.messages": _json(told)}


def _contents(message: Json) -> Sequence[Mapping[str, str]]:
    """Texts as they are; of pictures, files and sounds only that they were there."""
    content: Any = message.get("content")
    if isinstance(content, str):
        return [_text(content)]
    parts: Sequence[Json] = content or ()
    return [
        _text(str(part.get("text", ""))) if part.get("type") == "text" else {"type": str(part.get("type"))}
        for part in parts
    ]


def _calls(message: Json) -> Sequence[Mapping[str, str]]:
    calls: Sequence[Json] = message.get("tool_calls") or ()
    functions: Sequence[Json] = [call.get("function", {}) for call in calls]
    return [
        {"type": "tool_call", "name": str(one.get("name", "")), "arguments": str(one.get("arguments", ""))[:_LARGEST]}
        for one in functions
    ]


def _text(content: str) -> Mapping[str, str]:
    return {"type": "text", "content": content[:_LARGEST]}


def _json(messages: Sequence[Mapping[str, object]]) -> str:
    return msgspec.json.encode(messages).decode()
