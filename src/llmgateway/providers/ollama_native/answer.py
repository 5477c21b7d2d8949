"""Translates Ollama's answers to canon, whole and streamed.

Pages: https://docs.ollama.com/api/chat, https://docs.ollama.com/api/streaming.
"""

import secrets
from collections.abc import Sequence
from typing import cast

import msgspec

from llmgateway.canon.chat import ChatChunk, Delta, Json, chunk_of, usage_chunk
from llmgateway.canon.shapes import figure_of, is_array, is_object, object_in, objects, text_of
from llmgateway.canon.usage import Usage
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.base import Answer, Step
from llmgateway.providers.embeddings import vectors_answer
from llmgateway.providers.lenient_json import LenientReader
from llmgateway.providers.openai_wire.errors import kind_of

_LONGEST_LINE = 16 << 20


def canon_answer(said: Json, model: str) -> Answer:
    """A whole chat answer. Raises ProviderError when it holds no message."""
    message = said.get("message")
    if not is_object(message):
        raise ProviderError(FailureKind.PROTOCOL, "Ollama's answer holds no message.", status=200)
    usage, finish = usage_of(said), _finish(said, calls=bool(message.get("tool_calls")))
    content: Json = {"role": "assistant", "content": text_of(message.get("content")) or None}
    if thought := text_of(message.get("thinking")):
        content["reasoning_content"] = thought
    if calls := _calls(message, 0):
        content["tool_calls"] = [{name: part for name, part in call.items() if name != "index"} for call in calls]
    body: Json = {
        "id": "",
        "object": "chat.completion",
        "created": 0,
        "model": text_of(said.get("model")) or model,
        "choices": [{"index": 0, "message": content, "finish_reason": finish}],
        "usage": _usage_object(usage),
    }
    text = f"{content['content'] or ''}{content.get('reasoning_content', '')}"
    return Answer(body=body, usage=usage, finish=finish, text=text)


def embeddings_answer(said: Json, model: str) -> Answer:
    """Vectors as OpenAI lists them. Raises ProviderError when there are none."""
    usage = usage_of(said)
    given: object = said.get("embeddings")
    return vectors_answer(given if is_array(given) else (), model, usage.prompt_tokens if usage else None)


def usage_of(said: Json) -> Usage | None:
    """The usage in an answer or the last line of a stream; None when there is none."""
    prompt, completion = figure_of(said.get("prompt_eval_count")), figure_of(said.get("eval_count"))
    if prompt is None and completion is None:
        return None
    return Usage(
        prompt_tokens=prompt or 0,
        completion_tokens=completion or 0,
        prompt_told=prompt is not None,
        completion_told=completion is not None,
    )


class OllamaDecoder:
    """Decodes one stream of JSON lines."""

    __slots__ = ("_called", "_held", "_lenient", "_model", "_started")
    kept = 0

    def __init__(self, model: str) -> None:
        self._model = model
        self._held = b""
        self._called = 0
        self._started = False
        self._lenient = LenientReader()

    def feed(self, data: bytes) -> Sequence[Step]:
        *lines, self._held = (self._held + data).split(b"\n")
        if len(self._held) > _LONGEST_LINE:
            return [Step(error=ProviderError(FailureKind.PROTOCOL, "Ollama sent one line of more than 16 MiB."))]
        return [step for line in lines for step in self._read(line)]

    def close(self) -> Sequence[Step]:
        last, self._held = self._held, b""
        return [*self._read(last), *self._lenient.close(self._understand)]

    def _read(self, line: bytes) -> Sequence[Step]:
        """Steps of a line; none of an empty one, or of a malformed one in an otherwise good stream."""
        return self._lenient.read(line, self._understand)

    def _understand(self, line: bytes) -> list[Step]:
        said: object = msgspec.json.decode(line)
        if not is_object(said):
            return []
        if error := text_of(said.get("error")):
            return [Step(error=ProviderError(kind_of(500, error), error))]
        message = said.get("message")
        steps = self._said(message if is_object(message) else {})
        return steps + self._end(said) if said.get("done") else steps

    def _said(self, message: Json) -> list[Step]:
        thought, text = text_of(message.get("thinking")), text_of(message.get("content"))
        calls = _calls(message, self._called)
        self._called += len(calls)
        steps: list[Step] = []
        if thought:
            steps.append(Step(chunk=self._chunk({"reasoning_content": thought}), content=True, text=thought))
        if text:
            steps.append(Step(chunk=self._chunk({"content": text}), content=True, text=text))
        if calls:
            words = "".join(call["function"]["name"] + call["function"]["arguments"] for call in calls)
            steps.append(Step(chunk=self._chunk({"tool_calls": calls}), content=True, text=words))
        return steps

    def _end(self, said: Json) -> list[Step]:
        usage, finish = usage_of(said), _finish(said, calls=self._called > 0)
        last = self._chunk({})
        last["choices"][0]["finish_reason"] = finish
        steps = [Step(chunk=last, finish=finish, usage=usage)]
        if usage is not None:
            figures = usage_chunk("", self._model, _usage_object(usage))
            steps.append(Step(chunk=figures, usage=usage, usage_only=True))
        return [*steps, Step(end=True)]

    def _chunk(self, delta: Delta) -> ChatChunk:
        if not self._started:
            self._started = True
            delta = cast("Delta", {"role": "assistant", **delta})
        return chunk_of("", self._model, delta)


def _calls(message: Json, made: int) -> list[Json]:
    """The tool calls of a message, which always come whole; one without an id gets a random one."""
    calls: list[Json] = []
    for place, call in enumerate(objects(message.get("tool_calls"))):
        function = object_in(call, "function")
        arguments = msgspec.json.encode(function.get("arguments") or {}).decode()
        calls.append(
            {
                "index": made + place,
                "id": text_of(call.get("id")) or f"call_{secrets.token_hex(8)}",
                "type": "function",
                "function": {"name": text_of(function.get("name")), "arguments": arguments},
            }
        )
    return calls


def _finish(said: Json, *, calls: bool) -> str:
    return "tool_calls" if calls else "length" if said.get("done_reason") == "length" else "stop"


def _usage_object(usage: Usage | None) -> Json | None:
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
