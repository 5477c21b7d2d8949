"""Translates canon messages to messages of Cohere's v2 chat, with tool plans, thinking, calls and documents.

Pages: https://docs.cohere.com/v2/docs/tool-use-overview, https://docs.cohere.com/v2/docs/reasoning.
"""

from typing import Final

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of
from llmgateway.errors import BadRequest
from llmgateway.providers.history import read_call, with_a_user_turn
from llmgateway.providers.server_tools import content_in_words

PART_KINDS: Final = frozenset({"text", "refusal", "image_url"})
"""Types of content parts that Cohere has a counterpart for."""


def turns(messages: object, *, thinks: bool) -> list[Json]:
    """Translate a history. Raises BadRequest, naming the message, for what cannot be expressed."""
    found: list[Json] = []
    for index, message in enumerate(with_a_user_turn(objects(messages))):
        match message.get("role"):
            case "system" | "developer":
                found.append({"role": "system", "content": _joined(message.get("content"))})
            case "user":
                found.append({"role": "user", "content": _content(message.get("content"))})
            case "assistant":
                found.append(_assistant(message, f"messages.{index}", thinks=thinks))
            case "tool":
                found.append(
                    {
                        "role": "tool",
                        "tool_call_id": text_of(message.get("tool_call_id")),
                        "content": _result(_joined(message.get("content"))),
                    }
                )
            case role:
                raise BadRequest(
                    f"Cohere knows no messages of role {role!r}: use system, developer, user, assistant or tool.",
                    param=f"messages.{index}.role",
                )
    return found


def _content(content: object) -> str | list[Json]:
    """A text, or parts: text and images by address or data: URL, as OpenAI writes them."""
    if not is_array(content):
        return text_of(content)
    return [
        {"type": "image_url", "image_url": _image(part)} if part.get("type") == "image_url" else _text(_said(part))
        for part in objects(content)
    ]


def _image(part: Json) -> Json:
    image = part.get("image_url")
    return image if is_object(image) else {"url": text_of(image)}


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


def _said(part: Json) -> str:
    return text_of(part.get("text")) or text_of(part.get("refusal"))


def _joined(content: object) -> str:
    return "\n".join(_said(part) for part in objects(content)) if is_array(content) else text_of(content)


def _assistant(message: Json, where: str, *, thinks: bool) -> Json:
    """An assistant message. Its reasoning goes back as thinking to a model that reasons, to others as the tool plan."""
    content = content_in_words(message)
    said = "".join(_said(part) for part in objects(content)) if is_array(content) else text_of(content)
    text = said or text_of(message.get("refusal"))
    thought, calls = text_of(message.get("reasoning_content")), objects(message.get("tool_calls"))
    made: Json = {"role": "assistant"}
    if thought and thinks:
        made["content"] = [{"type": "thinking", "thinking": thought}, *([_text(text)] if text else [])]
    elif text or not calls:
        made["content"] = text
    if calls:
        made["tool_calls"] = [_call(call, f"{where}.tool_calls.{index}") for index, call in enumerate(calls)]
        if thought and not thinks:
            made["tool_plan"] = thought
    return made


def _call(call: Json, where: str) -> Json:
    used = read_call(call, where)
    written = msgspec.json.encode(used.arguments).decode()
    return {"id": used.id, "type": "function", "function": {"name": used.name, "arguments": written}}


def _result(text: str) -> str | list[Json]:
    """A tool's result: objects become documents, which the model can cite; anything else stays text."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        value: object = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    found = value if is_array(value) else [value]
    if not found or not all(is_object(item) and item for item in found):
        return text
    return [{"type": "document", "document": {"data": item}} for item in found]
