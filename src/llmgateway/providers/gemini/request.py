"""Writes bodies of generateContent from canon chat requests.

Pages: https://ai.google.dev/api/generate-content and https://ai.google.dev/gemini-api/docs/openai. Dictionaries in,
dictionaries out: Vertex AI builds on these functions.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from llmgateway.canon.call import Call, Dialect
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of, without_nulls
from llmgateway.providers.base import Place
from llmgateway.providers.gemini.models import GeminiModel, gemini_model
from llmgateway.providers.gemini.schema import response_schema, takes_nothing
from llmgateway.providers.gemini.turns import turns
from llmgateway.providers.paths import leave_out

OWN_TOOLS: Final = frozenset(
    {"google_search", "url_context", "code_execution", "google_maps", "file_search", "computer_use"}
)
"""Google's server-side tools: `{"type": "google_search", "google_search": {...}}` among the tools."""
OWN_SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {"cached_content": "cachedContent", "safety_settings": "safetySettings"}
)
"""Fields of `extra_body.google`, as on Google's own OpenAI surface, and where they go; `thinking_config` is one more."""
SERVICE_TIERS: Final = frozenset({"flex", "priority"})
_SAMPLING: Final[Mapping[str, str]] = MappingProxyType(
    {"temperature": "temperature", "top_p": "topP", "top_k": "topK", "seed": "seed"}
)
_PENALTIES: Final[Mapping[str, str]] = MappingProxyType(
    {"presence_penalty": "presencePenalty", "frequency_penalty": "frequencyPenalty"}
)
_MODES: Final[Mapping[str, str]] = MappingProxyType({"auto": "AUTO", "required": "ANY", "none": "NONE"})


def generate_body(call: Call, place: Place) -> Json:
    """The body for a canon request. Raises BadRequest for what cannot be expressed."""
    asked = without_nulls(leave_out(call.canon, place.dropped) if place.dropped else call.canon)
    gemini = gemini_model(place.model)
    history = turns(asked.get("messages"), gemini)
    body: Json = {"contents": history.contents}
    if history.system:
        body["systemInstruction"] = {"parts": history.system}
    _add_tools(body, asked)
    config = _generation_config(asked)
    if thinking := _seen_by(call, thinking_config(asked, gemini)):
        config["thinkingConfig"] = thinking
    if config:
        body["generationConfig"] = config
    google = google_settings(asked)
    body.update({theirs: google[ours] for ours, theirs in OWN_SETTINGS.items() if ours in google})
    return body


def google_settings(canon: Mapping[str, Any]) -> Json:
    """`extra_body.google`: Google's own settings, under the names of its OpenAI surface."""
    extra = canon.get("extra_body")
    google = extra.get("google") if is_object(extra) else None
    return google if is_object(google) else {}


def wants_summary(canon: Mapping[str, Any]) -> bool:
    """Whether the caller asked for a summary of the reasoning, which is what Google's thoughts are."""
    return bool(canon.get("reasoning.summary"))


def service_tier(canon: Mapping[str, Any], dropped: frozenset[str]) -> str | None:
    """The tier to ask for; None for the standard one."""
    tier = canon.get("service_tier")
    return tier if tier in SERVICE_TIERS and "service_tier" not in dropped else None


def thinking_config(canon: Mapping[str, Any], gemini: GeminiModel) -> Json | None:
    """The `thinkingConfig`; None leaves thinking to the model, and thoughts are not returned."""
    if given := google_settings(canon).get("thinking_config"):
        return given
    thinking, effort = canon.get("thinking"), text_of(canon.get("reasoning_effort"))
    if not gemini.thinks or not (thinking or effort):
        return {"includeThoughts": True} if gemini.thinks and wants_summary(canon) else None
    if is_object(thinking) and not (gemini.by_level and effort):
        return _thinking_budget(thinking, gemini)
    if effort == "none":
        return None if gemini.always_thinks else {"thinkingBudget": 0}
    if gemini.by_level:
        return {"thinkingLevel": gemini.level(effort), "includeThoughts": True}
    return {"thinkingBudget": gemini.budget(effort, _limit(canon)), "includeThoughts": True}


def _seen_by(call: Call, config: Json | None) -> Json | None:
    """The `thinkingConfig` for this caller. One of /v1/messages is shown thoughts only when it sends `thinking`, not an effort alone."""
    thinking = call.canon.get("thinking")
    asked = is_object(thinking) and thinking.get("display") != "omitted"
    if config is None or asked or call.dialect is not Dialect.ANTHROPIC:
        return config
    return {name: value for name, value in config.items() if name != "includeThoughts"}


