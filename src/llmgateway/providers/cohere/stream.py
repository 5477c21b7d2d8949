"""Translates Cohere's streams to canon chunks, event by event.

Page: https://docs.cohere.com/v2/docs/streaming. An event's `index` counts blocks of content or tool calls, never choices.
"""

from collections.abc import Sequence

import msgspec

from llmgateway.canon.chat import ChatChunk, Delta, Json, chunk_of, usage_chunk
from llmgateway.canon.shapes import is_object, object_in, text_of
from llmgateway.canon.usage import usage_object
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.kit.sse import Splitter
from llmgateway.providers.base import Step
from llmgateway.providers.cohere.answer import finish_of, url_citations, usage_of
from llmgateway.providers.cohere.errors import ending_error
from llmgateway.providers.lenient_json import LenientReader


class _Event(msgspec.Struct):
    type: str = ""
    id: str = ""
    index: int = 0
    delta: Json | None = None
    message: str = ""
    """What an error in place of an event says."""


_event = msgspec.json.Decoder(_Event)


class CohereDecoder:
    """Decodes one stream."""

    __slots__ = ("_calls", "_id", "_lenient", "_model", "_position", "_splitter", "_starts", "_unsaid", "kept")

    def __init__(self, model: str) -> None:
        self._splitter = Splitter()
        self._model = model
        self._id = ""
        self._calls: dict[int, int] = {}
        """Cohere's index of a tool call -> its place in the answer."""
        self._unsaid: set[int] = set()
        """Tool calls whose arguments have not begun."""
        self._starts: dict[int, int] = {}
        """Index of a block -> where its text begins in the answer."""
        self._position = 0
        self._lenient = LenientReader()
        self.kept = 0

    def feed(self, data: bytes) -> Sequence[Step]:
        self.kept += len(data)
        return [step for frame in self._splitter.feed(data) for step in self._read(frame.data)]

    def close(self) -> Sequence[Step]:
        return [step for frame in self._splitter.close() for step in self._read(frame.data)]

    def _read(self, data: bytes) -> Sequence[Step]:
        """Steps of a frame; none of a comment, [DONE], or one malformed event in an otherwise good stream."""
        return self._lenient.read(data, self._decode)

    def _decode(self, data: bytes) -> Sequence[Step]:
        event = _event.decode(data)
        said = (event.delta or {}).get("message")
        return self._understand(event, said if is_object(said) else {})

    def _understand(self, event: _Event, said: Json) -> Sequence[Step]:
        steps: Sequence[Step] = ()
        match event.type:
            case "content-start" | "content-delta":
                steps = self._grow(event.index, said)
            case "tool-plan-delta":
                steps = self._say({"reasoning_content": text_of(said.get("tool_plan"))})
            case "tool-call-start" | "tool-call-delta" | "tool-call-end":
                steps = self._call(event, said)
            case "citation-start":
                steps = self._cite(said)
            case "message-start":
                self._id = event.id
                steps = (Step(chunk=self._chunk({"role": "assistant"})),)
            case "message-end":
                steps = self._finish(event.delta or {})
            case "" if event.message:
                steps = (Step(error=ProviderError(FailureKind.SERVER_ERROR, event.message)),)
            case _:
                pass  # ends of blocks and citations, and kinds that came later
        return steps

    def _chunk(self, delta: Delta) -> ChatChunk:
        return chunk_of(self._id, self._model, delta)

    def _say(self, delta: Delta) -> Sequence[Step]:
        text = delta.get("content") or delta.get("reasoning_content") or ""
        return (Step(chunk=self._chunk(delta), content=True, text=text),) if text else ()

    def _grow(self, index: int, said: Json) -> Sequence[Step]:
        block = said.get("content")
        if not is_object(block):
            return ()
        self._starts.setdefault(index, self._position)
        if thought := text_of(block.get("thinking")):
            return self._say({"reasoning_content": thought})
        text = text_of(block.get("text"))
        self._position += len(text)
        return self._say({"content": text})

    def _call(self, event: _Event, said: Json) -> Sequence[Step]:
        call = object_in(said, "tool_calls")
        function = object_in(call, "function")
        arguments = text_of(function.get("arguments"))
        if event.type == "tool-call-start":
            self._calls[event.index] = len(self._calls)
            self._unsaid.add(event.index)
        elif event.type == "tool-call-end" and event.index in self._unsaid:
            arguments = "{}"
        if arguments:
            self._unsaid.discard(event.index)
        delta: Json = {"index": self._calls.get(event.index, 0), "function": {"arguments": arguments}}
        if event.type == "tool-call-start":
            name = text_of(function.get("name"))
            delta |= {"id": text_of(call.get("id")), "type": "function"}
            delta["function"] = {"name": name, "arguments": arguments}
            arguments = name + arguments
        return (Step(chunk=self._chunk({"tool_calls": [delta]}), content=True, text=arguments),) if arguments else ()

    def _cite(self, said: Json) -> Sequence[Step]:
        citation = said.get("citations")
        if not is_object(citation):
            return ()
        block = citation.get("content_index")
        offset = self._starts.get(block, 0) if isinstance(block, int) else 0
        annotations = url_citations(citation, offset)
        return (Step(chunk=self._chunk({"annotations": annotations})),) if annotations else ()

    def _finish(self, delta: Json) -> Sequence[Step]:
        reason, usage = text_of(delta.get("finish_reason")), usage_of(delta.get("usage"))
        if failure := ending_error(reason, delta.get("error")):
            return (Step(usage=usage, error=failure),)
        chunk = self._chunk({})
        choice = chunk["choices"][0]
        choice["finish_reason"] = finish = finish_of(reason or None) or "stop"
        choice["native_finish_reason"] = reason or None
        steps = [Step(chunk=chunk, finish=finish, usage=usage)]
        if usage:
            summary = usage_chunk(self._id, self._model, usage_object(usage))
            steps.append(Step(chunk=summary, usage=usage, usage_only=True))
        return [*steps, Step(end=True)]
