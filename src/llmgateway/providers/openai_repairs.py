"""Answers and chunks of compatible hosts brought into the shape OpenAI documents. Whole ones are left as they are."""

from typing import Any

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of

_FINISH_WORDS = {
    "": None, "eos": "stop", "end_turn": "stop", "stop_sequence": "stop", "endoftext": "stop", "max_tokens": "length",
    "model_length": "length", "tool_use": "tool_calls", "tool_call": "tool_calls", "sensitive": "content_filter",
    "null": None,
}  # fmt: skip


class Repairs:
    """State of one answer: which tool calls were seen, per choice."""

    __slots__ = ("_calls", "_indexes")

    def __init__(self) -> None:
        self._calls = set[int]()
        """Choices with tool calls."""
        self._indexes = dict[int, list[str]]()
        """Choice -> the ids of its tool calls in order, for hosts that leave the index out or repeat it."""

    def answer(self, body: Json) -> Json:
        """A whole answer."""
        body.setdefault("object", "chat.completion")
        return self._body(body, "message", streamed=False)

    def chunk(self, body: Json) -> Json:
        """One chunk."""
        body["object"] = "chat.completion.chunk"
        return self._body(body, "delta", streamed=True)

    def _body(self, body: Json, part: str, *, streamed: bool) -> Json:
        body.setdefault("id", "")
        body.setdefault("created", 0)
        body.setdefault("model", "")
        groq = body.get("x_groq")
        if not body.get("usage") and is_object(groq) and groq.get("usage"):
            body["usage"] = groq["usage"]
        choices = objects(body.get("choices"))
        body["choices"] = choices
        for position, choice in enumerate(choices):
            index = choice.setdefault("index", position)
            message = choice.get(part)
            if not is_object(message):
                # Some hosts end with a choice that has no delta, or put a whole message into it.
                other = choice.pop("message", None)
                message = other if is_object(other) else {}
                choice[part] = message
            _content(message)
            if message.get("tool_calls") is not None:
                self._tool_calls(message, index, streamed=streamed)
            self._finish(choice, index)
        return body

    def _finish(self, choice: Json, index: int) -> None:
        finish = choice.get("finish_reason")
        finish = _FINISH_WORDS.get(finish, finish) if isinstance(finish, str) else None
        if finish == "stop" and index in self._calls:
            finish = "tool_calls"
        choice["finish_reason"] = finish

    def _tool_calls(self, message: Json, choice: int, *, streamed: bool) -> None:
        given: Any = message["tool_calls"]
        calls = [given] if is_object(given) else objects(given)
        if not calls:
            del message["tool_calls"]
            return
        self._calls.add(choice)
        known = self._indexes.setdefault(choice, [])
        for call in calls:
            function = call.get("function")
            if is_object(function):
                call.setdefault("type", "function")
                arguments = function.get("arguments")
                if arguments is None and function.get("name"):
                    function["arguments"] = ""
                elif arguments is not None and not isinstance(arguments, str):
                    function["arguments"] = msgspec.json.encode(arguments).decode()
            _number(call, known, choice, streamed=streamed)
        message["tool_calls"] = calls


def _number(call: Json, known: list[str], choice: int, *, streamed: bool) -> None:
    """Give a call its id and, in a stream, its index."""
    function = call.get("function")
    name = text_of(function.get("name")) if is_object(function) else ""
    identifier = text_of(call.get("id"))
    index = call.get("index")
    begins = bool(identifier and identifier not in known) or (not identifier and bool(name) and _new(index, known))
    if begins:
        identifier = identifier or f"call_{choice}_{len(known)}"
        call["id"] = identifier
        known.append(identifier)
        position = len(known) - 1
    else:
        position = known.index(identifier) if identifier in known else _place(index, known)
    if streamed:
        call["index"] = position
    else:
        call.pop("index", None)


def _new(index: object, known: list[str]) -> bool:
    return not isinstance(index, int) or index >= len(known)


def _place(index: object, known: list[str]) -> int:
    return index if isinstance(index, int) and index < len(known) else max(0, len(known) - 1)


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
    if not message.get("reasoning_content"):
        reasoning = text_of(message.get("reasoning")) or _details(message.get("reasoning_details"))
        if reasoning:
            message["reasoning_content"] = reasoning


def _details(details: object) -> str:
    return "".join(text_of(part.get("text")) or text_of(part.get("summary")) for part in objects(details))


def _parts(content: list[Any]) -> tuple[str, str]:
    """Mistral's form: text and thinking as parts (https://docs.mistral.ai/capabilities/reasoning/)."""
    text, thoughts = list[str](), list[str]()
    for part in content:
        if isinstance(part, str):
            text.append(part)
        elif is_object(part) and part.get("type") == "thinking":
            inner: Any = part.get("thinking")
            thoughts += [inner] if isinstance(inner, str) else [text_of(piece.get("text")) for piece in objects(inner)]
        elif is_object(part):
            text.append(text_of(part.get("text")))
    return "".join(text), "".join(thoughts)
