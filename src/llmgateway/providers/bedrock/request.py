"""Writes Converse bodies from canon chat requests, and tells which fields of a request a model cannot honour.

Pages: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html and
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec

from llmgateway.canon.call import Call
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, object_in, objects, text_of, without_nulls
from llmgateway.providers.anthropic.models import claude_model
from llmgateway.providers.anthropic.refusals import refusals as claude_refusals
from llmgateway.providers.anthropic.request import messages_body
from llmgateway.providers.anthropic.schemas import constrained
from llmgateway.providers.bedrock.models import caching, is_claude, takes_one_at_a_time
from llmgateway.providers.bedrock.turns import is_out_of_reach, turns
from llmgateway.providers.history import image_address
from llmgateway.providers.paths import leave_out
from llmgateway.providers.refusing import (
    forbids_parallel_calls,
    forces_a_tool_without_tools,
    message_fields,
    unknown_parameters,
)
from llmgateway.providers.server_tools import blocks_without_words

OWN_FIELDS: Final = (
    "guardrailConfig",
    "requestMetadata",
    "performanceConfig",
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
)
"""Fields of Converse without an OpenAI name: they travel through canon under their own."""

_INFERENCE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "max_tokens": "maxTokens",
        "max_completion_tokens": "maxTokens",
        "temperature": "temperature",
        "top_p": "topP",
    }
)
_HONOURED: Final = frozenset(
    {"model", "messages", "stream", "stream_options", "stop", "tools", *_INFERENCE, *OWN_FIELDS}
)
_JUDGED: Final = frozenset(
    {
        "seed",
        "top_k",
        "thinking",
        "reasoning_effort",
        "response_format",
        "tool_choice",
        "service_tier",
        "parallel_tool_calls",
    }
)
_LABELS: Final = ("user", "metadata", "safety_identifier")
_KNOWN: Final = _HONOURED | _JUDGED | frozenset(_LABELS)
_TIERS: Final = frozenset({"priority", "flex"})
_UNSTRUCTURED: Final = ("amazon.", "meta.", "cohere.", "ai21.", "writer.", "stability.")
"""Makers whose models have no structured outputs on Bedrock."""
_SEEDED: Final = ("openai.", "cohere.command-r")
"""Makers whose own parameters, which Converse passes on, know a seed."""
_PARTS: Final = frozenset({"text", "refusal", "image_url", "file", "document", "search_result", "guardContent"})
_DETAILS: Final = frozenset({"auto", "high", "original"})
"""Values of an image's `detail` that are honoured: images are always read in full."""
_CHOICES: Final[Mapping[str, Json]] = MappingProxyType({"auto": {"auto": {}}, "required": {"any": {}}})


def converse_body(call: Call, model: str, *, dropped: frozenset[str] = frozenset()) -> Json:
    """The body of Converse and ConverseStream. Raises BadRequest for what cannot be expressed."""
    canon = without_nulls(leave_out(call.canon, dropped) if dropped else call.canon)
    history = turns(canon.get("messages"), model)
    body: Json = {"messages": history.messages}
    if history.system:
        body["system"] = history.system
    inference: Json = {theirs: canon[ours] for ours, theirs in _INFERENCE.items() if ours in canon}
    further = _claude_fields(call, canon, model, inference) if is_claude(model) else _model_fields(canon, model)
    if stop := canon.get("stop"):
        inference["stopSequences"] = stop if is_array(stop) else [stop]
    if inference:
        body["inferenceConfig"] = inference
    if tools := _tools(canon, model) or _once_called(history.messages):
        body["toolConfig"] = tools
        if "tool_choice" in further:
            tools.pop("toolChoice", None)  # it must not be said twice
    if output := _output(canon.get("response_format")):
        body["outputConfig"] = output
    if (tier := canon.get("service_tier")) in _TIERS:
        body["serviceTier"] = {"type": tier}
    body |= {name: canon[name] for name in OWN_FIELDS if name in canon}
    if further:
        body["additionalModelRequestFields"] = {**further, **body.get("additionalModelRequestFields", {})}
    return body


def _claude_fields(call: Call, canon: Json, model: str, inference: Json) -> Json:
    """Fields that Claude takes beside Converse's own. Removes from `inference` the sampling parameters that the model does not take."""
    asked = {name: value for name, value in canon.items() if name not in {"response_format", *OWN_FIELDS}}
    messages = messages_body(msgspec.structs.replace(call, canon={**asked, "messages": []}), model, stream=False)
    for ours, theirs in (("temperature", "temperature"), ("top_p", "topP")):
        if ours not in messages:
            inference.pop(theirs, None)
    told = ["top_k", "thinking", "output_config"]
    if forbids_parallel_calls(canon) and takes_one_at_a_time(model, canon.get("tool_choice")):
        told.append("tool_choice")
    return {name: messages[name] for name in told if name in messages}


def _model_fields(canon: Json, model: str) -> Json:
    found: Json = {"seed": canon["seed"]} if "seed" in canon else {}
    if "top_k" in canon:
        found |= _top_k(model, canon["top_k"]) or {}
    effort = text_of(canon.get("reasoning_effort"))
    if effort and effort != "none":
        found |= _effort(model, effort) or {}
    return found


def _top_k(model: str, value: object) -> Json | None:
    """The model's own field for `top_k`; None where it has none."""
    if "nova" in model:
        return {"inferenceConfig": {"topK": value}}
    if "cohere." in model:
        return {"k": value}
    return {"top_k": value} if "mistral." in model else None


def _effort(model: str, effort: str) -> Json | None:
    level = "low" if effort == "minimal" else effort
    if level not in {"low", "medium", "high"}:
        return None
    if "gpt-oss" in model:
        return {"reasoning_effort": level}
    return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": level}} if "nova-2" in model else None


