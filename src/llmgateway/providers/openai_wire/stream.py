"""Streams of OpenAI's chat and completions: passed on and read for the meter, or repaired into canon chunks.

Page: https://platform.openai.com/docs/api-reference/chat-streaming.
"""

from collections.abc import Sequence
from typing import Any, Protocol, cast

import msgspec
from msgspec import Struct

from llmgateway.canon.chat import ChatChunk, Json
from llmgateway.canon.shapes import is_object, objects, text_of
from llmgateway.errors import ProviderError
from llmgateway.kit.sse import Frame, Splitter
from llmgateway.providers.base import Step
from llmgateway.providers.lenient_json import REFUSED, LenientReader, read_object
from llmgateway.providers.openai_wire.errors import stream_error
from llmgateway.providers.openai_wire.repairs import BROKEN_OFF, Repairs, broken_off, failure_in
from llmgateway.providers.openai_wire.usage import read_usage

_DONE = b"[DONE]"
_MOST_CHOICES = 1 << 16


class FrameReader(Protocol):
    """Understands one frame of a stream."""

    @property
    def kept(self) -> int:
        """Bytes of the frames that it remembers something of."""
        ...

    def read(self, frame: Frame) -> Sequence[Step]: ...

    def close(self) -> Sequence[Step]: ...


class SseDecoder:
    """Cuts a stream into server-sent events and hands them to a reader."""

    __slots__ = ("_reader", "_splitter")

    def __init__(self, reader: FrameReader) -> None:
        self._reader = reader
        self._splitter = Splitter()

    @property
    def kept(self) -> int:
        return self._reader.kept

    def feed(self, data: bytes) -> Sequence[Step]:
        frames = self._splitter.feed(data)
        if len(frames) == 1:
            return self._reader.read(frames[0])
        return [step for frame in frames for step in self._reader.read(frame)]

    def close(self) -> Sequence[Step]:
        steps = [step for frame in self._splitter.close() for step in self._reader.read(frame)]
        return [*steps, *self._reader.close()]


class _FunctionDelta(Struct):
    name: str | None = None
    arguments: str | None = None
    input: str | None = None
    """Of a custom tool."""


class _ToolDelta(Struct):
    function: _FunctionDelta | None = None
    custom: _FunctionDelta | None = None


class _AudioDelta(Struct):
    transcript: str | None = None


class _Delta(Struct):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_ToolDelta] | None = None
    function_call: _FunctionDelta | None = None
    audio: _AudioDelta | None = None


class _Choice(Struct):
    index: int = 0
    delta: _Delta | None = None
    text: str | None = None
    """Of /v1/completions."""
    finish_reason: str | None = None


class _Chunk(Struct):
    choices: list[_Choice] = []
    usage: dict[str, Any] | None = None
    service_tier: Any = None
    error: Any = None


_decode_chunk = msgspec.json.Decoder(_Chunk).decode


class _Ends:
    """Which choices have begun and which have ended; the answer is finished when all that were asked for have ended.

    Indexes beyond `_MOST_CHOICES` are ignored, since a host may make them up without end.
    """

    __slots__ = ("_asked", "_begun", "_ended", "_reason")

    def __init__(self, asked: int) -> None:
        self._asked = asked
        self._begun: set[int] = set()
        self._ended: set[int] = set()
        self._reason = ""

    def begins(self, index: int) -> None:
        if 0 <= index < _MOST_CHOICES:
            self._begun.add(index)

    def ends(self, index: int, reason: str) -> str | None:
        """Note that a choice ended. Returns the finish reason of the whole answer when it was the last one, else None."""
        if 0 <= index < _MOST_CHOICES:
            self._ended.add(index)
        self._reason = self._reason or reason
        return reason if self.all else None

    @property
    def all(self) -> bool:
        return len(self._ended) >= self._asked

    @property
    def open(self) -> list[int]:
        """Indexes of the choices that have begun and not ended."""
        return sorted(self._begun - self._ended)

    def at_terminator(self) -> str | None:
        """At the end of a stream with fewer choices than asked for: the finish reason, if each choice that began has ended."""
        return None if self.all or self.open else self._reason or None


class NativeReader:
    """For providers whose dialect the caller speaks: hands every frame on as it is, and notes text, usage and finish reasons."""

    __slots__ = ("_ends",)
    kept = 0

    def __init__(self, choices: int) -> None:
        self._ends = _Ends(choices)

    def read(self, frame: Frame) -> Sequence[Step]:
        if frame.data == _DONE:
            return (Step(raw=frame.raw, end=True, finish=self._ends.at_terminator()),)
        if not frame.data:
            return (Step(raw=frame.raw),)
        try:
            chunk = _decode_chunk(frame.data)
        except REFUSED:
            return self._unusual(frame)
        failure = _failure(chunk)
        return (self._step(frame, chunk) if failure is None else Step(error=failure),)

    def close(self) -> Sequence[Step]:
        return ()

    def _step(self, frame: Frame, chunk: _Chunk) -> Step:
        step = Step(raw=frame.raw)
        if chunk.usage is not None:
            step.usage = read_usage(chunk.usage, chunk.service_tier)
            step.usage_only = not chunk.choices
        for choice in chunk.choices:
            text = choice.text or _said(choice.delta)
            if text:
                step.text += text
                self._ends.begins(choice.index)
            elif choice.delta is not None and choice.delta.audio is not None:
                step.content = True
            if choice.finish_reason:
                step.finish = self._ends.ends(choice.index, choice.finish_reason)
        step.content = step.content or bool(step.text)
        return step

    def _unusual(self, frame: Frame) -> Sequence[Step]:
        """A frame of unknown shape, or cut inside a character: it is handed on, and read as far as possible."""
        body = read_object(frame.data)
        if body is None:
            return ()  # one malformed event in an otherwise good stream is left out
        step = Step(raw=frame.raw)
        step.usage = read_usage(body.get("usage"), body.get("service_tier"))
        for choice in objects(body.get("choices")):
            delta, index, reason = choice.get("delta"), choice.get("index"), choice.get("finish_reason")
            step.text += counted_text(delta) if is_object(delta) else text_of(choice.get("text"))
            if isinstance(reason, str) and reason:
                step.finish = self._ends.ends(index if isinstance(index, int) else 0, reason)
        step.content = bool(step.text)
        return (step,)


