"""Paths of the fields of a canon request that Claude cannot honour.

A parameter at its documented default is honoured by leaving it out, so it is no refusal.
Page: https://platform.claude.com/docs/en/cli-sdks-libraries/libraries/openai-sdk (what has no counterpart).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of, without_nulls
from llmgateway.providers.anthropic.models import THINKING_BUDGETS, ClaudeModel, claude_model
from llmgateway.providers.anthropic.request import OWN_FIELDS, forces_tool, output_limit, thinking_budget
from llmgateway.providers.anthropic.turns import OPAQUE_PARTS
from llmgateway.providers.history import has_unsigned_tool_turn
from llmgateway.providers.refusing import message_fields, unknown_parameters

_HONOURED: Final = frozenset(
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "parallel_tool_calls",
        "thinking",
        "user",
        "safety_identifier",
        *OWN_FIELDS,
    }
)
_KNOWN: Final = _HONOURED | {
    "stop", "temperature", "top_p", "top_k", "reasoning_effort", "response_format", "service_tier", "metadata", "tools",
    "tool_choice",
}  # fmt: skip
"""All parameters that Claude knows: honoured with any value, or judged by their value below."""
_PART_KINDS: Final = frozenset({"text", "refusal", "image_url", "file", *OPAQUE_PARTS})
_SERVER_TOOL: Final = re.compile(r"[a-z0-9_]+_20\d{6}|tool_search_tool_(bm25|regex)|mcp_toolset")
_CHOICES: Final = frozenset({"auto", "none", "required"})
_EFFORTS: Final = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})
_LEAST_TOP_P_OF_THINKING: Final = 0.95
_FULL_DETAIL: Final = frozenset({"auto", "high", "original"})


def refusals(body: Mapping[str, Any], model: str) -> list[str]:
    """Paths of the canon request that this model cannot honour, each once."""
    canon = without_nulls(body)
    claude = claude_model(model)
    found = [
        *unknown_parameters(canon, _KNOWN),
        *_sampling(canon, claude),
        *_reasoning(canon, claude),
        *_outputs(canon, claude),
        *_tools(canon, claude),
        *_history(canon),
    ]
    return list(dict.fromkeys(found))


def _sampling(canon: Json, claude: ClaudeModel) -> Iterator[str]:
    temperature, top_p = _number(canon, "temperature"), _number(canon, "top_p")
    thinking = _thinks(canon, claude)
    if temperature != 1 and (not claude.samples or thinking or temperature > 1):
        yield "temperature"
    either = claude.one_sampling_parameter and temperature != 1
    if top_p != 1 and (not claude.samples or either or (thinking and top_p < _LEAST_TOP_P_OF_THINKING)):
        yield "top_p"
    if "top_k" in canon and (not claude.samples or thinking):
        yield "top_k"
    stop = canon.get("stop")
    if any(not text_of(text).strip() for text in (stop if is_array(stop) else [stop] if stop else [])):
        yield "stop"  # a sequence of nothing but white space is refused


def _number(canon: Json, name: str) -> float:
    """The number, or 1, the default, where there is none to judge: Anthropic says what is wrong with it."""
    value = canon.get(name)
    return value if isinstance(value, int | float) else 1


def _thinks(canon: Json, claude: ClaudeModel) -> bool:
    """Whether the request switches thinking on; sampling cannot be changed then."""
    thinking = canon.get("thinking")
    if is_object(thinking):
        return text_of(thinking.get("type")) in {"enabled", "adaptive"}
    effort = text_of(canon.get("reasoning_effort")) or "none"
    return effort != "none" and _effort_fits(effort, canon, claude)  # one that cannot be honoured is refused by itself


def _reasoning(canon: Json, claude: ClaudeModel) -> Iterator[str]:
    thinking = canon.get("thinking")
    if thinking is not None:
        kind = text_of(thinking.get("type")) if is_object(thinking) else ""
        if kind == "" or (kind == "adaptive" and not claude.adaptive) or (kind == "enabled" and not claude.budgets):
            yield "thinking"
    elif "reasoning_effort" in canon and not _effort_fits(text_of(canon["reasoning_effort"]), canon, claude):
        yield "reasoning_effort"


def _effort_fits(effort: str, canon: Json, claude: ClaudeModel) -> bool:
    if effort == "none":
        return not claude.always_thinks
    if effort not in _EFFORTS or not claude.thinks:
        return False
    if claude.adaptive:
        return effort == "minimal" or effort in claude.efforts
    return _budget_fits(effort, canon, claude)


def _budget_fits(effort: str, canon: Json, claude: ClaudeModel) -> bool:
    """Whether a thinking budget can go with the rest of the request.

    There must be room below the output limit and no forced tool, and the thinking blocks of the last tool turn must
    have come back (https://platform.claude.com/docs/en/build-with-claude/extended-thinking).
    """
    return (
        effort in THINKING_BUDGETS
        and thinking_budget(effort, output_limit(canon, claude)) > 0
        and not forces_tool(canon)
        and not has_unsigned_tool_turn(canon.get("messages"))
    )


def _outputs(canon: Json, claude: ClaudeModel) -> Iterator[str]:
    wanted = canon.get("response_format")
    if wanted is not None:
        kind = wanted.get("type") if is_object(wanted) else None
        if kind != "text" and not (kind == "json_schema" and claude.structured):
            yield "response_format"
    if canon.get("service_tier") not in (None, "auto", "default", "standard_only"):
        yield "service_tier"
    metadata = canon.get("metadata")
    if metadata is not None and not (is_object(metadata) and metadata.keys() <= {"user_id"}):
        yield "metadata"


def _tools(canon: Json, claude: ClaudeModel) -> Iterator[str]:
    for index, tool in enumerate(objects(canon.get("tools"))):
        function = tool.get("function")
        if is_object(function):
            if function.get("strict") and not claude.structured:
                yield f"tools.{index}.function.strict"
        elif not _SERVER_TOOL.fullmatch(text_of(tool.get("type"))):
            yield f"tools.{index}.type"
    choice = canon.get("tool_choice")
    known = choice in _CHOICES if isinstance(choice, str) else is_object(choice) and choice.get("type") == "function"
    idle = choice in ("auto", "none")
    can = idle or (bool(canon.get("tools")) and not claude.always_thinks)
    if choice is not None and not (known and can):
        yield "tool_choice"


def _history(canon: Json) -> Iterator[str]:
    messages = objects(canon.get("messages"))
    yield from message_fields(messages)
    for index, message in enumerate(messages):
        yield from _parts(objects(message.get("content")), f"messages.{index}.content")


def _parts(parts: Iterable[Json], where: str) -> Iterator[str]:
    for index, part in enumerate(parts):
        kind = text_of(part.get("type"))
        if kind not in _PART_KINDS:
            yield f"{where}.{index}.type"
        image = part.get("image_url")
        detail = text_of(image.get("detail")) if is_object(image) else ""
        if kind == "image_url" and detail and detail not in _FULL_DETAIL:
            yield f"{where}.{index}.image_url.detail"
