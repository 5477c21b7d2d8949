"""Ids of tool calls, rewritten for providers that do not take the ids of every other provider."""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import objects, text_of


@dataclass(frozen=True, slots=True)
class CallIds:
    """The form of ids that a provider takes. Any other id is replaced by its digest, which is the same in every request."""

    taken: re.Pattern[str]
    length: int
    """Characters of a digest, which are capital letters and digits."""

    def fit(self, identifier: str) -> str:
        """The id in the form that the provider takes; one that has it already, or is empty, unchanged."""
        if not identifier or self.taken.fullmatch(identifier):
            return identifier
        return base64.b32encode(hashlib.sha256(identifier.encode()).digest()).decode()[: self.length]

    def in_history(self, messages: Sequence[Json]) -> Sequence[Json]:
        """The messages with ids that fit, in calls and in results; the same object where all fit."""
        return messages if all(map(self._fits, messages)) else [self._fitted(message) for message in messages]

    def _fits(self, message: Json) -> bool:
        return all(identifier == self.fit(identifier) for identifier in _ids(message))

    def _fitted(self, message: Json) -> Json:
        if identifier := text_of(message.get("tool_call_id")):
            return {**message, "tool_call_id": self.fit(identifier)}
        if calls := objects(message.get("tool_calls")):
            return {**message, "tool_calls": [{**call, **self._named(call)} for call in calls]}
        return message

    def _named(self, call: Json) -> Json:
        return {"id": self.fit(identifier)} if (identifier := text_of(call.get("id"))) else {}


def _ids(message: Json) -> list[str]:
    calls = objects(message.get("tool_calls"))
    return [text_of(message.get("tool_call_id")), *(text_of(call.get("id")) for call in calls)]