def _failure(chunk: _Chunk) -> ProviderError | None:
    """The failure that a chunk reports, by an error or by a finish reason; None without one."""
    if chunk.error is not None:
        return stream_error(chunk.error)
    for choice in chunk.choices:
        if choice.finish_reason in BROKEN_OFF:
            return broken_off(choice.finish_reason)
    return None


def _said(delta: _Delta | None) -> str:
    if delta is None:
        return ""
    if delta.content and not delta.tool_calls:
        return delta.content
    calls = [call.function or call.custom for call in delta.tool_calls or ()]
    calls.append(delta.function_call)
    words = [part or "" for call in calls if call for part in (call.name, call.arguments, call.input)]
    heard = delta.audio.transcript if delta.audio else None
    return "".join((delta.content or "", delta.reasoning_content or "", delta.refusal or "", heard or "", *words))


class RepairingReader:
    """For compatible hosts: repairs their chunks into canon ones, which keep unknown fields."""

    __slots__ = ("_ends", "_last", "_lenient", "_repairs", "_strict", "kept")

    def __init__(self, choices: int, *, strict: bool = False) -> None:
        """`strict`: the host always gives a finish reason, so that [DONE] alone does not finish an answer."""
        self._repairs = Repairs()
        self._ends = _Ends(choices)
        self._strict = strict
        self._lenient = LenientReader()
        self._last: Json = {}
        self.kept = 0

    def read(self, frame: Frame) -> Sequence[Step]:
        data = (frame.data or _bare(frame.raw)).strip()
        if not data:
            return ()  # a comment
        if data == _DONE:
            held = self._lenient.close(self._understand)
            finishes = () if self._strict else self._finish_in_their_place()
            return [*held, *finishes, Step(end=True, finish=self._ends.at_terminator())]
        if frame.event == b"error" and (body := read_object(data)) is not None and not _is_chunk(body):
            return (Step(error=failure_in(body) or stream_error(body)),)
        return self._lenient.read(data, self._understand)

    def close(self) -> Sequence[Step]:
        return self._lenient.close(self._understand)

    def repaired(self, body: Json) -> Json:
        """The chunk in the shape that callers get, in place."""
        return self._repairs.chunk(body)

    def _understand(self, data: bytes) -> Sequence[Step]:
        body: object = msgspec.json.decode(data)
        if not is_object(body):
            return ()
        failure = failure_in(body)
        if failure is not None:
            return (Step(error=failure),)
        if not _is_chunk(body):
            return ()  # news that no caller waits for
        step = self._step(self.repaired(body))
        for choice in body["choices"]:
            if "tool_calls" in choice["delta"] or "role" in choice["delta"]:
                self.kept += len(data)  # the repairs know each call, and each choice, whose role is said once
        return (step,)

    def _step(self, body: Json) -> Step:
        self._last = body
        step = Step(
            chunk=cast("ChatChunk", body), usage=read_usage(body.get("usage"), body.get("service_tier"))
        )  # repaired into the shape
        for choice in body["choices"]:
            said = counted_text(choice["delta"])
            if said:
                step.text += said
                self._ends.begins(choice["index"])
            if choice["finish_reason"]:
                step.finish = self._ends.ends(choice["index"], choice["finish_reason"])
        step.content = bool(step.text)
        return step

    def _finish_in_their_place(self) -> Sequence[Step]:
        """Chunks with a finish reason, for choices that had none when the host sent [DONE]."""
        steps: list[Step] = []
        for index in self._ends.open:
            reason = self._repairs.reason(index)
            choice: Json = {"index": index, "delta": {}, "finish_reason": reason}
            chunk = cast("ChatChunk", {**self._last, "choices": [choice], "usage": None})  # as the ones before it
            steps.append(Step(chunk=chunk, finish=self._ends.ends(index, reason)))
        return steps


def _bare(raw: bytes) -> bytes:
    """The bytes of a JSON body that came in place of a stream: an answer or an error without a frame; else nothing."""
    return raw if raw.lstrip().startswith(b"{") else b""


def _is_chunk(body: Json) -> bool:
    return "choices" in body or bool(body.get("usage"))


def counted_text(message: Json) -> str:
    """All text of a message or delta, for counting tokens: content, reasoning, refusal, transcript, and tool calls."""
    words = [text_of(message[name]) for name in ("content", "reasoning_content", "refusal") if name in message]
    audio = message.get("audio")
    if audio is not None:
        words.append(text_of(audio.get("transcript")) if is_object(audio) else "")
    functions: list[object] = [message["function_call"]] if "function_call" in message else []
    if "tool_calls" in message:
        functions = [
            *(call.get("function") or call.get("custom") for call in objects(message["tool_calls"])),
            *functions,
        ]
    for function in functions:
        if is_object(function):
            words += [text_of(function.get(name)) for name in ("name", "arguments", "input")]
    return "".join(words)
