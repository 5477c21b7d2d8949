"""Messages of other dialects, and of newer OpenAI clients, as OpenAI-compatible hosts take them."""

import hashlib
from collections.abc import Sequence
from typing import Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import objects
from llmgateway.providers.server_tools import content_in_words

OWN_EXTENSIONS: Final = ("thinking_blocks", "provider_blocks", "is_error", "extra_content")
"""Fields of messages that only canon knows."""
_UNKNOWN_TO_OPENAI: Final = (*OWN_EXTENSIONS, "reasoning_content")
_LONGEST_LABEL: Final = 64


def as_system(message: Json) -> Json:
    """`developer` is OpenAI's newer word for `system`, which every host knows and many know alone."""
    return {**message, "role": "system"} if message.get("role") == "developer" else message


def told(message: Json) -> Json:
    """With what server tools of another maker did in words."""
    return {**message, "content": content_in_words(message)} if message.get("provider_blocks") else message


def as_openai_knows(messages: Sequence[Json]) -> Sequence[Json]:
    """A history without what other makers' models added to their answers; the very same one where there is none of it."""
    return [_known(message) for message in messages] if any(map(_is_extended, messages)) else messages


def _is_extended(message: Json) -> bool:
    if any(name in message for name in _UNKNOWN_TO_OPENAI):
        return True
    return any("extra_content" in call for call in objects(message.get("tool_calls")))


def _known(message: Json) -> Json:
    message = told(message)
    kept = {name: value for name, value in message.items() if name not in _UNKNOWN_TO_OPENAI}
    if calls := objects(kept.get("tool_calls")):
        kept["tool_calls"] = [{n: value for n, value in call.items() if n != "extra_content"} for call in calls]
    return kept


def short_label(user: object) -> object:
    """Who asks, in the 64 characters that OpenAI takes: a longer name of another dialect's caller as its digest."""
    if isinstance(user, str) and len(user) > _LONGEST_LABEL:
        return hashlib.sha256(user.encode()).hexdigest()
    return user


def media_after_results(messages: Sequence[Json]) -> list[Json]:
    """Tool messages hold only text in chat: their pictures and files follow the run of results, told by the call.

    Page: https://platform.openai.com/docs/api-reference/chat/create (tool message).
    """
    made, media = list[Json](), list[Json]()
    for message in messages:
        if message.get("role") == "tool":
            others = [part for part in objects(message.get("content")) if part.get("type") != "text"]
            if others:
                media += [{"type": "text", "text": f"From the result of {message.get('tool_call_id')}:"}, *others]
            made.append(_text_alone(message) if others else message)
            continue
        if media:
            made.append({"role": "user", "content": media})
            media = []
        made.append(message)
    return [*made, {"role": "user", "content": media}] if media else made


def _text_alone(message: Json) -> Json:
    texts = [part for part in objects(message.get("content")) if part.get("type") == "text"]
    return {**message, "content": texts or "See the next message of the user."}
