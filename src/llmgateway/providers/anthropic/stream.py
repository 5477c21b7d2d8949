"""Streams of the Messages API: passed on and read for the meter, or translated to canon chunks.

Page: https://platform.claude.com/docs/en/build-with-claude/streaming. The readers take the JSON of one event, so that
hosts with another framing (Bedrock) can use them; `SseDecoder` cuts server-sent events for them.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import msgspec

from llmgateway.canon.chat import ChatChunk, Delta, Json, chunk_of, usage_chunk
from llmgateway.canon.shapes import objects, text_of
from llmgateway.kit.sse import Splitter
from llmgateway.providers.anthropic.answer import (
    MessagesUsage,
    arguments_of,
    finish_of,
    is_plain,
    openai_usage,
    refusal_of,
    updated,
    url_citations,
    usage_of,
)
from llmgateway.providers.anthropic.errors import ErrorDetail, event_error
from llmgateway.providers.base import Step
from llmgateway.providers.failures import error_object
from llmgateway.providers.lenient_json import REFUSED, LenientReader, mended

_NONE = msgspec.Raw(b"null")


class _Start(msgspec.Struct):
    id: str = ""
    model: str = ""
    usage: msgspec.Raw = _NONE
    """Decoded apart from the event, which must not be lost when Anthropic adds a form of usage that is not known here."""


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    signature: str = ""
    citation: Json | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: Json | None = None


class _Kind(msgspec.Struct):
    type: str = ""


class _Watched(msgspec.Struct):
    """What NativeReader needs of an event."""

    type: str
    message: _Start | None = None
    content_block: _Kind | None = None
    delta: _Delta | None = None
    usage: msgspec.Raw = _NONE
    error: ErrorDetail | None = None


class _Event(msgspec.Struct):
    """What CanonReader needs of an event."""

    type: str
    index: int = 0
    message: _Start | None = None
    content_block: Json | None = None
    delta: _Delta | None = None
    usage: msgspec.Raw = _NONE
    error: ErrorDetail | None = None


_watched = msgspec.json.Decoder(_Watched)
_event = msgspec.json.Decoder(_Event)
_usage = msgspec.json.Decoder(MessagesUsage | None)


def _read_usage(old: MessagesUsage | None, raw: msgspec.Raw) -> MessagesUsage | None:
    """What the stream has reported after an event with this `usage`; as before where it cannot be read."""
    try:
        new = _usage.decode(raw)
    except msgspec.DecodeError:
        return old
    return updated(old, new) if new else old


class EventReader(Protocol):
    """Turns events into steps, one after the other."""

    @property
    def kept(self) -> int:
        """Bytes of the events that it remembers something of."""
        ...

    def read(self, raw: bytes, data: bytes) -> Sequence[Step]:
        """Steps of one event: the frame's own bytes and its JSON."""
        ...


class SseDecoder:
    """Cuts a stream into server-sent events and hands them to a reader."""

    __slots__ = ("_reader", "_splitter")

    def __init__(self, reader: EventReader) -> None:
        self._splitter = Splitter()
        self._reader = reader

    @property
    def kept(self) -> int:
        return self._reader.kept

    def feed(self, data: bytes) -> Sequence[Step]:
        frames = self._splitter.feed(data)
        if len(frames) == 1:
            return self._reader.read(frames[0].raw, frames[0].data)
        return [step for frame in frames for step in self._reader.read(frame.raw, frame.data)]

    def close(self) -> Sequence[Step]:
        return [step for frame in self._splitter.close() for step in self._reader.read(frame.raw, frame.data)]


