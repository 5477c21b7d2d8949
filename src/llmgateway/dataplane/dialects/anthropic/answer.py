"""Writes canon answers and problems as bodies of the Messages API.

Pages: https://platform.claude.com/docs/en/api/messages and .../api/errors.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.keepsake import keepsake_of, packed
from llmgateway.canon.shapes import is_object, object_in, objects, text_of, text_of_parts
from llmgateway.canon.usage import Usage
from llmgateway.errors import Problem
from llmgateway.kit.ids import new_id
from llmgateway.providers.base import Answer

_STOP_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "function_call": "tool_use",
        "content_filter": "refusal",
    }
)
_NATIVE: Final = frozenset(
    {"end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded"}
)
_ERROR_TYPES: Final[Mapping[int, str]] = MappingProxyType(
    {
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        503: "overloaded_error",
        504: "timeout_error",
        529: "overloaded_error",
    }
)


def message_body(answer: Answer) -> Json:
    """A whole answer as a message."""
    completion = answer.body
    choices = objects(completion.get("choices"))
    choice = choices[0] if choices else Json()
    said = object_in(choice, "message")
    blocks = content_blocks(said)
    called = any(block["type"] == "tool_use" for block in blocks)
    return {
        "id": message_id(completion.get("id")),
        "type": "message",
        "role": "assistant",
        "model": text_of(completion.get("model")),
        "content": blocks,
        "stop_reason": stop_reason(choice, called=called, refused=bool(_refusal(said))),
        "stop_sequence": choice.get("stop_sequence"),
        "usage": usage_body(answer.usage or _openai_usage(completion.get("usage"))),
    }


def message_id(identifier: object) -> str:
    """An id `msg_...`: the provider's own where it has that form, else with that prefix."""
    given = text_of(identifier)
    if given.startswith("msg_"):
        return given
    return f"msg_{given}" if given else new_id("msg")


def stop_reason(choice: Mapping[str, Any], *, called: bool, refused: bool) -> str | None:
    """The `stop_reason`; None when the answer has no finish reason."""
    native = text_of(choice.get("native_finish_reason"))
    if native in _NATIVE:
        return native
    if choice.get("stop_sequence"):
        return "stop_sequence"
    finish = choice.get("finish_reason")
    if finish is None:
        return None
    if finish == "stop" and called:
        return "tool_use"  # some hosts say stop beside their calls
    if finish == "stop" and refused:
        return "refusal"
    return _STOP_REASONS.get(text_of(finish), "end_turn")


