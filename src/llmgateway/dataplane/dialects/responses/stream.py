"""Writes canon chunks as the events of a Response (https://platform.openai.com/docs/api-reference/responses-streaming)."""

import time
from collections.abc import Iterator
from typing import Any

import msgspec

from llmgateway.canon.call import Call
from llmgateway.canon.chat import ChatChunk, ChunkChoice, Json
from llmgateway.canon.keepsake import joined, keepsake_of
from llmgateway.canon.shapes import is_object, objects, text_of
from llmgateway.canon.usage import Usage
from llmgateway.dataplane.dialects.responses.answer import (
    call_item,
    finished,
    message_item,
    reasoning_echo,
    reasoning_item,
    response_object,
    text_part,
    tokens_of,
    url_citations,
    usage_object,
)
from llmgateway.errors import Problem
from llmgateway.kit.ids import new_id
from llmgateway.kit.sse import Splitter, write

_PREFIX = {"message": "msg", "refusal": "msg", "reasoning": "rs", "summary": "rs"}
_THOUGHTS = frozenset({"reasoning", "summary"})


class _NativeEvent(msgspec.Struct):
    """What is read of a provider's own event, to continue its numbering."""

    sequence_number: int = -1
    response: dict[str, Any] | None = None


class _CallItem:
    """A function call item, as far as its pieces have come."""

    __slots__ = ("item", "place", "text")

    def __init__(self, item: Json, place: int) -> None:
        self.item = item
        self.place = place
        """Its index in the output."""
        self.text = ""

    @property
    def whole(self) -> bool:
        """Whether its arguments are complete JSON: some hosts interleave the pieces of several calls."""
        try:
            return is_object(msgspec.json.decode(self.text))
        except msgspec.DecodeError:
            return False


