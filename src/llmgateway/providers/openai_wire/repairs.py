"""Brings answers and chunks of compatible hosts into the shape that OpenAI documents; those that have it stay as they are."""

from typing import Any

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of
from llmgateway.errors import ProviderError
from llmgateway.providers.openai_wire.errors import stream_error
from llmgateway.providers.openai_wire.logprobs import read_old_form
from llmgateway.providers.openai_wire.tool_calls import ToolCalls

_FINISH_WORDS = {
    "": None, "null": None, "eos": "stop", "eos_token": "stop", "end_turn": "stop", "stop_sequence": "stop",
    "endoftext": "stop", "complete": "stop", "max_tokens": "length", "model_length": "length",
    "model_context_window_exceeded": "length", "tool_use": "tool_calls", "tool_call": "tool_calls",
    "sensitive": "content_filter", "safety": "content_filter",
}  # fmt: skip
_OTHER_THOUGHTS = frozenset({"reasoning", "reasoning_details"})
BROKEN_OFF = frozenset({"error", "network_error", "insufficient_system_resource", "abort"})
"""Finish reasons that mean a failure: OpenRouter's (https://openrouter.ai/docs/api-reference/errors), Z.ai's
(https://docs.z.ai/api-reference/llm/chat-completion), DeepSeek's
(https://api-docs.deepseek.com/api/create-chat-completion), vLLM's."""


def failure_in(body: Json) -> ProviderError | None:
    """The failure that an answer or chunk reports, by an error or by the finish reason of a choice; None without one."""
    error: Any = body.get("error")
    if error:
        return stream_error(error)
    if body.get("object") == "error":  # vLLM before 0.10
        return stream_error(body)
    for choice in objects(body.get("choices")):
        if choice.get("error"):
            return stream_error(choice["error"])
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason in BROKEN_OFF:
            return broken_off(reason)
    return None


def broken_off(reason: str) -> ProviderError:
    """The failure that a finish reason stands for."""
    return stream_error({"message": f"The provider broke the answer off ({reason}).", "code": reason})


class Repairs:
    """Repairs one answer or stream. It remembers which tool calls each choice has begun."""

    __slots__ = ("_begun", "_calls")

    def __init__(self) -> None:
        self._begun: set[int] = set()
        """Indexes of the choices whose role went out."""
        self._calls: dict[int, ToolCalls] = {}
        """Index of a choice -> its tool calls."""

    def answer(self, body: Json) -> Json:
        """Repair a whole answer, in place. A choice without a finish reason gets one, since a whole answer has ended."""
        body["object"] = body.get("object") or "chat.completion"
        self._body(body, "message", streamed=False)
        for choice in body["choices"]:
            message: Json = choice["message"]
            message["role"] = message.get("role") or "assistant"
            message.setdefault("content", None)
            choice["finish_reason"] = choice["finish_reason"] or self.reason(choice["index"])
        return body

    def chunk(self, body: Json) -> Json:
        """Repair one chunk, in place."""
        body["object"] = "chat.completion.chunk"
        self._body(body, "delta", streamed=True)
        for choice in body["choices"]:
            self._role(choice["delta"], choice["index"])
        return body

    def reason(self, index: int) -> str:
        """The finish reason of a choice whose host gives none."""
        return "tool_calls" if index in self._calls else "stop"

    def _body(self, body: Json, part: str, *, streamed: bool) -> Json:
        body["id"] = body.get("id") or ""
        body["created"] = body.get("created") or 0
        body["model"] = body.get("model") or ""
        groq = body.get("x_groq")
        if not body.get("usage") and is_object(groq) and groq.get("usage"):
            body["usage"] = groq["usage"]
        choices = objects(body.get("choices"))
        body["choices"] = choices
        for position, choice in enumerate(choices):
            index: Any = choice.get("index")
            if not isinstance(index, int):
                index = choice["index"] = position
            message = _message(choice, part)
            if message.get("tool_calls") is not None:
                self._tool_calls(message, index, streamed=streamed)
            self._finish(choice, index)
            if choice.get("logprobs") is not None:
                choice["logprobs"] = read_old_form(choice["logprobs"], text_of(message.get("content")))
        return body

    def _role(self, delta: Json, index: int) -> None:
        """Keep the role in the first delta of a choice alone: clients would join repeated ones."""
        if index in self._begun:
            delta.pop("role", None)
        else:
            self._begun.add(index)
            delta["role"] = delta.get("role") or "assistant"

    def _finish(self, choice: Json, index: int) -> None:
        finish = choice.get("finish_reason")
        finish = _FINISH_WORDS.get(finish.lower(), finish) if isinstance(finish, str) else None
        if finish in ("STOP", "LENGTH"):
            finish = finish.lower()
        if finish == "stop" and index in self._calls:
            finish = "tool_calls"
        choice["finish_reason"] = finish

    def _tool_calls(self, message: Json, choice: int, *, streamed: bool) -> None:
        given: Any = message["tool_calls"]
        calls = [given] if is_object(given) else objects(given)
        if not calls:
            del message["tool_calls"]
            return
        known = self._calls.get(choice)
        if known is None:
            known = self._calls[choice] = ToolCalls(choice)
        for call in calls:
            known.repair(call, streamed=streamed)
        message["tool_calls"] = calls


def _message(choice: Json, part: str) -> Json:
    """The choice's message or delta. Some hosts end with a choice that has none, or put a whole message into a chunk."""
    message: Any = choice.get(part)
    if not is_object(message):
        other: Any = choice.pop("message", None)
        message = choice[part] = other if is_object(other) else {}
    _content(message)
    return message


def _content(message: Json) -> None:
    """Content as a string; thinking inside it, or under another name, as reasoning_content."""
    content: Any = message.get("content")
    if is_array(content):
        text, thoughts = _parts(content)
        message["content"] = text
        if thoughts:
            message["reasoning_content"] = thoughts
    elif is_object(content):
        message["content"] = msgspec.json.encode(content).decode()
    if not message.get("reasoning_content") and not _OTHER_THOUGHTS.isdisjoint(message):
        reasoning = text_of(message.get("reasoning")) or _details(message.get("reasoning_details"))
        if reasoning:
            message["reasoning_content"] = reasoning


def _details(details: object) -> str:
    return "".join(text_of(part.get("text")) or text_of(part.get("summary")) for part in objects(details))


def _parts(content: list[Any]) -> tuple[str, str]:
    """Text and thinking out of parts.

    Mistral's: https://docs.mistral.ai/capabilities/reasoning/, Databricks':
    https://docs.databricks.com/aws/en/machine-learning/model-serving/query-reason-models
    """
    text: list[str] = []
    thoughts: list[str] = []
    for part in content:
        if isinstance(part, str):
            text.append(part)
        elif is_object(part) and part.get("type") == "thinking":
            inner: Any = part.get("thinking")
            thoughts += [inner] if isinstance(inner, str) else [text_of(piece.get("text")) for piece in objects(inner)]
        elif is_object(part) and part.get("type") == "reasoning":
            thoughts += [text_of(piece.get("text")) for piece in objects(part.get("summary"))]
        elif is_object(part):
            text.append(text_of(part.get("text")))
    return "".join(text), "".join(thoughts)
