"""Canon chunks as the events of a Messages stream.

Page: https://platform.claude.com/docs/en/build-with-claude/streaming. One block is open at a time; its index is its
place in the answer. Figures are cumulative and come at the end: message_start says 0.
"""

import msgspec

from llmgateway.canon.chat import ChatChunk, ChunkChoice, Json
from llmgateway.canon.keepsake import joined, keepsake_of
from llmgateway.canon.shapes import is_object, objects, text_of
from llmgateway.canon.usage import Usage
from llmgateway.dataplane.dialects.anthropic.answer import (
    error_body,
    foreign_keepsake,
    is_opaque,
    keepsake_block,
    message_id,
    stop_reason,
    usage_body,
)
from llmgateway.errors import Problem
from llmgateway.kit.ids import new_id
from llmgateway.kit.sse import write

_encode = msgspec.json.Encoder().encode


def event(body: Json) -> bytes:
    """One named event."""
    return write(_encode(body), text_of(body["type"]).encode())


class MessagesStream:
    """Writes one stream. It holds the open block and the reason to stop."""

    __slots__ = ("_called", "_choice", "_index", "_keepsake", "_model", "_open", "_started", "_tools")

    def __init__(self, model: str) -> None:
        self._model = model
        self._started = False
        self._open = ""
        """Kind of the open block; empty when none is."""
        self._index = -1
        """Index of the last block."""
        self._tools: dict[int, int] = {}
        """Call's index -> block's index."""
        self._called = False
        self._choice: Json = {}
        self._keepsake: Json = {}
        """What comes before the next call, or at the end: it must not part a text."""

    def open(self) -> bytes:
        """Nothing: id and model come with the first chunk."""
        return b""

    def chunk(self, chunk: ChatChunk) -> bytes:
        """Events for one chunk."""
        written = b"" if self._started else self._start(chunk.get("id"), chunk.get("model"))
        for choice in chunk["choices"]:
            if choice["index"] == 0:
                written += self._write(choice)
        return written

    def close(self, usage: Usage | None) -> bytes:
        """The end of a finished stream."""
        start = b"" if self._started else self._start("", self._model)
        delta = {
            "stop_reason": stop_reason(self._choice, called=self._called),
            "stop_sequence": self._choice.get("stop_sequence"),
        }
        figures = usage_body(usage or Usage())
        end = event({"type": "message_delta", "delta": delta, "usage": figures}) + event({"type": "message_stop"})
        return start + self._bring_along({}) + self._stop_block() + end

    def failure(self, problem: Problem, request_id: str) -> bytes:
        """An explicit end of a stream that failed."""
        return event(error_body(problem, request_id))

    def _start(self, identifier: object, model: object) -> bytes:
        self._started = True
        message: Json = {
            "id": message_id(identifier),
            "type": "message",
            "role": "assistant",
            "model": text_of(model) or self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }
        return event({"type": "message_start", "message": message})

    def _write(self, choice: ChunkChoice) -> bytes:
        delta = choice["delta"]
        written = b""
        self._keepsake = joined(self._keepsake, foreign_keepsake({**delta, "tool_calls": []}))
        if thinking := delta.get("reasoning_content"):
            written += self._ensure("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            written += self._delta({"type": "thinking_delta", "thinking": thinking})
        for block in delta.get("thinking_blocks") or ():
            written += self._thinking_block(block)
        for text in (delta.get("content"), delta.get("refusal")):
            if text:
                written += self._ensure("text", {"type": "text", "text": ""})
                written += self._delta({"type": "text_delta", "text": text})
        for call in delta.get("tool_calls") or ():
            written += self._tool_call(call)
        for block in delta.get("provider_blocks") or ():
            written += self._provider_block(block)
        if choice["finish_reason"]:
            self._choice = {**choice}
        return written

    def _ensure(self, kind: str, block: Json) -> bytes:
        return b"" if self._open == kind else self._start_block(kind, block)

    def _start_block(self, kind: str, block: Json) -> bytes:
        stopped = self._stop_block()
        self._open = kind
        self._index += 1
        return stopped + event({"type": "content_block_start", "index": self._index, "content_block": block})

    def _stop_block(self) -> bytes:
        if not self._open:
            return b""
        self._open = ""
        return event({"type": "content_block_stop", "index": self._index})

    def _delta(self, delta: Json, index: int | None = None) -> bytes:
        return event({"type": "content_block_delta", "index": self._index if index is None else index, "delta": delta})

    def _thinking_block(self, block: Json) -> bytes:
        """The end of a thinking block: its signature; or the whole of one whose text was not streamed."""
        if block.get("type") != "thinking":
            return self._start_block("redacted_thinking", block) + self._stop_block()
        written = b""
        if self._open != "thinking":
            written = self._start_block("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            if thinking := text_of(block.get("thinking")):
                written += self._delta({"type": "thinking_delta", "thinking": thinking})
        if signature := text_of(block.get("signature")):
            written += self._delta({"type": "signature_delta", "signature": signature})
        return written + self._stop_block()

    def _bring_along(self, keepsake: Json) -> bytes:
        """A block that carries what only its provider understands, for what comes behind it."""
        blocks, self._keepsake = keepsake_block(joined(self._keepsake, keepsake)), {}
        return b"".join(self._start_block("redacted_thinking", block) + self._stop_block() for block in blocks)

    def _tool_call(self, call: Json) -> bytes:
        self._called = True
        number = call.get("index", len(self._tools))
        function = call.get("function")
        named = function if is_object(function) else {}
        written = b""
        if number not in self._tools:
            block: Json = {
                "type": "tool_use",
                "id": text_of(call.get("id")) or new_id("toolu"),
                "name": text_of(named.get("name")),
                "input": {},
            }
            written = self._bring_along(keepsake_of({"tool_calls": [call]}))
            written += self._start_block("tool_use", block)
            self._tools[number] = self._index
        if arguments := text_of(named.get("arguments")):
            written += self._delta({"type": "input_json_delta", "partial_json": arguments}, self._tools[number])
        return written

    def _provider_block(self, block: Json) -> bytes:
        """A block that only Anthropic's readers know; for one that was streamed already, its end and its citations."""
        kind = text_of(block.get("type"))
        if not is_opaque(block):
            if kind != self._open:
                return b""
            citations = objects(block.get("citations"))
            return (
                b"".join(self._delta({"type": "citations_delta", "citation": c}) for c in citations)
                + self._stop_block()
            )
        if not kind.endswith("tool_use"):
            return self._start_block(kind, block) + self._stop_block()
        given = _encode(block.get("input") or {}).decode()
        started = self._start_block(kind, {**block, "input": {}})
        return started + self._delta({"type": "input_json_delta", "partial_json": given}) + self._stop_block()
