"""Rewrites the messages of a request so that a host of OpenAI's wire takes them, whichever dialect and model they came from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeGuard

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of, without
from llmgateway.providers.server_tools import content_in_words

_CANONS_OWN: Final = frozenset({"thinking_blocks", "provider_blocks", "reasoning_summary", "is_error", "extra_content"})
"""Fields of messages that are extensions of canon; tool calls may have the last one too."""
_MAKERS_OWN: Final = _CANONS_OWN | {"images", "reasoning_details"}
"""Fields of assistant messages that only the provider which wrote them understands."""
_THOUGHTS: Final = frozenset({"reasoning_content", "reasoning"})
_OF_ANSWERS: Final = _THOUGHTS | {"refusal", "annotations", "audio", "function_call"}
"""Fields of assistant messages that clients send back even when they are null or empty, and then are left out."""
_ADDED: Final = _CANONS_OWN | _THOUGHTS
_ADDED_TO_ANSWERS: Final = _MAKERS_OWN | _THOUGHTS
"""Fields that OpenAI does not know: in any message, and in those of the assistant."""
_OF_CALLS: Final = ("id", "type", "function", "index")
_LONGEST_LABEL: Final = 64


def as_system(message: Json) -> Json:
    """The message with role `system` for `developer`, OpenAI's newer word, which many hosts do not know."""
    return {**message, "role": "system"} if message.get("role") == "developer" else message


def with_server_tools_as_text(message: Json) -> Json:
    """The message with what another provider's server tools did written into its content."""
    return {**message, "content": content_in_words(message)} if message.get("provider_blocks") else message


def as_openai_knows(messages: Sequence[Json]) -> Sequence[Json]:
    """The messages without the extensions that other providers' answers have; the same object where there are none."""
    return [_known(message) for message in messages] if any(map(_is_extended, messages)) else messages


def _is_extended(message: Json) -> bool:
    added = _ADDED_TO_ANSWERS if message.get("role") == "assistant" else _ADDED
    if not added.isdisjoint(message):
        return True
    return any("extra_content" in call for call in objects(message.get("tool_calls")))


def _known(message: Json) -> Json:
    kept = without(with_server_tools_as_text(message), _strange(message) | _THOUGHTS)
    if calls := objects(kept.get("tool_calls")):
        kept["tool_calls"] = [without(call, _CANONS_OWN) for call in calls]
    return kept


def _strange(message: Json) -> frozenset[str]:
    """Fields of the message that only the provider which wrote it understands."""
    return _MAKERS_OWN if message.get("role") == "assistant" else _CANONS_OWN


@dataclass(frozen=True, slots=True)
class HistoryReader:
    """Leaves out of messages what a host does not know. `foreign`: they were translated from another dialect."""

    keeps: frozenset[str]
    """Extensions that the host understands."""
    fields: frozenset[str]
    """All fields that its messages may have, where it refuses any other; else empty."""
    foreign: bool

    def fit(self, message: Json) -> Json:
        """The message without the fields that the host does not know; the same object where it knows all."""
        strange = _strange(message) - self.keeps
        hidden = [name for name in message if name in strange or self._is_hidden(name, message[name])]
        kept = without(with_server_tools_as_text(message), hidden) if hidden else message
        calls = objects(kept.get("tool_calls"))
        if (read := [self._call(call) for call in calls]) != calls:
            kept = {**kept, "tool_calls": read}
        if not self._takes_markers and is_array(content := kept.get("content")):
            kept = {**kept, "content": [_unmarked(part) for part in content]}
        return kept

    @property
    def _takes_markers(self) -> bool:
        return "cache_control" in self.keeps or not (self.foreign or self.fields)

    def _is_hidden(self, name: str, value: object) -> bool:
        if name in self.keeps:
            return False
        if (name in _OF_ANSWERS and not value) or (self.fields and name not in self.fields):
            return True
        return self.foreign and name in {"reasoning_content", "cache_control"}

    def _call(self, call: Json) -> Json:
        if self.fields:
            return {name: call[name] for name in _OF_CALLS if name in call}
        strange = _CANONS_OWN - self.keeps
        return without(call, strange if self._takes_markers else strange | {"cache_control"})


def refusals_as_text(message: Json) -> Json:
    """The message with refusals as text: only OpenAI has a field and a part for them."""
    content = message.get("content")
    if is_array(content) and any(map(_is_refusal, content)):
        parts = [{"type": "text", "text": text_of(p.get("refusal"))} if _is_refusal(p) else p for p in content]
        return {**message, "content": parts}
    if not content and (refusal := text_of(message.get("refusal"))):
        return {**without(message, {"refusal"}), "content": refusal}
    return message


def _is_refusal(part: object) -> TypeGuard[Json]:
    return is_object(part) and part.get("type") == "refusal"


def _unmarked(part: object) -> object:
    return without(part, {"cache_control"}) if is_object(part) else part


def short_label(user: object) -> object:
    """The `user` label; one of more than the 64 characters that OpenAI takes as its SHA-256 digest."""
    if isinstance(user, str) and len(user) > _LONGEST_LABEL:
        return hashlib.sha256(user.encode()).hexdigest()
    return user


def media_after_results(messages: Sequence[Json]) -> list[Json]:
    """Move pictures and files of tool messages, which hold only text in chat, into a user message behind the run of results.

    Page: https://platform.openai.com/docs/api-reference/chat/create (tool message).
    """
    made: list[Json] = []
    media: list[Json] = []
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
