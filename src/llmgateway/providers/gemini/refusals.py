"""Paths of the fields of a canon request that Gemini cannot honour.

A parameter at its documented default is honoured by leaving it out, so it is no refusal.
Page: https://ai.google.dev/gemini-api/docs/openai (what has no counterpart).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of, without_nulls
from llmgateway.providers.gemini.models import EFFORTS, GeminiModel, gemini_model
from llmgateway.providers.gemini.parts import PART_KINDS, foreign_address, foreign_file
from llmgateway.providers.gemini.request import (
    OWN_SETTINGS,
    OWN_TOOLS,
    SERVICE_TIERS,
    function_names,
    google_settings,
    thinking_config,
)
from llmgateway.providers.refusing import (
    forbids_parallel_calls,
    forces_a_tool_without_tools,
    message_fields,
    unknown_parameters,
)
from llmgateway.providers.server_tools import blocks_without_words

_HONOURED: Final = frozenset(
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "top_k",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "logprobs",
        "top_logprobs",
        "tools",
        "thinking",
    }
)
_OWN: Final = frozenset(
    {
        "n",
        "stop",
        "modalities",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "reasoning_effort",
        "reasoning.summary",
        "service_tier",
        "extra_body",
    }
)
_KNOWN: Final = _HONOURED | _OWN
_CHOICES: Final = frozenset({"auto", "none", "required"})
_MODES: Final = frozenset({"auto", "required"})
_FORMATS: Final = frozenset({"text", "json_object", "json_schema"})
_DETAILS: Final = frozenset({"auto", "high", "original"})
_MOST_CANDIDATES: Final = 8
_MOST_STOPS: Final = 5


def refusals(body: Mapping[str, Any], model: str, *, any_address: bool = False) -> list[str]:
    """Paths of the canon request that this model cannot honour, each once.

    `any_address`: the host fetches files from the web for every model.
    """
    canon = without_nulls(body)
    gemini = gemini_model(model)
    found = [
        *unknown_parameters(canon, _KNOWN),
        *_sampling(canon),
        *_reasoning(canon, gemini),
        *_outputs(canon),
        *_tools(canon),
    ]
    return list(dict.fromkeys([*found, *_history(canon, any_address=any_address or gemini.fetches_addresses)]))


def _sampling(canon: Json) -> Iterator[str]:
    if not 1 <= canon.get("n", 1) <= _MOST_CANDIDATES:
        yield "n"
    stop = canon.get("stop")
    if is_array(stop) and len(stop) > _MOST_STOPS:
        yield "stop"
    modalities = canon.get("modalities")
    if is_array(modalities) and not {"text", "image"}.issuperset(modalities):
        yield "modalities"


def _reasoning(canon: Json, gemini: GeminiModel) -> Iterator[str]:
    thinking, effort = canon.get("thinking"), canon.get("reasoning_effort")
    if is_object(thinking) and thinking.get("type") != "disabled" and not gemini.thinks:
        yield "thinking"
    asked = thinking_config(canon, gemini) or {}
    if "reasoning.summary" in canon and not (asked.get("includeThoughts") or asked.get("include_thoughts")):
        yield "reasoning.summary"
    if effort is None:
        return
    if google_settings(canon).get("thinking_config"):
        refused = True  # they say the same thing twice
    elif effort == "none":
        refused = gemini.always_thinks
    else:
        refused = effort not in EFFORTS or not gemini.thinks
    if refused:
        yield "reasoning_effort"


def _outputs(canon: Json) -> Iterator[str]:
    wanted = canon.get("response_format")
    if is_object(wanted) and text_of(wanted.get("type")) not in _FORMATS:
        yield "response_format"
    if canon.get("service_tier", "auto") not in {"auto", "default", *SERVICE_TIERS}:
        yield "service_tier"
    extra = canon.get("extra_body")
    if is_object(extra):
        yield from (f"extra_body.{name}" for name in extra if name != "google")
        known = {*OWN_SETTINGS, "thinking_config"}
        yield from (f"extra_body.google.{name}" for name in google_settings(canon) if name not in known)


def _tools(canon: Json) -> Iterator[str]:
    tools = objects(canon.get("tools"))
    for index, tool in enumerate(tools):
        if not is_object(tool.get("function")) and text_of(tool.get("type")) not in OWN_TOOLS:
            yield f"tools.{index}.type"
    choice = canon.get("tool_choice")
    if not _is_understood(choice) or forces_a_tool_without_tools(canon):
        yield "tool_choice"
    if forbids_parallel_calls(canon):
        yield "parallel_tool_calls"


def _is_understood(choice: object) -> bool:
    """Whether a tool_choice says something that Gemini's calling config can say."""
    if not is_object(choice):
        return choice is None or text_of(choice) in _CHOICES
    names, allowed = function_names(choice), choice.get("allowed_tools")
    if choice.get("type") == "allowed_tools":
        meant = (
            is_object(allowed) and allowed.get("mode") in _MODES and len(names) == len(objects(allowed.get("tools")))
        )
    else:
        meant = choice.get("type") == "function"
    return meant and bool(names) and all(names)


def _history(canon: Json, *, any_address: bool) -> Iterator[str]:
    messages = objects(canon.get("messages"))
    yield from message_fields(messages)
    yield from blocks_without_words(messages)
    for where, part in _parts(canon):
        kind, image = part.get("type"), part.get("image_url")
        if kind not in PART_KINDS:
            yield f"{where}.type"
        elif foreign_file(part):
            yield f"{where}.file.file_id"
        elif foreign_address(part) and not any_address:
            yield f"{where}.{kind}"
        if is_object(image) and text_of(image.get("detail") or "auto") not in _DETAILS:
            yield f"{where}.image_url.detail"


def _parts(canon: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    for index, message in enumerate(objects(canon.get("messages"))):
        for position, part in enumerate(objects(message.get("content"))):
            yield f"messages.{index}.content.{position}", part
