"""Translates Cohere's answers to canon: text, thinking, tool plan, tool calls, citations, finish reason and usage.

Page: https://docs.cohere.com/reference/chat. Dictionaries in, dictionaries out.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from llmgateway.canon.chat import ChatCompletion, FinishReason, Json, Message, ToolCall
from llmgateway.canon.shapes import count_in, is_object, object_in, objects, text_of
from llmgateway.canon.usage import Usage, usage_object

_FINISH: Final[Mapping[str, FinishReason]] = MappingProxyType(
    {
        "COMPLETE": "stop",
        "STOP_SEQUENCE": "stop",
        "MAX_TOKENS": "length",
        "ERROR_LIMIT": "length",
        "TOOL_CALL": "tool_calls",
        "ERROR_TOXIC": "content_filter",
    }
)


def finish_of(reason: object) -> FinishReason | None:
    """OpenAI's finish reason; `stop` for one that is not known here; None for none."""
    return _FINISH.get(reason, "stop") if isinstance(reason, str) else None


def usage_of(given: object) -> Usage | None:
    """The usage: `tokens` are what the model read and wrote, `billed_units` what is billed, without Cohere's own prompt.

    Page: https://docs.cohere.com/docs/how-does-cohere-pricing-work.
    """
    if not is_object(given):
        return None
    billed, tokens = object_in(given, "billed_units"), object_in(given, "tokens")
    seen = tokens or billed
    if not ("input_tokens" in seen or "output_tokens" in seen):
        return None
    return Usage(
        prompt_tokens=count_in(seen, "input_tokens"),
        completion_tokens=count_in(seen, "output_tokens"),
        cached_tokens=min(count_in(given, "cached_tokens"), count_in(seen, "input_tokens")),
        reasoning_tokens=count_in(seen, "reasoning_tokens"),
        image_prompt_tokens=count_in(seen, "image_tokens"),
        billed_prompt_tokens=count_in(billed, "input_tokens") if "input_tokens" in billed else None,
        billed_completion_tokens=count_in(billed, "output_tokens") if "output_tokens" in billed else None,
        prompt_told="input_tokens" in seen,
        completion_told="output_tokens" in seen,
    )


def canon_answer(answer: Json, model: str, usage: Usage | None) -> ChatCompletion:
    """A whole answer as a chat completion. `created` is 0 and the model the asked one: the API says neither."""
    given = answer.get("message")
    made: ChatCompletion = {
        "id": text_of(answer.get("id")),
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": canon_message(given if is_object(given) else {}),
                "finish_reason": finish_of(answer.get("finish_reason")),
                "native_finish_reason": answer.get("finish_reason"),
                "logprobs": None,
            }
        ],
    }
    if usage:
        made["usage"] = usage_object(usage)
    return made


def canon_message(given: Json) -> Message:
    """An assistant message in canon. Thinking and the tool plan together are its `reasoning_content`."""
    blocks = objects(given.get("content"))
    calls = [_tool_call(call) for call in objects(given.get("tool_calls"))]
    text = "".join(text_of(block.get("text")) for block in blocks)
    thought = "".join(text_of(block.get("thinking")) for block in blocks) + text_of(given.get("tool_plan"))
    message: Message = {"role": "assistant", "content": text or (None if calls else "")}
    if thought:
        message["reasoning_content"] = thought
    if calls:
        message["tool_calls"] = calls
    if annotations := _annotations(objects(given.get("citations")), blocks):
        message["annotations"] = annotations
    return message


def url_citations(citation: Json, offset: int) -> list[Json]:
    """OpenAI's annotations for those sources of a citation that have an address on the web, which is the title of those without one.

    Other documents and results of tools, which Cohere names by ids of its own, have no place there.
    """
    if (citation.get("type") or "TEXT_CONTENT") != "TEXT_CONTENT":
        return []  # it cites for a plan or a thought
    found: list[Json] = []
    for source in objects(citation.get("sources")):
        given = source.get("document") or source.get("tool_output")
        data: Json = given if is_object(given) else {}
        url = text_of(data.get("url")) or text_of(source.get("id"))
        if url.startswith(("https://", "http://")):
            place = {
                "start_index": offset + count_in(citation, "start"),
                "end_index": offset + count_in(citation, "end"),
            }
            cited = {"url": url, "title": text_of(data.get("title")) or url, **place}
            found.append({"type": "url_citation", "url_citation": cited})
    return found


def _annotations(citations: Sequence[Json], blocks: Sequence[Json]) -> list[Json]:
    starts: list[int] = []
    position = 0
    for block in blocks:
        starts.append(position)
        position += len(text_of(block.get("text")))
    found: list[Json] = []
    for citation in citations:
        index = count_in(citation, "content_index")
        found += url_citations(citation, starts[index] if index < len(starts) else 0)
    return found


def _tool_call(call: Json) -> ToolCall:
    function = object_in(call, "function")
    return {
        "id": text_of(call.get("id")),
        "type": "function",
        "function": {"name": text_of(function.get("name")), "arguments": text_of(function.get("arguments")) or "{}"},
    }