def function_names(choice: object) -> list[str]:
    """The functions that a tool_choice allows; none when it names none."""
    if not is_object(choice):
        return []
    allowed = choice.get("allowed_tools")
    named = objects(allowed.get("tools")) if is_object(allowed) else [choice]
    functions = [function for tool in named if is_object(function := tool.get("function"))]
    return [text_of(function.get("name")) for function in functions]


def _thinking_budget(thinking: Json, gemini: GeminiModel) -> Json | None:
    """Anthropic's setting, in tokens; `adaptive` is what Google calls dynamic."""
    kind, budget = thinking.get("type"), thinking.get("budget_tokens")
    if kind == "disabled":
        return None if gemini.always_thinks else {"thinkingBudget": 0}
    if kind == "enabled" and isinstance(budget, int):
        return {"thinkingBudget": gemini.within(budget), "includeThoughts": True}
    return {"includeThoughts": True} if gemini.by_level else {"thinkingBudget": -1, "includeThoughts": True}


def _add_tools(body: Json, canon: Json) -> None:
    tools = objects(canon.get("tools"))
    functions = [tool["function"] for tool in tools if is_object(tool.get("function"))]
    made: list[Json] = (
        [{"functionDeclarations": [_declaration(function) for function in functions]}] if functions else []
    )
    own = [text_of(tool.get("type")) for tool in tools if not is_object(tool.get("function"))]
    made += [{name: next(t for t in tools if t.get("type") == name).get(name) or {}} for name in own]
    if made:
        body["tools"] = made
    if functions and (config := _calling_config(canon, functions)):
        body["toolConfig"] = {"functionCallingConfig": config}


def _declaration(function: Json) -> Json:
    made: Json = {"name": function.get("name")}
    if description := function.get("description"):
        made["description"] = description
    parameters = function.get("parameters")
    if not takes_nothing(parameters):
        made["parametersJsonSchema"] = parameters
    return made


def _calling_config(canon: Json, functions: list[Json]) -> Json | None:
    choice = canon.get("tool_choice")
    names = function_names(choice)
    allowed = choice.get("allowed_tools") if is_object(choice) else None
    if is_object(allowed):
        return {"mode": "ANY" if allowed.get("mode") == "required" else "VALIDATED", "allowedFunctionNames": names}
    if names:
        return {"mode": "ANY", "allowedFunctionNames": names}
    mode = _MODES.get(text_of(choice))
    if mode in {None, "AUTO"} and any(function.get("strict") for function in functions):
        mode = "VALIDATED"  # calls follow their schema, which AUTO does not promise
    return {"mode": mode} if mode else None


def _generation_config(canon: Json) -> Json:
    config: Json = {theirs: canon[ours] for ours, theirs in _SAMPLING.items() if ours in canon}
    config.update({theirs: canon[ours] for ours, theirs in _PENALTIES.items() if canon.get(ours)})
    if (limit := _limit(canon)) is not None:
        config["maxOutputTokens"] = limit
    if stop := canon.get("stop"):
        config["stopSequences"] = [stop] if isinstance(stop, str) else stop
    if canon.get("n", 1) != 1:
        config["candidateCount"] = canon["n"]
    if canon.get("logprobs"):
        config["responseLogprobs"] = True
        if top := canon.get("top_logprobs"):
            config["logprobs"] = top
    modalities = canon.get("modalities")
    if is_array(modalities) and "image" in modalities:
        config["responseModalities"] = [text_of(name).upper() for name in modalities]
    _add_format(config, canon.get("response_format"))
    return config


def _limit(canon: Mapping[str, Any]) -> int | None:
    """The most output tokens, thoughts included; None where the caller set no limit."""
    limit = canon.get("max_completion_tokens", canon.get("max_tokens"))
    return limit if isinstance(limit, int) else None


def _add_format(config: Json, wanted: object) -> None:
    if not is_object(wanted) or text_of(wanted.get("type")) not in {"json_object", "json_schema"}:
        return
    config["responseMimeType"] = "application/json"
    named = wanted.get("json_schema")
    schema = named.get("schema") if is_object(named) else None
    if is_object(named) and is_object(schema):
        made = response_schema(schema, "response_format.json_schema.schema")
        if (description := named.get("description")) and "description" not in made:
            made["description"] = description
        config["responseJsonSchema"] = made
