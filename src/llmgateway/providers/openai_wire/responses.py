"""Answers and streams of OpenAI's Responses API, passed on untouched: reads only the text and usage that are metered.

Page: https://platform.openai.com/docs/api-reference/responses.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from llmgateway.canon.chat import Json
from llmgateway.canon.keepsake import is_packed
from llmgateway.canon.shapes import figure_of, is_array, is_object, object_in, objects, text_of, word_of
from llmgateway.canon.usage import Usage
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.kit.ids import is_id
from llmgateway.kit.sse import Frame, Splitter
from llmgateway.providers.base import Answer, Step
from llmgateway.providers.lenient_json import REFUSED, lenient
from llmgateway.providers.openai_wire.errors import stream_error
from llmgateway.providers.reported_cost import told_nanos

_FINISH = {"max_output_tokens": "length", "content_filter": "content_filter"}
_LAST = frozenset({"response.completed", "response.incomplete"})
_RUNS_CODE = frozenset({"code_interpreter_call", "shell_call"})


def without_keepsakes(items: object) -> object:
    """The `input` without reasoning of other providers, which OpenAI does not know: packed by the gateway, or a reference to it."""
    if not is_array(items):
        return items
    return [
        item for item in items if not (is_object(item) and (is_packed(item.get("encrypted_content")) or is_lost(item)))
    ]


def is_lost(item: Json) -> bool:
    """Whether the item refers to a reasoning item that the gateway made from another provider's answer, and which is stored nowhere."""
    return item.get("type") == "item_reference" and is_id(text_of(item.get("id")), "rs")


class _Event(Struct):
    type: str = ""
    delta: Any = None
    response: dict[str, Any] | None = None
    error: Any = None
    message: str | None = None
    code: Any = None


_decode_event = msgspec.json.Decoder(_Event).decode


class ResponsesReader:
    """Understands the events of a native stream."""

    __slots__ = ()
    kept = 0

    def read(self, frame: Frame) -> Sequence[Step]:
        if not frame.data or frame.data == b"[DONE]":
            return (Step(raw=frame.raw),)
        try:
            event = lenient(_decode_event, frame.data)
        except REFUSED:
            return ()  # one malformed event in an otherwise good stream is left out
        if event.type == "error" or (event.error is not None and not event.type):
            return (Step(error=_failure(event)),)
        if event.type == "response.failed" and event.response is not None:
            failure = stream_error(event.response.get("error") or {"message": "The provider's response failed."})
            return (Step(error=failure, usage=responses_usage(event.response)),)
        step = Step(raw=frame.raw)
        if event.type.endswith(".delta") and isinstance(event.delta, str):
            step.text = event.delta
            step.content = bool(event.delta)
        elif event.type in _LAST and event.response is not None:
            step.usage = responses_usage(event.response)
            step.finish = responses_finish(event.response)
            step.end = True
        return (step,)

    def close(self) -> Sequence[Step]:
        return ()


def last_event(steps: Sequence[Step]) -> bytes:
    """The body of the whole Response, which the event that ends a stream holds."""
    [frame] = Splitter().feed(next(step.raw for step in steps if step.end))
    return frame.data


def read_response(body: Json, raw: bytes) -> Answer:
    """Read a whole Response, or the event that ends a stream and holds it; the bytes are passed on.

    Raises ProviderError when its status is `failed`, or when it is no Response.
    """
    if text_of(body.get("type")) in _LAST and is_object(inner := body.get("response")):
        body, raw = inner, msgspec.json.encode(inner)
    if body.get("status") == "failed":
        raise stream_error(body.get("error") or {"message": "The provider's response failed."})
    if not is_array(body.get("output")):
        said = raw[:500].decode("utf-8", "replace")
        raise ProviderError(FailureKind.PROTOCOL, f"The provider sent no answer: {said}", status=200)
    texts: list[str] = []
    for item in objects(body.get("output")):
        texts += [text_of(item.get("name")), text_of(item.get("arguments"))]
        texts += [text_of(part.get("text")) for name in ("content", "summary") for part in objects(item.get(name))]
    return Answer(
        body=body,
        usage=responses_usage(body),
        finish=responses_finish(body),
        text="".join(texts),
        raw=raw,
    )


def responses_finish(response: Json) -> str:
    """The finish reason, in chat's words."""
    if any(item.get("type") == "function_call" for item in objects(response.get("output"))):
        return "tool_calls"
    details = response.get("incomplete_details")
    return _FINISH.get(text_of(details.get("reason")), "stop") if is_object(details) else "stop"


def responses_usage(response: Json) -> Usage | None:
    """The usage of a Response, with the uses of OpenAI's own tools, which are counted in its output. None without token counts."""
    body, tier = response.get("usage"), response.get("service_tier")
    if not is_object(body):
        return None
    prompt, completion = figure_of(body.get("input_tokens")), figure_of(body.get("output_tokens"))
    if prompt is None and completion is None:
        return None
    output = objects(response.get("output"))
    incoming, outgoing = (object_in(body, name) for name in ("input_tokens_details", "output_tokens_details"))
    return Usage(
        prompt_tokens=prompt or 0,
        completion_tokens=completion or 0,
        cached_tokens=figure_of(incoming.get("cached_tokens")) or 0,
        cache_write_tokens=figure_of(incoming.get("cache_write_tokens")) or 0,
        reasoning_tokens=figure_of(outgoing.get("reasoning_tokens")) or 0,
        searches=sum(_searched(item) for item in output),
        file_searches=sum(item.get("type") == "file_search_call" for item in output),
        containers=len(
            {text_of(item.get("container_id")) for item in output if text_of(item.get("type")) in _RUNS_CODE} - {""}
        ),
        images=sum(item.get("type") == "image_generation_call" for item in output),
        told_nanos=told_nanos(body),
        tier=word_of(tier),
        prompt_told=prompt is not None,
        completion_told=completion is not None,
    )


def _searched(item: Json) -> bool:
    """Whether the item is a web search, which is billed; opening a page of the results or searching in it is not.

    Pages: https://developers.openai.com/api/docs/guides/tools-web-search and https://developers.openai.com/api/docs/pricing.
    """
    action = object_in(item, "action").get("type", "search")
    return item.get("type") == "web_search_call" and item.get("status") == "completed" and action == "search"


def _failure(event: _Event) -> ProviderError:
    return stream_error(event.error if event.error is not None else {"message": event.message, "code": event.code})
