"""The `reasoning_effort` that each family of OpenAI's models takes, by name: for callers of /v1/messages, who chose theirs for Claude.

Pages: https://developers.openai.com/api/docs/guides/reasoning, https://platform.openai.com/docs/api-reference/chat/create
(`reasoning_effort`), and the models' own below https://developers.openai.com/api/docs/models.
"""

import re
from collections.abc import Sequence
from typing import Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, text_of

_ORDER: Final = ("none", "minimal", "low", "medium", "high", "xhigh")
_FAMILIES: Final[Sequence[tuple[re.Pattern[str], Sequence[str]]]] = tuple(
    (re.compile(names), efforts)
    for names, efforts in (
        (r"gpt-5(\.\d)?-chat", ()),
        (r"gpt-5-pro", ("high",)),
        (r"gpt-5\.\d-pro", ("medium", "high", "xhigh")),
        (r"gpt-5-codex|gpt-5\.1-codex(?!-max)", ("low", "medium", "high")),
        (r"gpt-5\.\d-codex", ("low", "medium", "high", "xhigh")),
        (r"gpt-5(?!\.)", ("minimal", "low", "medium", "high")),
        (r"gpt-5\.1", ("none", "low", "medium", "high")),
        (r"gpt-6\.\d|gpt-6-astra", ("low", "medium", "high", "xhigh")),
        (r"gpt-[5-9]", ("none", "low", "medium", "high", "xhigh")),
        (r"o1-(?:mini|preview)", ()),
        (r"o\d", ("low", "medium", "high")),
    )
)
"""Patterns for the beginning of a model's name, with the efforts it takes, least first; the first that matches counts."""


def fit_effort(body: Json) -> None:
    """Replace `thinking` and `reasoning_effort` of a Messages request by the nearest effort that the body's model takes."""
    thinking = body.pop("thinking", None)
    taken = _taken(body["model"])
    if thinking_is_off(thinking):
        if taken:
            body["reasoning_effort"] = taken[0]
    elif effort := text_of(body.get("reasoning_effort")):
        body["reasoning_effort"] = _nearest(effort, taken or _ORDER[:-1])


def cannot_stop_thinking(model: str, thinking: object) -> bool:
    """Whether thinking was switched off for a model whose least effort is `medium` or `high`."""
    return thinking_is_off(thinking) and _taken(model)[:1] in {("medium",), ("high",)}


def thinking_is_off(thinking: object) -> bool:
    """Whether a caller of Messages switched thinking off."""
    return is_object(thinking) and thinking.get("type") == "disabled"


def _taken(model: str) -> Sequence[str]:
    """The efforts that a model takes, the least first; empty where it takes none or is unknown."""
    name = model.rpartition("/")[2]
    return next((efforts for names, efforts in _FAMILIES if names.match(name)), ())


def _nearest(effort: str, taken: Sequence[str]) -> str:
    """The strongest of the taken efforts that is not above this one, else the least."""
    if effort not in _ORDER:
        return effort
    weaker = [one for one in taken if _ORDER.index(one) <= _ORDER.index(effort)]
    return weaker[-1] if weaker else taken[0]
