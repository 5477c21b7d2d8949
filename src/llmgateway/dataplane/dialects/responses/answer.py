"""Canon answers as Response objects (https://platform.openai.com/docs/api-reference/responses/object)."""

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
    """A Response with everything that its readers expect."""
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
    """A tool of the caller's, with what readers of a function look for in it."""
    return {"parameters": None, "strict": None, **tool} if tool.get("type") == "function" else tool


def reasoning_echo(call: Call, output: list[Json]) -> Json:
    """The caller's own settings of reasoning; a summary only where one came."""
    given = call.body.get("reasoning")
    asked: Json = {"effort": None, **(given if is_object(given) else {})}
    summed_up = any(item.get("summary") for item in output)
    return {**asked, "summary": call.canon.get("reasoning.summary") if summed_up else None}


def finished(finish: str | None) -> Json:
    """Status and what is incomplete, by the finish reason."""
    reason = _INCOMPLETE.get(finish or "")
    if reason is None:
        return {"status": "completed", "incomplete_details": None}
    return {"status": "incomplete", "incomplete_details": {"reason": reason}}


def usage_object(usage: Usage | None) -> Json:
    """The field `usage` in the words of Responses; nothing where nobody knows."""
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
    """A message as items: its reasoning, its text with its `logprobs` (chat's), its calls.

    The last item has the `status` of the whole Response: what came before it was not cut.
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
    """Reasoning; what only its provider understands (signatures) travels in encrypted_content, to come back unharmed."""
    item: Json = {"type": "reasoning", "id": item_id, "summary": []}
    if summary:
        item["summary"] = [{"type": "summary_text", "text": summary}]
    if text:
        item["content"] = [{"type": "reasoning_text", "text": text}]
    if keepsake:
        item["encrypted_content"] = packed(keepsake)
    return item


def message_item(item_id: str, parts: list[Json], status: str) -> Json:
    """A message of the model."""
    return {"type": "message", "id": item_id, "status": status, "role": "assistant", "content": parts}


def tokens_of(logprobs: object) -> list[Json]:
    """The tokens of chat's logprobs; they have the same shape here."""
    return objects(logprobs.get("content")) if is_object(logprobs) else []


def text_part(text: str, annotations: list[Json], logprobs: list[Json] | None = None) -> Json:
    """A text with its citations and the odds of its tokens."""
    return {
        "type": "output_text",
        "text": text,
        "annotations": url_citations(annotations),
        "logprobs": logprobs or [],
    }


def url_citations(annotations: list[Json]) -> list[Json]:
    """Chat's citations as they are here."""
    return [
        {"type": "url_citation", **(a.get("url_citation") or {})}
        for a in annotations
        if a.get("type") == "url_citation"
    ]


def call_item(item_id: str, call: Json, status: str) -> Json:
    """A call of a client's function."""
    function = object_in(call, "function")
    return {
        "type": "function_call",
        "id": item_id,
        "call_id": call.get("id") or item_id,
        "name": text_of(function.get("name")),
        "arguments": text_of(function.get("arguments")),
        "status": status,
    }
