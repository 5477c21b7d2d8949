"""Streams of Amazon Bedrock: ConverseStream as canon chunks, and the frames of InvokeModel as Anthropic's own events.

Pages: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html and
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from llmgateway.canon.chat import ChatChunk, Delta, Json, chunk_of, usage_chunk
from llmgateway.canon.shapes import object_in, text_of
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.kit.sse import write
from llmgateway.providers.anthropic.answer import openai_usage
from llmgateway.providers.anthropic.stream import EventReader
from llmgateway.providers.base import Step
from llmgateway.providers.bedrock.answer import SERVER_TOOL, finish_of, thinking_block, url_citation, usage_of
from llmgateway.providers.bedrock.errors import stream_error
from llmgateway.providers.bedrock.framing import MessageSplitter
from llmgateway.providers.lenient_json import read_object


class MessageReader(Protocol):
    """Turns events into steps, one after the other."""

    @property
    def kept(self) -> int:
        """Bytes of the events that it remembers something of."""
        ...

    def read(self, kind: str, payload: bytes) -> Sequence[Step]:
        """Steps of one event: its type and its JSON."""
        ...


class EventStreamDecoder:
    """Cuts an AWS event stream into messages: hands events to a reader, and turns exceptions into failures."""

    __slots__ = ("_reader", "_splitter")

    def __init__(self, reader: MessageReader) -> None:
        self._reader = reader
        self._splitter = MessageSplitter()

    @property
    def kept(self) -> int:
        return self._reader.kept

    def feed(self, data: bytes) -> Sequence[Step]:
        messages, broken = self._splitter.feed(data)
        steps: list[Step] = []
        for message in messages:
            kind = message.headers.get(":message-type", "event")
            if kind == "event":
                steps += self._reader.read(message.headers.get(":event-type", ""), message.payload)
                continue
            name = message.headers.get(":exception-type") or message.headers.get(":error-code", "")
            said = message.headers.get(":error-message")
            payload = msgspec.json.encode({"message": said}) if said else message.payload
            steps.append(Step(error=stream_error(name, payload)))
        if broken:
            error = ProviderError(FailureKind.PROTOCOL, "Amazon Bedrock's event stream is damaged.")
            steps.append(Step(error=error))
        return steps

    def close(self) -> Sequence[Step]:
        return ()


class _Chunk(msgspec.Struct):
    bytes: bytes


class _Kind(msgspec.Struct):
    type: str = ""


_chunk = msgspec.json.Decoder(_Chunk)
_kind = msgspec.json.Decoder(_Kind)


class InvokeReader:
    """Takes Anthropic's events out of the frames of InvokeModel, and frames them as server-sent events, as Anthropic does."""

    __slots__ = ("_reader",)

    def __init__(self, reader: EventReader) -> None:
        self._reader = reader

    @property
    def kept(self) -> int:
        return self._reader.kept

    def read(self, kind: str, payload: bytes) -> Sequence[Step]:
        del kind
        try:
            data = _chunk.decode(payload).bytes
            name = _kind.decode(data).type
        except (msgspec.DecodeError, UnicodeDecodeError):
            return ()
        return self._reader.read(write(data, name.encode()), data)


