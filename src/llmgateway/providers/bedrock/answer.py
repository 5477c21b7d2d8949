"""Translates answers of Converse to canon: text, thinking, tool calls, citations, stop reason and usage.

Page: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html. Dictionaries in, dictionaries out.
"""

import base64
import binascii
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from llmgateway.canon.chat import ChatCompletion, FinishReason, Json, Message, ToolCall
from llmgateway.canon.shapes import count_in, is_object, object_in, objects, text_of, word_of
from llmgateway.canon.usage import Usage
from llmgateway.providers.anthropic.answer import arguments_of, openai_usage

_FINISH: Final[Mapping[str, FinishReason]] = MappingProxyType(
    {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "guardrail_intervened": "content_filter",
        "content_filtered": "content_filter",
        "refusal": "content_filter",
    }
)
SERVER_TOOL: Final = "server_tool_use"
_OPTIMIZED: Final = "optimized"


def finish_of(reason: object) -> FinishReason | None:
    """OpenAI's finish reason for a stop reason; `stop` for one that is not known here; None for none."""
    return _FINISH.get(reason, "stop") if isinstance(reason, str) else None


def usage_of(given: object, beside: Json) -> Usage | None:
    """Usage in OpenAI's meaning; None without token counts.

    Converse's input tokens leave out those of the cache, unless the total shows that they include them.
    `beside` is the answer, or a stream's last event, that holds the usage: it tells the tier that was served.
    """
    if not is_object(given) or not ("inputTokens" in given or "outputTokens" in given):
        return None
    fresh, output = count_in(given, "inputTokens"), count_in(given, "outputTokens")
    read = count_in(given, "cacheReadInputTokens") or count_in(given, "cacheReadInputTokenCount")
    written = count_in(given, "cacheWriteInputTokens") or count_in(given, "cacheWriteInputTokenCount")
    included = given.get("totalTokens") == fresh + output
    hour = sum(count_in(d, "inputTokens") for d in objects(given.get("cacheDetails")) if d.get("ttl") == "1h")
    tools = given.get("serverToolUsage")
    return Usage(
        prompt_tokens=fresh if included else fresh + read + written,
        completion_tokens=output,
        cached_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=min(hour, written),
        searches=count_in(tools, "webSearchRequests") if is_object(tools) else 0,
        tier=_tier(beside),
        prompt_told="inputTokens" in given,
        completion_told="outputTokens" in given,
    )


def _tier(served: Json) -> str | None:
    """The service tier that was served, or `optimized` for latency-optimized inference, which has its own prices too.

    Pages, below https://docs.aws.amazon.com/bedrock/latest/userguide: service-tiers-inference.html and
    latency-optimized-inference.html.
    """
    performance, tier = served.get("performanceConfig"), served.get("serviceTier")
    if is_object(performance) and performance.get("latency") == _OPTIMIZED:
        return _OPTIMIZED
    return word_of(tier.get("type")) if is_object(tier) else None


def canon_answer(answer: Json, identifier: str, model: str, usage: Usage | None) -> ChatCompletion:
    """A whole answer as a chat completion. `created` is 0 and the model the asked one: the API says neither."""
    output = answer.get("output")
    given = output.get("message") if is_object(output) else None
    made: ChatCompletion = {
        "id": identifier,
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": canon_message(objects(given.get("content")) if is_object(given) else []),
                "finish_reason": finish_of(answer.get("stopReason")),
                "native_finish_reason": answer.get("stopReason"),
                "logprobs": None,
            }
        ],
    }
    if usage:
        made["usage"] = openai_usage(usage)
    return made


def canon_message(blocks: list[Json]) -> Message:
    """An assistant message from its content blocks."""
    text = ""
    thinking: list[Json] = []
    calls: list[ToolCall] = []
    annotations: list[Json] = []
    for block in blocks:
        if "text" in block:
            text += text_of(block["text"])
        elif is_object(cited := block.get("citationsContent")):
            said = "".join(text_of(part.get("text")) for part in objects(cited.get("content")))
            for citation in objects(cited.get("citations")):
                annotations += url_citation(citation, len(text), len(text) + len(said))
            text += said
        elif is_object(thought := block.get("reasoningContent")):
            thinking.append(thinking_block(thought))
        elif is_object(use := block.get("toolUse")) and use.get("type") != SERVER_TOOL:
            calls.append(_tool_call(use))
    message: Message = {"role": "assistant", "content": text or (None if calls else "")}
    if thinking:
        message["reasoning_content"] = "".join(text_of(block.get("thinking")) for block in thinking)
        message["thinking_blocks"] = thinking
    if calls:
        message["tool_calls"] = calls
    if annotations:
        message["annotations"] = annotations
    return message


def thinking_block(thought: Json) -> Json:
    """A reasoning block as Anthropic's thinking block. The bytes of a redacted one are Anthropic's text in base64."""
    if redacted := text_of(thought.get("redactedContent")):
        return {"type": "redacted_thinking", "data": _unwrapped(redacted)}
    text = object_in(thought, "reasoningText")
    return {
        "type": "thinking",
        "thinking": text_of(text.get("text")),
        "signature": text_of(text.get("signature")),
    }


def url_citation(citation: Json, start: int, end: int) -> list[Json]:
    """OpenAI's annotation for a citation that points to the web."""
    location = citation.get("location")
    web = location.get("web") if is_object(location) else None
    url = text_of(web.get("url")) if is_object(web) else text_of(citation.get("source"))
    if not url.startswith(("https://", "http://")):
        return []
    place = {"start_index": start, "end_index": end}
    return [{"type": "url_citation", "url_citation": {"url": url, "title": text_of(citation.get("title")), **place}}]


def _unwrapped(redacted: str) -> str:
    try:
        return base64.b64decode(redacted, validate=True).decode("latin-1")
    except binascii.Error:
        return redacted


def _tool_call(use: Json) -> ToolCall:
    return {
        "id": text_of(use.get("toolUseId")),
        "type": "function",
        "function": {"name": text_of(use.get("name")), "arguments": arguments_of(use.get("input"))},
    }