class ResponsesStream:
    """Writes one stream, with numbered events. One item is open at a time, except calls whose pieces are interleaved."""

    __slots__ = (
        "_annotated",
        "_annotations",
        "_call",
        "_calls",
        "_closed",
        "_finish",
        "_item",
        "_keepsake",
        "_later",
        "_logprobs",
        "_number",
        "_open",
        "_output",
        "_place",
        "_response",
        "_text",
    )

    def __init__(self, call: Call) -> None:
        self._call = call
        self._response = response_object(call, int(time.time()), call.model, [], status="in_progress")
        self._number = 0
        self._output: dict[int, Json] = {}
        """Index in the output -> item that is done."""
        self._place = 0
        """Index of the next item."""
        self._open = ""
        """The kind of the open item: message, refusal, reasoning or summary (of reasoning); empty when none is."""
        self._item: Json = {}
        self._text = ""
        self._annotations: list[Json] = []
        self._annotated = 0
        """How many of the annotations went out as events."""
        self._keepsake: Json = {}
        """The keepsake of the open reasoning item."""
        self._later: Json = {}
        """The keepsake that goes out before the next call or at the end, since it must not split a text."""
        self._logprobs: list[Json] = []
        self._calls: dict[int, _CallItem] = {}
        """The calls that are open."""
        self._closed: set[int] = set()
        self._finish: str | None = None

    def open(self) -> bytes:
        return self._event("response.created", response=self._response) + self._event(
            "response.in_progress", response=self._response
        )

    def chunk(self, chunk: ChatChunk) -> bytes:
        if chunk.get("model"):
            self._response["model"] = chunk["model"]
        return b"".join(event for choice in chunk["choices"] if choice["index"] == 0 for event in self._write(choice))

    def close(self, usage: Usage | None) -> bytes:
        end = self._write_keepsake({}) + self._done()
        if not self._place:
            end += self._begin("message") + self._done()
        status = finished(self._finish)
        said = self._said()
        told = {"output": said, "reasoning": reasoning_echo(self._call, said)}
        response = {**self._response, **status, **told, **usage_object(usage)}
        return end + self._event(f"response.{status['status']}", response=response)

    def follows(self, first: bytes, last: bytes) -> None:
        for frame in Splitter().feed(first + last):
            try:
                told = msgspec.json.decode(frame.data, type=_NativeEvent)
            except msgspec.DecodeError:
                continue
            self._response |= told.response or {}
            self._number = max(self._number, told.sequence_number + 1)

    def failure(self, problem: Problem, request_id: str) -> bytes:
        # The codes of a failed Response are a closed set; ours stands in the error event that follows.
        code = "rate_limit_exceeded" if problem.http_status == 429 else "server_error"
        error = {"code": code, "message": problem.message, "request_id": request_id}
        response = {**self._response, "status": "failed", "output": self._said(), "error": error}
        return self._event("response.failed", response=response) + self._event(
            "error", code=problem.code, message=problem.message, param=problem.param
        )

    def _said(self) -> list[Json]:
        """The finished items, in order."""
        return [self._output[place] for place in sorted(self._output)]

    def _write(self, choice: ChunkChoice) -> Iterator[bytes]:
        delta: Json = {**choice["delta"]}
        self._finish = choice["finish_reason"] or self._finish
        reasoning, keepsake = text_of(delta.get("reasoning_content")), keepsake_of({**delta, "tool_calls": []})
        thinking = keepsake.pop("thinking_blocks", [])
        self._later = joined(self._later, keepsake)
        if reasoning or thinking:
            yield self._continue("reasoning")
            self._keepsake = joined(self._keepsake, {"thinking_blocks": thinking} if thinking else {})
            if reasoning:
                yield b"" if self._text else self._begin_part()
                yield self._say("response.reasoning_text.delta", reasoning)
        if summary := text_of(delta.get("reasoning_summary")):
            yield self._continue("summary")
            yield b"" if self._text else self._begin_part()
            yield self._say("response.reasoning_summary_text.delta", summary)
        self._annotations += objects(delta.get("annotations"))
        if text := text_of(delta.get("content")):
            yield self._continue("message")
            odds = tokens_of(choice.get("logprobs"))
            self._logprobs += odds
            yield self._say("response.output_text.delta", text, logprobs=odds)
        if self._open == "message":
            yield self._annotate()
        if refusal := text_of(delta.get("refusal")):
            yield self._continue("refusal")
            yield self._say("response.refusal.delta", refusal)
        for call in objects(delta.get("tool_calls")):
            yield self._call_piece(call)

    def _call_piece(self, call: Json) -> bytes:
        index, begun = call.get("index", 0), b""
        if index in self._closed:
            return b""  # it was whole
        if index not in self._calls:
            begun = self._write_keepsake(keepsake_of({"tool_calls": [call]})) + self._done(keep_growing=True)
            item = {**call_item(new_id("fc"), call, "in_progress"), "arguments": ""}
            self._calls[index] = _CallItem(item, self._place)
            begun += self._start(item)
        function = call.get("function")
        arguments = text_of(function.get("arguments")) if is_object(function) else ""
        if not arguments:
            return begun
        growing = self._calls[index]
        growing.text += arguments
        where = {"item_id": growing.item["id"], "output_index": growing.place}
        return begun + self._event("response.function_call_arguments.delta", **where, delta=arguments)

    def _write_keepsake(self, keepsake: Json) -> bytes:
        """Write a reasoning item that carries the keepsake, if there is one, for the call that follows."""
        kept, self._later = joined(self._later, keepsake), {}
        if not kept:
            return b""
        begun = b"" if self._open in _THOUGHTS else self._done(keep_growing=True) + self._begin("reasoning")
        self._keepsake = joined(self._keepsake, kept)
        return begun

    def _continue(self, kind: str) -> bytes:
        return b"" if self._open == kind else self._done() + self._begin(kind)

    def _begin(self, kind: str) -> bytes:
        item_id = new_id(_PREFIX[kind])
        self._open = kind
        if kind in _THOUGHTS:
            self._item = reasoning_item(item_id, "", {})
            return self._start(self._item)
        self._item = message_item(item_id, [], "in_progress")
        return self._start(self._item) + self._begin_part()

    def _begin_part(self) -> bytes:
        return self._event(f"{self._part_events()}.added", **self._where(), part=self._part("", bare=True))

    def _part_events(self) -> str:
        return "response.reasoning_summary_part" if self._open == "summary" else "response.content_part"

    def _annotate(self) -> bytes:
        """Events for the annotations that came since the last call of this method."""
        flat = url_citations(self._annotations)
        fresh, first = flat[self._annotated :], self._annotated
        self._annotated = len(flat)
        return b"".join(
            self._event(
                "response.output_text.annotation.added", **self._where(), annotation_index=index, annotation=annotation
            )
            for index, annotation in enumerate(fresh, first)
        )

    def _start(self, item: Json) -> bytes:
        self._place += 1
        return self._event("response.output_item.added", output_index=self._place - 1, item=item)

    def _say(self, name: str, text: str, **more: object) -> bytes:
        self._text += text
        return self._event(name, **self._where(), delta=text, **more)

    def _part(self, text: str, *, bare: bool = False) -> Json:
        """The content part of the open item; `bare` leaves out annotations, which come later."""
        if self._open == "refusal":
            return {"type": "refusal", "refusal": text}
        if self._open == "reasoning":
            return {"type": "reasoning_text", "text": text}
        if self._open == "summary":
            return {"type": "summary_text", "text": text}
        return text_part(text, [] if bare else self._annotations, self._logprobs)

    def _done(self, *, keep_growing: bool = False) -> bytes:
        """Close the open item and calls; `keep_growing` leaves calls open whose arguments are incomplete."""
        ended = [index for index, call in self._calls.items() if call.whole or not keep_growing]
        self._closed.update(ended)
        events = b"".join(self._close_call(self._calls.pop(index)) for index in ended)
        kind, text, where = self._open, self._text, self._where() if self._open else {}
        if not kind:
            return events
        if kind in _THOUGHTS:
            thoughts = ("", text) if kind == "summary" else (text, "")
            if text:
                name = "reasoning_summary_text" if kind == "summary" else "reasoning_text"
                events += self._event(f"response.{name}.done", **where, text=text)
                events += self._event(f"{self._part_events()}.done", **where, part=self._part(text))
            item = reasoning_item(self._item["id"], thoughts[0], self._keepsake, thoughts[1])
        else:
            part = self._part(text)
            events += (
                self._event("response.refusal.done", **where, refusal=text)
                if kind == "refusal"
                else self._event("response.output_text.done", **where, text=text, logprobs=self._logprobs)
            )
            events += self._event("response.content_part.done", **where, part=part)
            item = message_item(self._item["id"], [part], finished(self._finish)["status"])
        self._open, self._text, self._annotations, self._keepsake, self._logprobs = "", "", [], {}, []
        self._annotated = 0
        return events + self._finish_item(where["output_index"], item)

    def _close_call(self, call: _CallItem) -> bytes:
        cut = not call.whole or call.place == self._place - 1
        status = finished(self._finish)["status"] if cut else "completed"
        item = {**call.item, "arguments": call.text or "{}", "status": status}
        where = {"item_id": item["id"], "output_index": call.place}
        events = b"" if call.text else self._event("response.function_call_arguments.delta", **where, delta="{}")
        told = {"name": item["name"], "arguments": item["arguments"]}
        events += self._event("response.function_call_arguments.done", **where, **told)
        return events + self._finish_item(call.place, item)

    def _finish_item(self, place: int, item: Json) -> bytes:
        self._output[place] = item
        return self._event("response.output_item.done", output_index=place, item=item)

    def _where(self) -> Json:
        """The fields that locate the open item's text: while it is open no other item begins."""
        part = "summary_index" if self._open == "summary" else "content_index"
        return {"item_id": self._item["id"], "output_index": self._place - 1, part: 0}

    def _event(self, name: str, /, **fields: object) -> bytes:
        body = msgspec.json.encode({"type": name, "sequence_number": self._number, **fields})
        self._number += 1
        return write(body, name.encode())
