"""Streams on OpenAI's wire: read along natively, or repaired into canon chunks."""

from collections.abc import Sequence
from typing import Any, Protocol, cast

import msgspec
from msgspec import Struct

from llmgateway.canon.chat import ChatChunk, Json
from llmgateway.canon.shapes import is_object, objects, text_of
from llmgateway.kit.sse import Frame, Splitter
from llmgateway.providers.base import Step
from llmgateway.providers.openai_errors import stream_error
from llmgateway.providers.openai_repairs import Repairs
from llmgateway.providers.openai_usage import read_usage

_DONE = b"[DONE]"


class Reader(Protocol):
    """Understands one frame of a stream."""

    def read(self, frame: Frame) -> Sequence[Step]: ...

    def close(self) -> Sequence[Step]: ...


class SseDecoder:
    """Cuts bytes into frames and has them read."""

    __slots__ = ("_reader", "_splitter")

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._splitter = Splitter()

    def feed(self, data: bytes) -> Sequence[Step]:
        return [step for frame in self._splitter.feed(data) for step in self._reader.read(frame)]

    def close(self) -> Sequence[Step]:
        steps = [step for frame in self._splitter.close() for step in self._reader.read(frame)]
        return [*steps, *self._reader.close()]


class _FunctionDelta(Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolDelta(Struct):
    function: _FunctionDelta | None = None


class _Delta(Struct):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_ToolDelta] | None = None
    function_call: _FunctionDelta | None = None


class _Choice(Struct):
    delta: _Delta | None = None
    text: str | None = None
    """Of /v1/completions."""
    finish_reason: str | None = None


class _Chunk(Struct):
    choices: list[_Choice] = []
    usage: dict[str, Any] | None = None
    error: Any = None


_decode_chunk = msgspec.json.Decoder(_Chunk).decode


class NativeReader:
    """The provider owns the dialect: its frames go on as they are, and only what the meter needs is read."""

    __slots__ = ("_unfinished",)

    def __init__(self, choices: int) -> None:
        self._unfinished = choices

    def read(self, frame: Frame) -> Sequence[Step]:
        if frame.data == _DONE:
            return (Step(raw=frame.raw, end=True),)
        if not frame.data:
            return (Step(raw=frame.raw),)
        try:
            chunk = _decode_chunk(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return ()  # one malformed event in an otherwise good stream is left out
        if chunk.error is not None:
            return (Step(error=stream_error(chunk.error)),)
        step = Step(raw=frame.raw)
        if chunk.usage is not None:
            step.usage = read_usage(chunk.usage)
            step.usage_only = not chunk.choices
        for choice in chunk.choices:
            step.text += choice.text or _said(choice.delta)
            if choice.finish_reason:
                self._unfinished -= 1
                if self._unfinished <= 0:
                    step.finish = choice.finish_reason
        step.content = bool(step.text)
        return (step,)

    def close(self) -> Sequence[Step]:
        return ()


def _said(delta: _Delta | None) -> str:
    if delta is None:
        return ""
    if delta.content and not delta.tool_calls:
        return delta.content
    calls = [call.function for call in delta.tool_calls or () if call.function]
    if delta.function_call:
        calls.append(delta.function_call)
    words = [part or "" for call in calls for part in (call.name, call.arguments)]
    return "".join((delta.content or "", delta.reasoning_content or "", delta.refusal or "", *words))


class RepairingReader:
    """A compatible host: its chunks become canon, unknown fields and all."""

    __slots__ = ("_last", "_repairs", "_spoke", "_unfinished")

    def __init__(self, choices: int) -> None:
        self._repairs = Repairs()
        self._unfinished = choices
        self._spoke = False
        self._last: Json | None = None

    def read(self, frame: Frame) -> Sequence[Step]:
        if frame.data.strip() == _DONE:
            return [*self._finish_in_its_place(), Step(end=True)]
        body = _object(frame.data)
        if body is None:
            return ()
        if body.get("error") and not body.get("choices"):
            return (Step(error=stream_error(body["error"])),)
        if frame.event == b"error" and "choices" not in body:
            return (Step(error=stream_error(body)),)
        return (self._step(self._repairs.chunk(body)),)

    def close(self) -> Sequence[Step]:
        return ()

    def _step(self, body: Json) -> Step:
        self._last = body
        step = Step(chunk=cast("ChatChunk", body), usage=read_usage(body.get("usage")))  # repaired into the shape
        for choice in objects(body["choices"]):
            step.text += spoken(choice["delta"])
            if choice["finish_reason"]:
                self._unfinished -= 1
                if self._unfinished <= 0:
                    step.finish = choice["finish_reason"]
        step.content = bool(step.text)
        self._spoke = self._spoke or step.content
        return step

    def _finish_in_its_place(self) -> Sequence[Step]:
        """A host that says [DONE] but never why: it has finished, and the caller must see that."""
        if self._unfinished <= 0 or not self._spoke or self._last is None:
            return ()
        choice: Json = {"index": 0, "delta": {}, "finish_reason": "stop"}
        body = {**self._last, "choices": [choice], "usage": None}
        return (Step(chunk=cast("ChatChunk", body), finish="stop"),)


def _object(data: bytes) -> Json | None:
    """The event's object; one malformed event in an otherwise good stream is left out."""
    try:
        body: object = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return body if is_object(body) else None


def spoken(message: Json) -> str:
    """All that a message or delta says: text, reasoning, refusal, tool calls."""
    words = [text_of(message.get(name)) for name in ("content", "reasoning_content", "refusal")]
    for call in objects(message.get("tool_calls")):
        function = call.get("function")
        if is_object(function):
            words += [text_of(function.get("name")), text_of(function.get("arguments"))]
    return "".join(words)
