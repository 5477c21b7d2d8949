"""Writes bodies of Cohere's v2 chat from canon chat requests, and tells which fields of a request a model cannot honour.

Pages: https://docs.cohere.com/reference/chat, https://docs.cohere.com/v2/docs/tool-use-parameter-types,
https://docs.cohere.com/v2/docs/structured-outputs, https://docs.cohere.com/v2/docs/reasoning.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, object_in, objects, text_of, without_nulls
from llmgateway.providers.cohere.turns import PART_KINDS, turns
from llmgateway.providers.paths import leave_out
from llmgateway.providers.refusing import forces_a_tool_without_tools, message_fields, unknown_parameters
from llmgateway.providers.server_tools import blocks_without_words

OWN_FIELDS: Final = ("documents", "citation_options", "safety_mode", "priority", "strict_tools", "raw_prompting")
"""Fields of Cohere without an OpenAI name: they travel through canon under their own."""

_RENAMED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "max_tokens": "max_tokens",
        "max_completion_tokens": "max_tokens",
        "temperature": "temperature",
        "seed": "seed",
        "top_k": "k",
        "frequency_penalty": "frequency_penalty",
        "presence_penalty": "presence_penalty",
    }
)
_HONOURED: Final = frozenset(
    {"model", "messages", "stream", "stream_options", "top_p", "stop", "tools", "thinking", *_RENAMED, *OWN_FIELDS}
)
_JUDGED: Final = frozenset(
    {"frequency_penalty", "presence_penalty", "tool_choice", "response_format", "reasoning_effort"}
)
_KNOWN: Final = _HONOURED | _JUDGED
_MOST_TOP_P: Final = 0.99
_BUDGETS: Final[Mapping[str, int]] = MappingProxyType({"minimal": 1_024, "low": 1_024, "medium": 4_096})
"""Tokens of thinking for an effort, our choice; higher efforts set no budget."""
_EFFORTS: Final = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})


def thinks(model: str) -> bool:
    """Whether the model reasons, as its name tells."""
    return "reasoning" in model or "-plus-05-2026" in model


def chat_body(given: Mapping[str, Any], model: str, *, stream: bool, dropped: frozenset[str] = frozenset()) -> Json:
    """The body of /v2/chat. Raises BadRequest for what cannot be expressed."""
    canon = without_nulls(leave_out(given, dropped) if dropped else given)
    body: Json = {"model": model, "stream": stream, "messages": turns(canon.get("messages"), thinks=thinks(model))}
    body |= {theirs: canon[ours] for ours, theirs in _RENAMED.items() if ours in canon}
    if "top_p" in canon:
        body["p"] = min(canon["top_p"], _MOST_TOP_P)  # 1, which is all, is more than Cohere takes
    if stop := canon.get("stop"):
        body["stop_sequences"] = stop if is_array(stop) else [stop]
    _add_tools(body, canon)
    if output := _output(canon.get("response_format")):
        body["response_format"] = output
    if thinking := _thinking(canon, model):
        body["thinking"] = thinking
    return body | {name: canon[name] for name in OWN_FIELDS if name in canon}


def refusals(given: Mapping[str, Any], model: str) -> list[str]:
    """Paths of the canon request that this model cannot honour; a parameter at its default is honoured by absence."""
    canon = without_nulls(given)
    return [
        *unknown_parameters(canon, _KNOWN),
        *_sampling(canon),
        *_outputs(canon, model),
        *_tools(canon),
        *_history(canon),
    ]


def _add_tools(body: Json, canon: Json) -> None:
    tools = objects(canon.get("tools"))
    if not tools:
        return
    body["tools"] = [_tool(tool) for tool in tools]
    choice = canon.get("tool_choice")
    if choice == "none":
        body["tool_choice"] = "NONE"
    elif choice == "required" or is_object(choice):
        body["tool_choice"] = "REQUIRED"  # a named function is the only one, else it was refused
    if any(_function(tool).get("strict") for tool in tools):
        body["strict_tools"] = True


def _tool(tool: Json) -> Json:
    kept = {name: value for name, value in _function(tool).items() if name != "strict" and value is not None}
    kept.setdefault("parameters", {"type": "object", "properties": {}})
    return {"type": "function", "function": kept}


def _function(tool: Json) -> Json:
    return object_in(tool, "function")


def _output(wanted: object) -> Json | None:
    if not is_object(wanted) or wanted.get("type") == "text":
        return None
    named = wanted.get("json_schema")
    schema = named.get("schema") if is_object(named) else None
    return {"type": "json_object", **({"json_schema": schema} if schema else {})}


def _thinking(canon: Json, model: str) -> Json | None:
    wanted, effort = canon.get("thinking"), text_of(canon.get("reasoning_effort"))
    if not thinks(model):
        return None
    if is_object(wanted):
        if wanted.get("type") == "disabled":
            return {"type": "disabled"}
        budget = wanted.get("budget_tokens") or wanted.get("token_budget")
    elif effort:
        if effort == "none":
            return {"type": "disabled"}
        budget = _BUDGETS.get(effort)
    else:
        return None
    return {"type": "enabled", **({"token_budget": budget} if budget else {})}


def _sampling(canon: Json) -> Iterator[str]:
    for name in ("frequency_penalty", "presence_penalty"):
        value = canon.get(name, 0)
        if not (isinstance(value, int | float) and 0 <= value <= 1):
            yield name


def _outputs(canon: Json, model: str) -> Iterator[str]:
    wanted = canon.get("response_format")
    kind = wanted.get("type") if is_object(wanted) else wanted
    if kind not in (None, "text", "json_object", "json_schema"):
        yield "response_format"
    effort, thinking = canon.get("reasoning_effort", "none"), canon.get("thinking")
    switched = is_object(thinking) and thinking.get("type") != "disabled"
    if switched and not thinks(model):
        yield "thinking"
    elif thinking is None and (effort not in _EFFORTS or (effort != "none" and not thinks(model))):
        yield "reasoning_effort"


def _tools(canon: Json) -> Iterator[str]:
    tools = objects(canon.get("tools"))
    strict = any(_function(tool).get("strict") for tool in tools)
    for index, tool in enumerate(tools):
        parameters = _function(tool).get("parameters")
        if not _function(tool):
            yield f"tools.{index}.type"
        elif strict and not (is_object(parameters) and parameters.get("required")):
            # strict_tools counts for all tools, and each needs a required parameter
            strict_ones = [n for n, one in enumerate(tools) if _function(one).get("strict")]
            yield from (f"tools.{n}.function.strict" for n in strict_ones)
            strict = False
    choice = canon.get("tool_choice")
    if forces_a_tool_without_tools(canon):
        yield "tool_choice"
    elif is_object(choice):
        named = choice.get("function")
        name = named.get("name") if is_object(named) else None
        if [_function(tool).get("name") for tool in tools] != [name]:
            yield "tool_choice"
    elif choice not in (None, "auto", "none", "required"):
        yield "tool_choice"


def _history(canon: Json) -> Iterator[str]:
    messages = objects(canon.get("messages"))
    yield from message_fields(messages)
    yield from blocks_without_words(messages)
    for index, message in enumerate(messages):
        for place, part in enumerate(objects(message.get("content"))):
            kind = text_of(part.get("type"))
            if kind not in PART_KINDS or (kind == "image_url" and message.get("role") != "user"):
                yield f"messages.{index}.content.{place}.type"
