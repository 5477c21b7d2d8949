"""Canon chunks as the events of a Response (https://platform.openai.com/docs/api-reference/responses-streaming)."""

import time
from collections.abc import Iterator

import msgspec

from llmgateway.canon.call import Call
from llmgateway.canon.chat import ChatChunk, ChunkChoice, Json
from llmgateway.canon.shapes import is_object, objects, text_of
from llmgateway.canon.usage import Usage
from llmgateway.dataplane.dialects.responses.answer import (
    call_item,
    finished,
    message_item,
    reasoning_item,
    response_object,
    text_part,
    usage_object,
)
from llmgateway.errors import Problem
from llmgateway.kit.ids import new_id
from llmgateway.kit.sse import write

_PREFIX = {"message": "msg", "reasoning": "rs", "function_call": "fc"}


class ResponsesStream:
    """Writes one stream: one item is open at a time, events are numbered."""

    __slots__ = (
        "_annotations",
        "_blocks",
        "_call",
        "_calls",
        "_finish",
        "_item",
        "_number",
        "_open",
        "_output",
        "_response",
        "_text",
    )

    def __init__(self, call: Call) -> None:
        self._call = call
        self._response = response_object(call, int(time.time()), call.model, [], status="in_progress")
        self._number = 0
        self._output = list[Json]()
        """Items that are done."""
        self._open = ""
        """Type of the open item; empty when none is."""
        self._item: Json = {}
        self._text = ""
        self._annotations = list[Json]()
        self._blocks = list[Json]()
        self._calls = dict[int, Json]()
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
        end = self._done()
        if not self._output:
            end += self._begin("message") + self._done()
        status = finished(self._finish)
        response = {**self._response, **status, "output": self._output, **usage_object(usage)}
        return end + self._event(f"response.{status['status']}", response=response)

    def failure(self, problem: Problem, request_id: str) -> bytes:
        # The codes of a failed Response are a closed set; ours stands in the error event that follows.
        code = "rate_limit_exceeded" if problem.http_status == 429 else "server_error"
        error = {"code": code, "message": problem.message, "request_id": request_id}
        response = {**self._response, "status": "failed", "output": self._output, "error": error}
        return self._event("response.failed", response=response) + self._event(
            "error", code=problem.code, message=problem.message, param=problem.param
        )

    def _write(self, choice: ChunkChoice) -> Iterator[bytes]:
        delta: Json = {**choice["delta"]}
        self._finish = choice["finish_reason"] or self._finish
        reasoning, blocks = text_of(delta.get("reasoning_content")), objects(delta.get("thinking_blocks"))
        if reasoning or blocks:
            yield self._continue("reasoning")
            self._blocks += blocks
            if reasoning:
                yield self._say("response.reasoning_text.delta", reasoning)
        self._annotations += objects(delta.get("annotations"))
        text = text_of(delta.get("content")) or text_of(delta.get("refusal"))
        if text:
            yield self._continue("message")
            yield self._say("response.output_text.delta", text)
        for call in objects(delta.get("tool_calls")):
            yield self._call_piece(call)

    def _call_piece(self, call: Json) -> bytes:
        index, begun = call.get("index", 0), b""
        if index not in self._calls:
            self._calls[index] = call
            begun = self._done()
            self._item = call_item(
                new_id("fc"), {**call, "function": {**call["function"], "arguments": ""}}, "in_progress"
            )
            begun += self._start("function_call", self._item)
        function = call.get("function")
        arguments = text_of(function.get("arguments")) if is_object(function) else ""
        return begun + (self._say("response.function_call_arguments.delta", arguments) if arguments else b"")

    def _continue(self, kind: str) -> bytes:
        return b"" if self._open == kind else self._done() + self._begin(kind)

    def _begin(self, kind: str) -> bytes:
        item_id = new_id(_PREFIX[kind])
        if kind == "reasoning":
            self._item = reasoning_item(item_id, "", [])
            return self._start(kind, self._item)
        self._item = message_item(item_id, [], "in_progress")
        return self._start(kind, self._item) + self._event(
            "response.content_part.added", **self._where(content=True), part=text_part("", [])
        )

    def _start(self, kind: str, item: Json) -> bytes:
        self._open = kind
        return self._event("response.output_item.added", output_index=len(self._output), item=item)

    def _say(self, name: str, text: str) -> bytes:
        self._text += text
        more: Json = {"logprobs": []} if name == "response.output_text.delta" else {}
        return self._event(name, **self._where(content=self._open != "function_call"), delta=text, **more)

    def _done(self) -> bytes:
        """Close the open item."""
        kind, text = self._open, self._text
        if not kind:
            return b""
        where = self._where(content=kind != "function_call")
        if kind == "message":
            part = text_part(text, self._annotations)
            events = self._event("response.output_text.done", **where, text=text, logprobs=[])
            events += self._event("response.content_part.done", **where, part=part)
            item = message_item(self._item["id"], [part], "completed")
        elif kind == "reasoning":
            events = self._event("response.reasoning_text.done", **where, text=text) if text else b""
            item = reasoning_item(self._item["id"], text, self._blocks)
        else:
            named = {"name": self._item["name"]}
            events = self._event("response.function_call_arguments.done", **where, **named, arguments=text)
            item = {**self._item, "arguments": text, "status": "completed"}
        events += self._event("response.output_item.done", output_index=len(self._output), item=item)
        self._output.append(item)
        self._open, self._text, self._annotations, self._blocks = "", "", [], []
        return events

    def _where(self, *, content: bool) -> Json:
        place: Json = {"item_id": self._item["id"], "output_index": len(self._output)}
        return {**place, "content_index": 0} if content else place

    def _event(self, name: str, /, **fields: object) -> bytes:
        body = msgspec.json.encode({"type": name, "sequence_number": self._number, **fields})
        self._number += 1
        return write(body, name.encode())