def _tools(canon: Json, model: str) -> Json | None:
    choice = canon.get("tool_choice")
    tools = objects(canon.get("tools"))
    if not tools or choice == "none":
        return None
    listed: list[Json] = []
    for index, tool in enumerate(tools):
        listed.append({"toolSpec": _spec(object_in(tool, "function"), f"tools.{index}")})
        listed += caching(model).behind_tool(tool)
    made: Json = {"tools": listed}
    if is_object(choice):
        made["toolChoice"] = {"tool": {"name": object_in(choice, "function").get("name") or choice.get("name")}}
    elif wanted := _CHOICES.get(text_of(choice)):
        made["toolChoice"] = wanted
    return made


def _once_called(messages: Sequence[Json]) -> Json | None:
    """A `toolConfig` of the tools that a history calls, when the request has none: Converse takes no calls and results without it.

    Page: https://docs.aws.amazon.com/bedrock/latest/userguide/tool-use-inference-call.html.
    """
    used = [block["toolUse"]["name"] for turn in messages for block in turn["content"] if "toolUse" in block]
    return {"tools": [{"toolSpec": _spec({"name": name}, "tools")} for name in dict.fromkeys(used)]} if used else None


def _spec(function: Json, where: str) -> Json:
    spec: Json = {"name": function.get("name")}
    if description := function.get("description"):
        spec["description"] = description
    parameters: object = function.get("parameters") or {"type": "object", "properties": {}}
    if function.get("strict"):
        spec["strict"] = True
        parameters = constrained(parameters, f"{where}.function.parameters")
    spec["inputSchema"] = {"json": parameters}
    return spec


def _output(wanted: object) -> Json | None:
    if not is_object(wanted) or wanted.get("type") != "json_schema":
        return None
    named = object_in(wanted, "json_schema")
    schema = msgspec.json.encode(constrained(named.get("schema") or {"type": "object"}, "response_format")).decode()
    structure: Json = {"name": text_of(named.get("name")) or "answer", "schema": schema}
    if description := named.get("description"):
        structure["description"] = description
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": structure}}}


def refusals(given: Mapping[str, Any], model: str) -> list[str]:
    """Paths of the canon request that this model cannot honour; a parameter at its default is honoured by absence."""
    canon = without_nulls(given)
    found = [name for name in _LABELS if name in canon]
    if is_claude(model):
        asked = {name: value for name, value in canon.items() if name not in OWN_FIELDS and name not in _LABELS}
        found += [path for path in claude_refusals(asked, model) if not _own_matter(path)]
    else:
        found += [*_others(canon, model), *message_fields(objects(canon.get("messages")))]
    found += [*_tool_refusals(canon, model), *_parts(canon), *blocks_without_words(objects(canon.get("messages")))]
    if canon.get("service_tier", "auto") not in {"auto", "default", *_TIERS}:
        found.append("service_tier")
    if forbids_parallel_calls(canon) and not takes_one_at_a_time(model, canon.get("tool_choice")):
        found.append("parallel_tool_calls")
    return list(dict.fromkeys(found))


def _own_matter(path: str) -> bool:
    """Whether the path is judged by Converse, so that a refusal of the Messages API does not count."""
    return path == "service_tier" or (path.startswith("messages.") and path.endswith(".type"))


def _others(canon: Json, model: str) -> Iterator[str]:
    yield from unknown_parameters(canon, _KNOWN)
    if "seed" in canon and not any(maker in model for maker in _SEEDED):
        yield "seed"
    if "top_k" in canon and _top_k(model, 0) is None:
        yield "top_k"
    effort = canon.get("reasoning_effort", "none")
    if effort != "none" and _effort(model, text_of(effort)) is None:
        yield "reasoning_effort"
    thinking = canon.get("thinking")
    if is_object(thinking) and thinking.get("type") != "disabled" and "reasoning_effort" not in canon:
        yield "thinking"
    wanted = canon.get("response_format")
    kind = wanted.get("type") if is_object(wanted) else wanted
    if kind not in {None, "text"} and not (kind == "json_schema" and _structured(model)):
        yield "response_format"


def _structured(model: str) -> bool:
    if is_claude(model):
        return claude_model(model).structured
    return not any(maker in model for maker in _UNSTRUCTURED)


def _tool_refusals(canon: Json, model: str) -> Iterator[str]:
    for index, tool in enumerate(objects(canon.get("tools"))):
        function = tool.get("function")
        if not is_object(function):
            yield f"tools.{index}.type"
        elif function.get("strict") and not _structured(model):
            yield f"tools.{index}.function.strict"
    choice = canon.get("tool_choice")
    called = any(message.get("tool_calls") for message in objects(canon.get("messages")))
    known = choice in {None, "auto", "required"} if not is_object(choice) else choice.get("type") == "function"
    if forces_a_tool_without_tools(canon):
        yield "tool_choice"
    elif not known and (choice != "none" or (called and bool(canon.get("tools")))):
        yield "tool_choice"  # with calls in the history the tools must be named, and there is no way to forbid them


def _parts(canon: Json) -> Iterator[str]:
    for index, message in enumerate(objects(canon.get("messages"))):
        for place, part in enumerate(objects(message.get("content"))):
            image = part.get("image_url")
            url = image_address(part)
            if (
                text_of(part.get("type")) not in _PARTS
                or url.startswith(("https://", "http://"))
                or is_out_of_reach(part)
            ):
                yield f"messages.{index}.content.{place}.type"
            elif is_object(image) and text_of(image.get("detail") or "auto") not in _DETAILS:
                yield f"messages.{index}.content.{place}.image_url.detail"
