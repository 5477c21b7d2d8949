"""What is said and asked, in no API's words: the wires write it as a provider would, the suite reads it back."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, objects, text_of
from llmgateway.canon.usage import Usage
from llmgateway.providers.base import Step


@dataclass(frozen=True, kw_only=True)
class Said:
    """One answer. `finish` in OpenAI's word; token counts in OpenAI's meaning (the prompt includes what was cached)."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, str, Json], ...] = ()
    """(id, name, arguments)."""
    finish: str = "stop"
    prompt: int = 40
    completion: int = 20
    cached: int = 0
    reasoned: int = 0

    def without(self, lacks: frozenset[str]) -> "Said":
        """As a wire says it that has no words for some of it."""
        calls = tuple(("" if "ids" in lacks else i, n, a) for i, n, a in self.calls)
        cached, reasoned = ("cached" not in lacks) * self.cached, ("reasoned" not in lacks) * self.reasoned
        return replace(self, calls=calls, cached=cached, reasoned=reasoned)


@dataclass(frozen=True)
class Asked:
    """What arrived at a provider: messages and settings, under canon's names."""

    system: str = ""
    user: tuple[str, ...] = ()
    """Texts of the user, in order."""
    media: tuple[str, ...] = ()
    """Base64 data or addresses of images, files and sound."""
    calls: tuple[tuple[str, Json], ...] = ()
    """(name, arguments) in the history."""
    results: tuple[str, ...] = ()
    """Texts of tool results."""
    settings: Json = field(default_factory=dict[str, Any])
    """Parameters that are set; `tools` as (name, description, properties), `schema` as properties."""


def said_whole(body: Json, usage: Usage | None) -> Said:
    """The meaning of a chat completion."""
    choice = objects(body.get("choices"))[0]
    message: Json = choice["message"]
    calls = [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in _calls(message)]
    return _said(text_of(message.get("content")), message, calls, choice["finish_reason"], usage)


def said_in_stream(steps: Sequence[Step]) -> Said:
    """The meaning of canon chunks, added up as a client does."""
    text, reasoning, finish = "", "", ""
    calls: dict[int, list[str]] = {}
    for step in steps:
        for choice in step.chunk["choices"] if step.chunk else ():
            delta: Json = {**choice["delta"]}
            text += text_of(delta.get("content"))
            reasoning += text_of(delta.get("reasoning_content"))
            finish = choice["finish_reason"] or finish
            for call in objects(delta.get("tool_calls")):
                known = calls.setdefault(call["index"], ["", "", ""])
                function: Json = call.get("function") or {}
                for place, piece in enumerate((call.get("id"), function.get("name"), function.get("arguments"))):
                    known[place] += piece or ""
    usage = next((step.usage for step in reversed(steps) if step.usage), None)
    found = [(calls[index][0], calls[index][1], calls[index][2]) for index in sorted(calls)]
    return _said(text, {"reasoning_content": reasoning}, found, finish, usage)


def _said(text: str, message: Json, calls: Sequence[tuple[str, str, str]], finish: str, usage: Usage | None) -> Said:
    figures = usage or Usage()
    return Said(
        text=text,
        reasoning=text_of(message.get("reasoning_content")),
        calls=tuple((i, name, msgspec.json.decode(arguments)) for i, name, arguments in calls),
        finish=finish,
        prompt=figures.prompt_tokens,
        completion=figures.completion_tokens,
        cached=figures.cached_tokens,
        reasoned=figures.reasoning_tokens,
    )


def _calls(message: Json) -> list[Json]:
    return [call for call in objects(message.get("tool_calls")) if is_object(call.get("function"))]