class NativeReader:
    """For callers of the same API: hands every frame on as it is, and notes text, usage and finish reason."""

    __slots__ = ("_reported",)
    kept = 0

    def __init__(self) -> None:
        self._reported: MessagesUsage | None = None

    def read(self, raw: bytes, data: bytes) -> Sequence[Step]:
        step = Step(raw=raw)
        if not data:
            return (step,)  # a comment
        try:
            self._watch(step, _watched.decode(data))
        except REFUSED:
            return self._unusual(step, data)
        return (step,)

    def _unusual(self, step: Step, data: bytes) -> Sequence[Step]:
        """An event of unknown shape, or cut inside a character: it is handed on, and read as far as possible."""
        whole = mended(data)
        if not error_object(whole):
            return ()  # one malformed event in an otherwise good stream is left out
        with suppress(msgspec.ValidationError):
            self._watch(step, _watched.decode(whole))
        return (step,)

    def _watch(self, step: Step, event: _Watched) -> None:
        delta = event.delta
        if event.type == "content_block_delta" and delta:
            step.text = delta.text or delta.thinking or delta.partial_json
            step.content = step.text != ""
        else:
            self._note(step, event)

    def _note(self, step: Step, event: _Watched) -> None:
        match event.type:
            case "message_start":
                self._note_usage(step, event.message.usage if event.message else _NONE)
            case "content_block_start":
                step.content = event.content_block is not None and event.content_block.type.endswith("tool_use")
            case "message_delta":
                step.finish = finish_of(event.delta.stop_reason) if event.delta else None
                self._note_usage(step, event.usage)
            case "message_stop":
                step.end = True
            case "error":
                step.error = event_error(event.error or ErrorDetail())
            case _:
                pass

    def _note_usage(self, step: Step, raw: msgspec.Raw) -> None:
        self._reported = _read_usage(self._reported, raw)
        step.usage = usage_of(self._reported)


class GrowingBlock:
    """A content block of a stream, as far as it has come."""

    __slots__ = ("call", "citations", "kind", "pieces", "signature", "start", "started_at")

    def __init__(self, start: Json, started_at: int, call: int) -> None:
        self.start = start
        self.kind = text_of(start.get("type"))
        self.pieces: list[str] = []
        self.signature = ""
        self.citations: list[Json] = []
        self.started_at = started_at
        self.call = call

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def whole(self) -> Json:
        """The block as a whole answer would have it."""
        block = dict(self.start)
        if self.kind == "text":
            block["text"] = text_of(self.start.get("text")) + self.text
            if self.citations:
                block["citations"] = [*objects(self.start.get("citations")), *self.citations]
        elif self.kind == "thinking":
            block["thinking"] = text_of(self.start.get("thinking")) + self.text
            block["signature"] = self.signature or text_of(self.start.get("signature"))
        elif self.pieces and self.text:
            try:
                block["input"] = msgspec.json.decode(self.text)
            except msgspec.DecodeError:
                block["input"] = {"INVALID_JSON": self.text}  # what Anthropic's pages suggest for a cut input
        return block


