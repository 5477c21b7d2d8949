"""Canon chunks as the events of a Messages stream.

Page: https://platform.claude.com/docs/en/build-with-claude/streaming. One block is open at a time; its index is its
place in the answer. What comes while a call is not whole waits for it: some hosts send the pieces of several calls by
turns. Figures are cumulative and come at the end: message_start says 0.
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
"""Fields of a delta that may hold what no block can say."""
_Piece = tuple[int | None, Callable[[], bytes]]
"""The call that a piece of the answer belongs to, None for all else; and what writes it."""


def event(body: Json) -> bytes:
    """One named event."""
    return write(_encode(body), text_of(body["type"]).encode())


class MessagesStream:
    """Writes one stream. It holds the open block and the reason to stop."""

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
        """Its arguments so far."""
        self._calls: dict[int, bool] = {}
        """Index of a call -> whether its block was begun."""
        self._waiting: list[_Piece] = []
        self._refused = False
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
        rest = b"" if self._started else self._start("", self._model)
        while self._waiting:
            rest += self._stop_block() + self._catch_up()
        delta = {
            "stop_reason": stop_reason(self._choice, called=bool(self._calls), refused=self._refused),
            "stop_sequence": self._choice.get("stop_sequence"),
        }
        figures = usage_body(usage or Usage())
        end = event({"type": "message_delta", "delta": delta, "usage": figures}) + event({"type": "message_stop"})
        return rest + self._bring_along({}) + self._stop_block() + end

    def follows(self, first: bytes, last: bytes) -> None:
        """Nothing: an error says nothing of what was before it."""

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
        """What the delta adds, each with the call that it belongs to."""
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
        """Write it now, or let it wait behind the call that is open."""
        number, write_it = piece
        if self._call is None or number == self._call:
            return write_it()
        if self._waiting or not self._whole():
            self._waiting.append(piece)
            return b""
        return write_it()

    def _catch_up(self) -> bytes:
        """Write what waited, as soon as the open call is whole, or closed."""
        written = b""
        while self._waiting and (self._call is None or self._whole()):
            waiting, self._waiting = self._waiting, []
            written += b"".join([self._in_turn(piece) for piece in waiting])
        return written

    def _whole(self) -> bool:
        """Whether the arguments of the open call have come to their end."""
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
            written = self._bring_along(keepsake_of({"tool_calls": [call]}))
            written += self._start_block("tool_use", block)
            self._call, self._arguments = number, ""
            self._calls[number] = True
        if arguments := text_of(named.get("arguments")):
            self._arguments += arguments
            written += self._delta({"type": "input_json_delta", "partial_json": arguments})
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