class _GrowingBlock:
    """A content block of a stream, as far as it has come."""

    __slots__ = ("call", "citations", "pieces", "signature", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        """Where its text begins in the answer."""
        self.pieces: list[str] = []
        self.signature = ""
        self.citations: list[Json] = []
        self.call: int | None = None


class ConverseReader:
    """Translates events of ConverseStream to canon chunks."""

    __slots__ = ("_blocks", "_calls", "_model", "_position", "kept")

    def __init__(self, model: str) -> None:
        self._model = model
        self._blocks: dict[int, _GrowingBlock] = {}
        self._calls = 0
        self._position = 0
        self.kept = 0

    def read(self, kind: str, payload: bytes) -> Sequence[Step]:
        self.kept += len(payload)
        event = read_object(payload)
        if event is None:
            return ()
        place = event.get("contentBlockIndex")
        index = place if isinstance(place, int) else 0
        steps: Sequence[Step] = ()
        match kind:
            case "contentBlockDelta":
                steps = self._grow(index, object_in(event, "delta"))
            case "contentBlockStart":
                steps = self._start(index, object_in(event, "start"))
            case "contentBlockStop":
                steps = self._stop(index)
            case "messageStart":
                steps = (Step(chunk=self._chunk({"role": "assistant"})),)
            case "messageStop":
                steps = self._finish(text_of(event.get("stopReason")))
            case "metadata":
                steps = self._account(event)
            case _:
                pass  # kinds that came later
        return steps

    def _chunk(self, delta: Delta) -> ChatChunk:
        return chunk_of("", self._model, delta)

    def _say(self, delta: Delta, text: str) -> Sequence[Step]:
        return (Step(chunk=self._chunk(delta), content=True, text=text),) if text else ()

    def _start(self, index: int, start: Json) -> Sequence[Step]:
        block = self._blocks[index] = _GrowingBlock(self._position)
        use = object_in(start, "toolUse")
        if not use or use.get("type") == SERVER_TOOL:
            return ()
        block.call, self._calls = self._calls, self._calls + 1
        name = text_of(use.get("name"))
        function = {"name": name, "arguments": ""}
        call: Json = {
            "index": block.call,
            "id": text_of(use.get("toolUseId")),
            "type": "function",
            "function": function,
        }
        return self._say({"tool_calls": [call]}, name)

    def _grow(self, index: int, delta: Json) -> Sequence[Step]:
        block = self._blocks.setdefault(index, _GrowingBlock(self._position))
        if text := text_of(delta.get("text")):
            self._position += len(text)
            return self._say({"content": text}, text)
        if use := object_in(delta, "toolUse"):
            return self._argue(block, text_of(use.get("input")))
        if citation := object_in(delta, "citation"):
            block.citations.append(citation)
            return ()
        return self._think(block, object_in(delta, "reasoningContent"))

    def _argue(self, block: _GrowingBlock, piece: str) -> Sequence[Step]:
        if block.call is None:
            return (Step(text=piece),) if piece else ()  # a tool that the provider runs itself
        block.pieces.append(piece)
        return self._say({"tool_calls": [{"index": block.call, "function": {"arguments": piece}}]}, piece)

    def _think(self, block: _GrowingBlock, thought: Json) -> Sequence[Step]:
        if thought.get("redactedContent"):
            return (Step(chunk=self._chunk({"thinking_blocks": [thinking_block(thought)]})),)
        block.signature += text_of(thought.get("signature"))
        piece = text_of(thought.get("text"))
        block.pieces.append(piece)
        return self._say({"reasoning_content": piece}, piece)

    def _stop(self, index: int) -> Sequence[Step]:
        block = self._blocks.pop(index, None)
        if block is None:
            return ()
        written = "".join(block.pieces)
        if block.call is not None:
            return () if written else self._argue(block, "{}")
        delta: Delta = {}
        if block.pieces and (written or block.signature):
            delta["thinking_blocks"] = [{"type": "thinking", "thinking": written, "signature": block.signature}]
        found = [one for cited in block.citations for one in url_citation(cited, block.start, self._position)]
        if found:
            delta["annotations"] = found
        return (Step(chunk=self._chunk(delta)),) if delta else ()

    def _finish(self, reason: str) -> Sequence[Step]:
        if failure := malformed(reason):
            return (Step(error=failure),)
        chunk = self._chunk({})
        choice = chunk["choices"][0]
        choice["finish_reason"] = finish = finish_of(reason)
        choice["native_finish_reason"] = reason
        return (Step(chunk=chunk, finish=finish),)

    def _account(self, event: Json) -> Sequence[Step]:
        """The steps of the last event, `metadata`, which ends the stream also when it holds no usage."""
        usage = usage_of(event.get("usage"), event)
        if usage is None:
            return (Step(end=True),)
        summary = usage_chunk("", self._model, openai_usage(usage))
        return (Step(chunk=summary, usage=usage, usage_only=True), Step(end=True))


def malformed(reason: str) -> ProviderError | None:
    """The failure that a stop reason `malformed_...` means: the model's output could not be parsed. None for any other."""
    if not reason.startswith("malformed_"):
        return None
    return ProviderError(
        FailureKind.SERVER_ERROR, f"The model's answer was unreadable ({reason}): try again.", code=reason
    )
