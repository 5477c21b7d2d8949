"""Translates answers of the Messages API to canon: text, thinking, tool calls, citations, stop reason and usage.

Page: https://platform.claude.com/docs/en/api/messages. Dictionaries in, dictionaries out.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from llmgateway.canon.chat import ChatCompletion, FinishReason, Json, Message, ToolCall
from llmgateway.canon.shapes import is_object, objects, text_of, text_of_parts, word_of
from llmgateway.canon.usage import Round, Usage, usage_object

_FINISH: Final[Mapping[str, FinishReason]] = MappingProxyType(
    {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "pause_turn": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "refusal": "content_filter",
    }
)
_RANKS: Final[Mapping[str, int]] = MappingProxyType({"thinking": 0, "redacted_thinking": 0, "text": 1, "tool_use": 2})
_DIRECT: Final[Json] = {"type": "direct"}


class CacheCreation(msgspec.Struct, frozen=True):
    """Tokens written to the prompt cache for an hour; the others of `cache_creation_input_tokens` are kept five minutes."""

    ephemeral_1h_input_tokens: int = 0


class ServerTools(msgspec.Struct, frozen=True):
    """How often Anthropic's own tools ran."""

    web_search_requests: int | None = 0


class OutputDetails(msgspec.Struct, frozen=True):
    """Parts of the output tokens."""

    thinking_tokens: int | None = 0


class MessagesUsage(msgspec.Struct, frozen=True):
    """The `usage` object of an answer or an event: numbers of tokens, None where it does not say.

    `input_tokens` leaves out what was read from and written to the prompt cache. In a stream `message_delta` says cumulative
    numbers, which replace earlier ones. Page: https://platform.claude.com/docs/en/build-with-claude/streaming.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    server_tool_use: ServerTools | None = None
    output_tokens_details: OutputDetails | None = None
    speed: str | None = None
    """`standard` or `fast` (https://platform.claude.com/docs/en/build-with-claude/fast-mode)."""
    inference_geo: str | None = None
    """Where it ran (https://platform.claude.com/docs/en/manage-claude/data-residency)."""
    model: str | None = None
    """In an iteration: the model that was sampled, where it is not the one of the request."""
    iterations: list["MessagesUsage"] | None = None
    """One entry for each sampling of a model within the request; what is billed is their sum
    (https://platform.claude.com/docs/en/build-with-claude/compaction)."""


def updated(old: MessagesUsage | None, new: MessagesUsage) -> MessagesUsage:
    """What a stream has reported after one more event: what `new` says replaces what `old` said."""
    if old is None:
        return new
    said = {name: value for name in MessagesUsage.__struct_fields__ if (value := getattr(new, name)) is not None}
    return msgspec.structs.replace(old, **said)


def usage_of(reported: MessagesUsage | None) -> Usage | None:
    """Usage in OpenAI's meaning: prompt tokens include those read from and written to the cache. None without token counts."""
    if reported is None or (reported.input_tokens is None and reported.output_tokens is None):
        return None
    billed = reported.iterations or [reported]
    rounds = [_sampled(part) for part in billed]
    details, tools = reported.output_tokens_details, reported.server_tool_use
    return Usage(
        prompt_tokens=sum(one.usage.prompt_tokens for one in rounds),
        completion_tokens=sum(one.usage.completion_tokens for one in rounds),
        cached_tokens=sum(one.usage.cached_tokens for one in rounds),
        cache_write_tokens=sum(one.usage.cache_write_tokens for one in rounds),
        cache_write_1h_tokens=sum(one.usage.cache_write_1h_tokens for one in rounds),
        reasoning_tokens=(details.thinking_tokens or 0) if details else 0,
        searches=(tools.web_search_requests or 0) if tools else 0,
        speed=None if reported.speed == "standard" else word_of(reported.speed),
        region=word_of(reported.inference_geo),
        rounds=tuple(rounds) if len(rounds) > 1 else (),
        prompt_told=any(part.input_tokens is not None for part in billed),
        completion_told=any(part.output_tokens is not None for part in billed),
    )


def _sampled(part: MessagesUsage) -> Round:
    """The usage of one sampling, of the request's model or of its advisor.

    Page: https://platform.claude.com/docs/en/agents-and-tools/tool-use/advisor-tool.
    """
    read, written = part.cache_read_input_tokens or 0, part.cache_creation_input_tokens or 0
    hour = part.cache_creation.ephemeral_1h_input_tokens if part.cache_creation else 0
    usage = Usage(
        prompt_tokens=(part.input_tokens or 0) + read + written,
        completion_tokens=part.output_tokens or 0,
        cached_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=min(hour, written),
    )
    return Round(part.model, usage)


def openai_usage(usage: Usage) -> Json:
    """OpenAI's usage object; Anthropic's own names for the cache are kept beside it."""
    return {
        **usage_object(usage),
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": usage.cache_write_tokens},
        "cache_read_input_tokens": usage.cached_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
    }


def finish_of(stop_reason: object) -> FinishReason | None:
    """OpenAI's finish reason for a stop reason; `stop` for one that is not known here; None for none."""
    return _FINISH.get(stop_reason, "stop") if isinstance(stop_reason, str) else None


def refusal_of(stop_details: object) -> str:
    """Anthropic's explanation of a refusal; empty without one.

    Page: https://platform.claude.com/docs/en/test-and-evaluate/strengthen-guardrails/handle-streaming-refusals.
    """
    return text_of(stop_details.get("explanation")) if is_object(stop_details) else ""


def is_plain(blocks: Sequence[Json], *, cited: bool) -> bool:
    """Whether canon can hold all of these blocks: thinking, then one text, then calls by the model itself, and no citations."""
    ranks = [_RANKS.get(text_of(block.get("type")), -1) for block in blocks]
    by_code = any(block.get("caller", _DIRECT) != _DIRECT for block in blocks)
    return not (cited or by_code or -1 in ranks) and ranks == sorted(ranks) and ranks.count(_RANKS["text"]) <= 1


def canon_answer(answer: Json, usage: Usage | None) -> ChatCompletion:
    """A whole answer as a chat completion. `created` is 0: the API does not say it."""
    message = canon_message(objects(answer.get("content")))
    if refusal := refusal_of(answer.get("stop_details")):
        message["refusal"] = refusal
    made: ChatCompletion = {
        "id": text_of(answer.get("id")),
        "object": "chat.completion",
        "created": 0,
        "model": text_of(answer.get("model")),
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": finish_of(answer.get("stop_reason")),
                "native_finish_reason": answer.get("stop_reason"),
                "logprobs": None,
            }
        ],
    }
    if sequence := answer.get("stop_sequence"):
        made["choices"][0]["stop_sequence"] = sequence
    if usage:
        made["usage"] = openai_usage(usage)
    return made


