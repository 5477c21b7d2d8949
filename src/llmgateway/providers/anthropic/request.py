"""Writes bodies of the Messages API: from a canon chat request, or from a caller's own Messages body.

Pages: https://platform.claude.com/docs/en/api/messages, .../build-with-claude/structured-outputs, .../thinking, .../effort.
Dictionaries in, dictionaries out: other hosts of the same language (Bedrock, Vertex, Azure) build on these functions.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from llmgateway.canon.call import Call, Operation
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of, without_nulls
from llmgateway.providers.anthropic.models import LEAST_BUDGET, THINKING_BUDGETS, ClaudeModel, claude_model
from llmgateway.providers.anthropic.schemas import constrained
from llmgateway.providers.anthropic.turns import collapsed, turns, with_own_ids, without_unsigned
from llmgateway.providers.paths import leave_out

OWN_FIELDS: Final = (
    "cache_control",
    "container",
    "context_management",
    "diagnostics",
    "inference_geo",
    "mcp_servers",
    "speed",
)
"""Fields of the Messages API without an OpenAI name: they travel through canon under their own."""

_TOOL_FIELDS: Final = (
    "cache_control",
    "allowed_callers",
    "defer_loading",
    "eager_input_streaming",
    "input_examples",
)
_COUNTED: Final = frozenset(
    {"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "mcp_servers", "cache_control"}
)
_SERVICE_TIERS: Final[Mapping[str, str]] = MappingProxyType(
    {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
)
_TOOL_CHOICES: Final[Mapping[str, str]] = MappingProxyType({"auto": "auto", "required": "any", "none": "none"})


def native_body(call: Call, model: str, *, stream: bool, dropped: frozenset[str] = frozenset()) -> Json:
    """The caller's own Messages body, which the dialect has checked, with only what must change."""
    body: Json = {**(leave_out(call.body, dropped) if dropped else call.body), "model": model}
    body["messages"] = with_own_ids(without_unsigned(body["messages"]))
    if call.operation is Operation.CHAT and bool(body.get("stream")) != stream:
        body["stream"] = stream
    return body


def messages_body(call: Call, model: str, *, stream: bool, dropped: frozenset[str] = frozenset()) -> Json:
    """The Messages body for a canon request. Raises BadRequest for what cannot be expressed."""
    canon = without_nulls(leave_out(call.canon, dropped) if dropped else call.canon)
    claude = claude_model(model)
    history = turns(canon.get("messages"))
    limit = canon.get("max_completion_tokens", canon.get("max_tokens", claude.max_tokens))
    body: Json = {"model": model, "max_tokens": limit}
    if history.system:
        body["system"] = collapsed(history.system)
    body["messages"] = [{**turn, "content": collapsed(turn["content"])} for turn in history.messages]
    _add_tools(body, canon)
    _add_sampling(body, canon, claude)
    _add_thinking(body, canon, claude)
    _add_output_format(body, canon)
    _add_labels(body, canon)
    body.update({name: canon[name] for name in OWN_FIELDS if name in canon})
    if call.operation is Operation.COUNT_TOKENS:
        return {name: value for name, value in body.items() if name in _COUNTED}
    if stream:
        body["stream"] = True
    return body


def output_limit(canon: Mapping[str, Any], claude: ClaudeModel) -> int:
    """The most output tokens: the caller's limit, else the model's documented maximum, since the API requires one."""
    given = canon.get("max_completion_tokens", canon.get("max_tokens"))
    return given if isinstance(given, int) else claude.max_tokens


def thinking_budget(effort: str, limit: int) -> int:
    """Tokens of thinking for an effort, at most half of the output limit, so that the answer has room. 0 when that is too little."""
    budget = min(THINKING_BUDGETS.get(effort, THINKING_BUDGETS["high"]), limit // 2)
    return budget if budget >= LEAST_BUDGET else 0


def forces_tool(canon: Mapping[str, Any]) -> bool:
    """Whether the model must call a tool: thinking cannot be switched on then."""
    choice = canon.get("tool_choice")
    return bool(canon.get("tools")) and (is_object(choice) or choice == "required")


def _add_tools(body: Json, canon: Json) -> None:
    tools = [_tool(tool, f"tools.{index}") for index, tool in enumerate(objects(canon.get("tools")))]
    if not tools:
        return
    body["tools"] = tools
    choice = _tool_choice(canon.get("tool_choice"))
    if canon.get("parallel_tool_calls") is False and (choice or {}).get("type") != "none":
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    if choice:
        body["tool_choice"] = choice


def _tool(tool: Json, where: str) -> Json:
    function = tool.get("function")
    if not is_object(function):
        return tool  # a tool of Anthropic's own, already in its shape
    made: Json = {"name": function.get("name")}
    if description := function.get("description"):
        made["description"] = description
    parameters: Json = function.get("parameters") or {"type": "object", "properties": {}}
    strict = bool(function.get("strict"))
    made["input_schema"] = constrained(parameters, f"{where}.function.parameters") if strict else parameters
    if strict:
        made["strict"] = True
    made.update({name: tool[name] for name in _TOOL_FIELDS if tool.get(name) is not None})
    return made


def _tool_choice(choice: object) -> Json | None:
    if is_object(choice):
        function = choice.get("function")
        return {"type": "tool", "name": function.get("name") if is_object(function) else choice.get("name")}
    kind = _TOOL_CHOICES.get(text_of(choice))
    return {"type": kind} if kind else None


def _add_sampling(body: Json, canon: Json, claude: ClaudeModel) -> None:
    stop = canon.get("stop")
    if stop:
        body["stop_sequences"] = stop if is_array(stop) else [stop]
    if not claude.samples:
        return  # only the defaults are accepted, by leaving them out
    for name in ("temperature", "top_p", "top_k"):
        if name in canon:
            body[name] = canon[name]
    if claude.one_sampling_parameter and "temperature" in body and "top_p" in body:
        del body["top_p" if body["top_p"] == 1 else "temperature"]  # one of them is at its default, or it was refused


def _add_thinking(body: Json, canon: Json, claude: ClaudeModel) -> None:
    effort = text_of(canon.get("reasoning_effort"))
    level = "low" if effort == "minimal" else effort
    thinking = canon.get("thinking")
    if is_object(thinking):
        body["thinking"] = thinking
        if thinking.get("type") == "adaptive" and level in claude.efforts:
            body["output_config"] = {"effort": level}
    elif effort == "none":
        if claude.off_switch:
            body["thinking"] = {"type": claude.off_switch}
    elif effort and claude.adaptive:
        if not forces_tool(canon):
            body["thinking"] = {"type": "adaptive"}  # a forced tool leaves no room for thought: only the effort counts
        body["output_config"] = {"effort": level}
    elif effort and claude.thinks:
        budget = thinking_budget(effort, output_limit(canon, claude))
        body["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _add_output_format(body: Json, canon: Json) -> None:
    wanted = canon.get("response_format")
    if is_object(wanted) and wanted.get("type") == "json_schema":
        named = wanted.get("json_schema")
        schema = named.get("schema") if is_object(named) else None
        output = body.setdefault("output_config", {})
        made = constrained(schema or {"type": "object"}, "response_format")
        output["format"] = {"type": "json_schema", "schema": made}


def _add_labels(body: Json, canon: Json) -> None:
    user = canon.get("user") or canon.get("safety_identifier")
    metadata = canon.get("metadata")
    if is_object(metadata) and not user:
        user = metadata.get("user_id")
    if user:
        body["metadata"] = {"user_id": user}
    if tier := _SERVICE_TIERS.get(text_of(canon.get("service_tier"))):
        body["service_tier"] = tier
