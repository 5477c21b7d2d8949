"""Writes canon answers as Response objects (https://platform.openai.com/docs/api-reference/responses/object)."""

from typing import Any

from llmgateway.canon.call import Call
from llmgateway.canon.chat import Json
from llmgateway.canon.keepsake import keepsake_of, packed
from llmgateway.canon.shapes import is_object, object_in, objects, text_of
from llmgateway.canon.usage import Usage
from llmgateway.kit.ids import new_id

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_ECHOED = (
    "instructions", "max_output_tokens", "metadata", "previous_response_id", "service_tier", "temperature",
    "text", "top_p", "truncation",
)  # fmt: skip


def response_object(call: Call, created: int, model: str, output: list[Json], **more: Any) -> Json:
    """A Response with all fields that clients expect; `created` is in Unix seconds, `more` replaces fields."""
    body = call.body
    echoed: Json = {name: body.get(name) for name in _ECHOED}
    defaults: Json = {
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
        "text": {"format": {"type": "text"}},
        "truncation": "disabled",
        "service_tier": "default",
    }
    return {
        "id": new_id("resp"),
        "object": "response",
        "created_at": created,
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": output,
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "store": False,
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": [_told(tool) for tool in objects(body.get("tools"))],
        **{name: defaults.get(name) if value is None else value for name, value in echoed.items()},
        "reasoning": reasoning_echo(call, output),
        **({} if body.get("user") is None else {"user": body["user"]}),
        **more,
    }


def _told(tool: Json) -> Json:
    """A tool of the caller's as it is echoed, with the fields that clients expect in a function."""
    return {"parameters": None, "strict": None, **tool} if tool.get("type") == "function" else tool


def reasoning_echo(call: Call, output: list[Json]) -> Json:
    """The `reasoning` field: the caller's settings, and `summary` only when the answer has one."""
    given = call.body.get("reasoning")
    asked: Json = {"effort": None, **(given if is_object(given) else {})}
    summed_up = any(item.get("summary") for item in output)
    return {**asked, "summary": call.canon.get("reasoning.summary") if summed_up else None}


def finished(finish: str | None) -> Json:
    """The fields `status` and `incomplete_details` for a finish reason."""
    reason = _INCOMPLETE.get(finish or "")
    if reason is None:
        return {"status": "completed", "incomplete_details": None}
    return {"status": "incomplete", "incomplete_details": {"reason": reason}}


def usage_object(usage: Usage | None) -> Json:
    """The field `usage` as Responses has it; no field where it is unknown."""
    if usage is None:
        return {}
    figures: Json = {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": usage.cache_write_tokens},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }
    return {"usage": figures}


def output_items(message: Json, status: str, logprobs: object = None) -> list[Json]:
    """The output items of an assistant message: its reasoning, its text with `logprobs` as chat has them, its calls.

    The last item has the `status` of the whole Response, the others are completed.
    """
    items: list[Json] = []
    reasoning, keepsake = text_of(message.get("reasoning_content")), keepsake_of(message)
    summary = text_of(message.get("reasoning_summary"))
    if reasoning or summary or keepsake:
        items.append(reasoning_item(new_id("rs"), reasoning, keepsake, summary))
    content, refusal = text_of(message.get("content")), text_of(message.get("refusal"))
    calls = objects(message.get("tool_calls"))
    if content or refusal:
        parts = [text_part(content, objects(message.get("annotations")), tokens_of(logprobs))] if content else []
        parts += [{"type": "refusal", "refusal": refusal}] if refusal else []
        items.append(message_item(new_id("msg"), parts, "completed" if calls else status))
    ends = ["completed"] * (len(calls) - 1) + [status]
    return [*items, *(call_item(new_id("fc"), call, end) for call, end in zip(calls, ends, strict=False))]


def reasoning_item(item_id: str, text: str, keepsake: Json, summary: str = "") -> Json:
    """A reasoning item. What only its provider understands, such as signatures, travels in `encrypted_content` and comes back with it."""
    item: Json = {"type": "reasoning", "id": item_id, "summary": []}
    if summary:
        item["summary"] = [{"type": "summary_text", "text": summary}]
    if text:
        item["content"] = [{"type": "reasoning_text", "text": text}]
    if keepsake:
        item["encrypted_content"] = packed(keepsake)
    return item


def message_item(item_id: str, parts: list[Json], status: str) -> Json:
    """A message item of the assistant."""
    return {"type": "message", "id": item_id, "status": status, "role": "assistant", "content": parts}


def tokens_of(logprobs: object) -> list[Json]:
    """The token list of chat's `logprobs`, which has the same form in Responses."""
    return objects(logprobs.get("content")) if is_object(logprobs) else []


def text_part(text: str, annotations: list[Json], logprobs: list[Json] | None = None) -> Json:
    """A text part with its citations and log probabilities."""
    return {
        "type": "output_text",
        "text": text,
        "annotations": url_citations(annotations),
        "logprobs": logprobs or [],
    }


def url_citations(annotations: list[Json]) -> list[Json]:
    """Chat's url citations as annotations of Responses."""
    return [
        {"type": "url_citation", **(a.get("url_citation") or {})}
        for a in annotations
        if a.get("type") == "url_citation"
    ]


def call_item(item_id: str, call: Json, status: str) -> Json:
    """A function call item."""
    function = object_in(call, "function")
    return {
        "type": "function_call",
        "id": item_id,
        "call_id": call.get("id") or item_id,
        "name": text_of(function.get("name")),
        "arguments": text_of(function.get("arguments")),
        "status": status,
    }
