"""Writes canon chunks as the events of a Messages stream.

Page: https://platform.claude.com/docs/en/build-with-claude/streaming. One block is open at a time; its index is its
place in the answer. Some hosts interleave the pieces of several tool calls: what comes while the arguments of a call are incomplete
waits for them. Usage is cumulative and comes at the end: message_start says 0.
"""

from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from llmgateway.canon.chat import ChatChunk, ChunkChoice, Delta, Json
from llmgateway.canon.keepsake import joined, keepsake_of
from llmgateway.canon.shapes import is_object, object_in, objects, text_of
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
_CARRIED = frozenset({"provider_blocks", "extra_content"})
"""Fields of a delta that may hold what no block can, and go into a keepsake."""
_Piece = tuple[int | None, Callable[[], bytes]]
"""A piece of the answer: the index of the tool call that it belongs to, None for other content; and the function that writes it."""


def event(body: Json) -> bytes:
    """One named event."""
    return write(_encode(body), text_of(body["type"]).encode())


class MessagesStream:
    """Writes one stream. It remembers the open block and the stop reason."""

    __slots__ = (
        "_arguments",
        "_call",
        "_calls",
        "_choice",
        "_index",
        "_keepsake",
        "_model",
        "_open",
        "_refused",
        "_started",
        "_waiting",
    )

    def __init__(self, model: str) -> None:
        self._model = model
        self._started = False
        self._open = ""
        """Kind of the open block; empty when none is."""
        self._index = -1
        """Index of the last block."""
        self._call: int | None = None
        """Index of the call whose block is open."""
        self._arguments = ""
        """The arguments of that call, as far as they have come."""
        self._calls: dict[int, bool] = {}
        """Index of a call -> whether its block has begun."""
        self._waiting: list[_Piece] = []
        self._refused = False
        self._choice: Json = {}
        self._keepsake: Json = {}
        """Goes out before the next call or at the end, since it must not split a text block."""

    def open(self) -> bytes:
        """Nothing: `message_start` needs the id and model of the first chunk."""
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
        rest = b"" if self._started else self._start("", self._model)
        while self._waiting:
            rest += self._stop_block() + self._catch_up()
        delta = {
            "stop_reason": stop_reason(self._choice, called=bool(self._calls), refused=self._refused),
            "stop_sequence": self._choice.get("stop_sequence"),
        }
        figures = usage_body(usage or Usage())
        end = event({"type": "message_delta", "delta": delta, "usage": figures}) + event({"type": "message_stop"})
        return rest + self._write_keepsake({}) + self._stop_block() + end

    def follows(self, first: bytes, last: bytes) -> None:
        """Nothing to do: an error event does not depend on the frames before it."""

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
        if not _CARRIED.isdisjoint(delta):
            self._keepsake = joined(self._keepsake, foreign_keepsake({**delta, "tool_calls": []}))
        self._refused = self._refused or bool(delta.get("refusal"))
        if choice["finish_reason"]:
            self._choice = {**choice}
        return b"".join([self._in_turn(piece) for piece in self._pieces(delta)]) + self._catch_up()

    def _pieces(self, delta: Delta) -> Iterator[_Piece]:
        """The pieces of a delta."""
        if thinking := delta.get("reasoning_content"):
            yield None, partial(self._thinking, thinking)
        for block in delta.get("thinking_blocks") or ():
            yield None, partial(self._thinking_block, block)
        for text in (delta.get("content"), delta.get("refusal")):
            if text:
                yield None, partial(self._text, text)
        for call in delta.get("tool_calls") or ():
            number = call.get("index", len(self._calls))
            self._calls.setdefault(number, False)
            yield number, partial(self._tool_call, number, call)
        for block in delta.get("provider_blocks") or ():
            yield None, partial(self._provider_block, block)

    def _in_turn(self, piece: _Piece) -> bytes:
        """Write a piece now, or let it wait until the open call is complete."""
        number, write_it = piece
        if self._call is None or number == self._call:
            return write_it()
        if self._waiting or not self._is_complete():
            self._waiting.append(piece)
            return b""
        return write_it()

    def _catch_up(self) -> bytes:
        """Write the waiting pieces, once the open call is complete or closed."""
        written = b""
        while self._waiting and (self._call is None or self._is_complete()):
            waiting, self._waiting = self._waiting, []
            written += b"".join([self._in_turn(piece) for piece in waiting])
        return written

    def _is_complete(self) -> bool:
        """Whether the arguments of the open call are complete JSON."""
        try:
            return self._arguments.rstrip().endswith("}") and is_object(msgspec.json.decode(self._arguments))
        except msgspec.DecodeError:
            return False

    def _thinking(self, thinking: str) -> bytes:
        begun = self._ensure("thinking", {"type": "thinking", "thinking": "", "signature": ""})
        return begun + self._delta({"type": "thinking_delta", "thinking": thinking})

    def _text(self, text: str) -> bytes:
        begun = self._ensure("text", {"type": "text", "text": ""})
        return begun + self._delta({"type": "text_delta", "text": text})

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
        self._open, self._call = "", None
        return event({"type": "content_block_stop", "index": self._index})

    def _delta(self, delta: Json) -> bytes:
        return event({"type": "content_block_delta", "index": self._index, "delta": delta})

    def _thinking_block(self, block: Json) -> bytes:
        """End the open thinking block with its signature, or write one whole whose text was not streamed."""
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

    def _write_keepsake(self, keepsake: Json) -> bytes:
        """Write a block that carries the keepsake, if there is one, for the call that follows."""
        blocks, self._keepsake = keepsake_block(joined(self._keepsake, keepsake)), {}
        return b"".join(self._start_block("redacted_thinking", block) + self._stop_block() for block in blocks)

    def _tool_call(self, number: int, call: Json) -> bytes:
        named = object_in(call, "function")
        written = b""
        if number != self._call:
            if self._calls[number]:
                return b""  # it was whole
            block: Json = {
                "type": "tool_use",
                "id": text_of(call.get("id")) or new_id("toolu"),
                "name": text_of(named.get("name")),
                "input": {},
            }
            written = self._write_keepsake(keepsake_of({"tool_calls": [call]}))
            written += self._start_block("tool_use", block)
            self._call, self._arguments = number, ""
            self._calls[number] = True
        if arguments := text_of(named.get("arguments")):
            self._arguments += arguments
            written += self._delta({"type": "input_json_delta", "partial_json": arguments})
        return written

    def _provider_block(self, block: Json) -> bytes:
        """Write a block that canon cannot hold; of a block that was streamed already only its citations and its end."""
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