class CanonReader:
    """Translates events to canon chunks."""

    __slots__ = ("_blocks", "_calls", "_done", "_id", "_lenient", "_model", "_position", "_reported", "_told", "kept")

    def __init__(self) -> None:
        self._id = ""
        self._model = ""
        self._reported: MessagesUsage | None = None
        self._blocks: dict[int, GrowingBlock] = {}
        self._done: list[GrowingBlock] = []
        self._told = 0
        """How many of the finished blocks went out as `provider_blocks`."""
        self._calls = 0
        self._position = 0
        self._lenient = LenientReader()
        self.kept = 0

    def read(self, raw: bytes, data: bytes) -> Sequence[Step]:
        del raw
        self.kept += len(data)
        return self._lenient.read(data, self._understand)

    def _understand(self, data: bytes) -> Sequence[Step]:
        event = _event.decode(data)
        steps: Sequence[Step] = ()
        match event.type:
            case "content_block_delta":
                steps = self._grow(event)
            case "content_block_start":
                steps = self._start_block(event)
            case "content_block_stop":
                steps = self._stop_block(event.index)
            case "message_start":
                steps = self._start(event.message or _Start())
            case "message_delta":
                steps = self._finish(event)
            case "message_stop":
                steps = (Step(end=True),)
            case "error":
                steps = (Step(error=event_error(event.error or ErrorDetail())),)
            case _:
                pass  # ping, and kinds that came later
        return steps

    def _chunk(self, delta: Delta) -> ChatChunk:
        return chunk_of(self._id, self._model, delta)

    def _start(self, message: _Start) -> Sequence[Step]:
        self._id, self._model = message.id, message.model
        self._reported = _read_usage(None, message.usage)
        return (Step(chunk=self._chunk({"role": "assistant"}), usage=usage_of(self._reported)),)

    def _start_block(self, event: _Event) -> Sequence[Step]:
        block = GrowingBlock(event.content_block or {}, self._position, self._calls)
        self._blocks[event.index] = block
        steps: list[Step] = []
        if block.kind == "text" and (opaque := self._untold(block)):
            steps.append(Step(chunk=self._chunk({"provider_blocks": opaque})))  # the text before this one ends here
        if block.kind == "tool_use":
            self._calls += 1
            function = {"name": text_of(block.start.get("name")), "arguments": ""}
            call: Json = {"index": block.call, "id": block.start.get("id"), "type": "function", "function": function}
            steps.append(Step(chunk=self._chunk({"tool_calls": [call]}), content=True))
        elif text := text_of(block.start.get("text") or block.start.get("thinking")):
            steps += self._say(block, text)
        return steps

    def _grow(self, event: _Event) -> Sequence[Step]:
        block, delta = self._blocks.get(event.index), event.delta
        if block is None or delta is None:
            return ()
        if delta.signature:
            block.signature += delta.signature
        if delta.citation:
            block.citations.append(delta.citation)
        piece = delta.text or delta.thinking or delta.partial_json
        if not piece:
            return ()
        block.pieces.append(piece)
        return self._say(block, piece)

    def _say(self, block: GrowingBlock, piece: str) -> Sequence[Step]:
        match block.kind:
            case "text":
                self._position += len(piece)
                chunk = self._chunk({"content": piece})
            case "thinking":
                chunk = self._chunk({"reasoning_content": piece})
            case "tool_use":
                chunk = self._chunk({"tool_calls": [{"index": block.call, "function": {"arguments": piece}}]})
            case _:
                return (Step(text=piece),)  # a server tool's input: it goes out whole, at its end
        return (Step(chunk=chunk, content=True, text=piece),)

    def _stop_block(self, index: int) -> Sequence[Step]:
        block = self._blocks.pop(index, None)
        if block is None:
            return ()
        self._done.append(block)
        steps: list[Step] = []
        if block.kind == "tool_use" and not block.text:
            steps += self._say(block, arguments_of(block.start.get("input")))
        delta: Delta = {}
        if block.kind in {"thinking", "redacted_thinking"}:
            delta["thinking_blocks"] = [block.whole()]
        if annotations := url_citations(block.citations, block.started_at, self._position):
            delta["annotations"] = annotations
        if opaque := self._untold():
            delta["provider_blocks"] = opaque
        if delta:
            steps.append(Step(chunk=self._chunk(delta), content="provider_blocks" in delta))
        return steps

    def _untold(self, *coming: GrowingBlock) -> list[Json]:
        """Finished blocks that must go out as `provider_blocks`: none while canon can hold all, else all so far, then each as it ends."""
        known = [*self._done, *coming]
        if not self._told and is_plain([b.start for b in known], cited=any(b.citations for b in known)):
            return []
        untold = [done.whole() for done in self._done[self._told :]]
        self._told = len(self._done)
        return untold

    def _finish(self, event: _Event) -> Sequence[Step]:
        self._reported = _read_usage(self._reported, event.usage)
        usage = usage_of(self._reported)
        steps: list[Step] = []
        delta = event.delta
        if refusal := refusal_of(delta.stop_details if delta else None):
            steps.append(Step(chunk=self._chunk({"refusal": refusal}), content=True))
        if delta and delta.stop_reason:
            chunk = self._chunk({})
            choice = chunk["choices"][0]
            choice["finish_reason"] = finish = finish_of(delta.stop_reason)
            choice["native_finish_reason"] = delta.stop_reason
            if delta.stop_sequence is not None:
                choice["stop_sequence"] = delta.stop_sequence
            steps.append(Step(chunk=chunk, finish=finish, usage=usage))
        if usage:
            summary = usage_chunk(self._id, self._model, openai_usage(usage))
            steps.append(Step(chunk=summary, usage=usage, usage_only=True))
        return steps