def canon_message(blocks: list[Json]) -> Message:
    """An assistant message from its content blocks: an answer's, or one of the history."""
    text = text_of_parts(blocks)
    calls = [_tool_call(block) for block in blocks if block.get("type") == "tool_use"]
    thinking = [block for block in blocks if text_of(block.get("type")) in {"thinking", "redacted_thinking"}]
    message: Message = {"role": "assistant", "content": text or (None if calls else "")}
    if thinking:
        message["reasoning_content"] = "".join(text_of(block.get("thinking")) for block in thinking)
        message["thinking_blocks"] = thinking
    if calls:
        message["tool_calls"] = calls
    if not is_plain(blocks, cited=any(block.get("citations") for block in blocks)):
        message["provider_blocks"] = blocks
    if annotations := _annotations(blocks):
        message["annotations"] = annotations
    return message


def counted_text(blocks: list[Json]) -> str:
    """All that the model wrote (thinking, text, calls), for counting tokens."""
    pieces = [text_of(block.get("thinking")) + text_of(block.get("text")) for block in blocks]
    calls = [arguments_of(block.get("input")) for block in blocks if block.get("type") == "tool_use"]
    return "".join([*pieces, *calls])


def arguments_of(given: object) -> str:
    """A call's input as JSON text."""
    return msgspec.json.encode(given).decode() if given else "{}"


def url_citations(citations: object, start: int, end: int) -> list[Json]:
    """OpenAI's annotations for those citations of a text that point to the web."""
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "url": citation["url"],
                "title": text_of(citation.get("title")),
                "start_index": start,
                "end_index": end,
            },
        }
        for citation in objects(citations)
        if text_of(citation.get("url"))
    ]


def _annotations(blocks: list[Json]) -> list[Json]:
    found: list[Json] = []
    position = 0
    for block in blocks:
        if block.get("type") == "text":
            end = position + len(text_of(block.get("text")))
            found += url_citations(block.get("citations"), position, end)
            position = end
    return found


def _tool_call(block: Json) -> ToolCall:
    call: ToolCall = {
        "id": text_of(block.get("id")),
        "type": "function",
        "function": {"name": text_of(block.get("name")), "arguments": arguments_of(block.get("input"))},
    }
    if marker := block.get("cache_control"):
        call["cache_control"] = marker
    return call


def reported_usage(answer: Json) -> MessagesUsage | None:
    """The `usage` of a whole answer; None when there is none, or none that can be read."""
    given = answer.get("usage")
    try:
        return msgspec.convert(given, MessagesUsage) if is_object(given) else None
    except msgspec.ValidationError:
        return None