def usage_body(usage: Usage) -> Json:
    """Anthropic's `usage` object: its input tokens leave out those read from or written to the cache."""
    body: Json = {
        "input_tokens": max(0, usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens),
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    }
    if usage.cache_write_tokens:
        hour = usage.cache_write_1h_tokens
        body["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens - hour,
            "ephemeral_1h_input_tokens": hour,
        }
    if usage.reasoning_tokens:
        body["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    if usage.searches:
        body["server_tool_use"] = {"web_search_requests": usage.searches, "web_fetch_requests": 0}
    return body


def content_blocks(message: Json) -> list[Json]:
    """The content blocks of an assistant message: the provider's own where they are Anthropic's and unchanged, else thinking, text, calls."""
    text = _text(message)
    calls = [tool_use(call) for call in objects(message.get("tool_calls"))]
    kept = [block for block in objects(message.get("provider_blocks")) if is_messages_block(block)]
    if kept and _same(kept, text, calls):
        return kept
    opaque = [block for block in kept if block["type"] not in _IN_CANON]
    texts: list[Json] = [{"type": "text", "text": text}] if text else []
    return [*_thinking(message), *keepsake_block(foreign_keepsake(message)), *opaque, *texts, *calls]


def foreign_keepsake(said: Mapping[str, Any]) -> Json:
    """What of a message or delta no Messages block can hold, such as thought signatures and parts of Gemini's; see canon.keepsake."""
    foreign = [block for block in objects(said.get("provider_blocks")) if not is_messages_block(block)]
    return keepsake_of({**said, "thinking_blocks": [], "provider_blocks": foreign})


def keepsake_block(keepsake: Json) -> list[Json]:
    """A `redacted_thinking` block that carries a keepsake, since clients send such blocks back unread; no block for an empty one."""
    return [{"type": "redacted_thinking", "data": packed(keepsake)}] if keepsake else []


_IN_CANON: Final = frozenset({"thinking", "redacted_thinking", "text", "tool_use"})
"""Types of blocks that canon has fields for."""


def is_messages_block(block: Json) -> bool:
    """Whether it is a type of block that answers of the Messages API have."""
    kind = text_of(block.get("type"))
    return (
        kind in _IN_CANON or kind.endswith(("tool_use", "_tool_result")) or kind in {"container_upload", "compaction"}
    )


def is_opaque(block: Json) -> bool:
    """Whether canon can hold the block only in `provider_blocks`."""
    return is_messages_block(block) and block["type"] not in _IN_CANON


def tool_use(call: Json) -> Json:
    """A tool call as a `tool_use` block; arguments that are no JSON object go under `INVALID_JSON`, as Anthropic's pages advise."""
    named = object_in(call, "function")
    return {
        "type": "tool_use",
        "id": text_of(call.get("id")) or new_id("toolu"),
        "name": text_of(named.get("name")),
        "input": _input(text_of(named.get("arguments"))),
    }


def _input(arguments: str) -> Json:
    if not arguments.strip():
        return {}
    try:
        given: object = msgspec.json.decode(arguments)
    except msgspec.DecodeError:
        given = None
    return given if is_object(given) else {"INVALID_JSON": arguments}


def _text(message: Json) -> str:
    content = message.get("content")
    if isinstance(content, str) and content:
        return content
    parts = [text_of(part.get("text") or part.get("refusal")) for part in objects(content)]
    return "".join(parts) or _refusal(message)


def _refusal(message: Json) -> str:
    """The text of a refusal (OpenAI's field); empty where the model did not refuse."""
    parts = [text_of(part.get("refusal")) for part in objects(message.get("content"))]
    return text_of(message.get("refusal")) or "".join(parts)


def _thinking(message: Json) -> list[Json]:
    if blocks := objects(message.get("thinking_blocks")):
        return blocks
    reasoning = text_of(message.get("reasoning_content"))
    return [{"type": "thinking", "thinking": reasoning, "signature": ""}] if reasoning else []


def _same(kept: list[Json], text: str, calls: list[Json]) -> bool:
    called = [block.get("id") for block in kept if block["type"] == "tool_use"]
    return text_of_parts(kept) == text and called == [call["id"] for call in calls]


def _openai_usage(usage: object) -> Usage:
    given = usage if is_object(usage) else {}
    details = given.get("prompt_tokens_details")
    return Usage(
        prompt_tokens=_count(given, "prompt_tokens"),
        completion_tokens=_count(given, "completion_tokens"),
        cached_tokens=_count(details, "cached_tokens") if is_object(details) else 0,
    )


def _count(given: Json, name: str) -> int:
    value = given.get(name)
    return value if isinstance(value, int) else 0


def error_body(problem: Problem, request_id: str) -> Json:
    """A problem in Anthropic's envelope, with the gateway's stable code beside Anthropic's type."""
    status = problem.http_status
    kind = _ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    resets_at = problem.resets_at.isoformat().replace("+00:00", "Z") if problem.resets_at else None
    return {
        "type": "error",
        "error": {
            "type": kind,
            "message": problem.message,
            "code": problem.code,
            "param": problem.param,
            "resets_at": resets_at,
            "attempts": [msgspec.to_builtins(attempt) for attempt in problem.attempts],
        },
        "request_id": request_id,
    }
