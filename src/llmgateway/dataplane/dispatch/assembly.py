"""Assembles a stream into one whole answer, for callers who did not ask for a stream."""

from collections.abc import Callable, Mapping
from typing import Final, cast

from llmgateway.canon.chat import ChatChunk, ChatCompletion, Choice, ChunkChoice, Delta, Json, Message
from llmgateway.canon.shapes import objects, text_of
from llmgateway.canon.usage import Usage
from llmgateway.providers.base import Answer, Step

_JOINED = frozenset({"content", "refusal", "reasoning_content", "reasoning_summary", "reasoning"})
_IN_PLACE_OF_TEXT = ("tool_calls", "function_call", "refusal", "audio")
_CALLED = ("function", "custom")
"""The objects in a tool call whose texts come in pieces."""
_DETAIL_PIECES = ("text", "summary", "data")


class Assembly:
    """Collects the canon steps of one stream."""

    def __init__(self) -> None:
        self._head: ChatChunk | None = None
        self._choices: dict[int, Choice] = {}
        self._said: dict[int, dict[str, list[str]]] = {}
        """Texts of a choice in pieces: joined one by one, a long one would be copied thousands of times."""
        self._usage: Usage | None = None
        self._usage_body: Json | None = None
        self._extra: Json = {}
        self._text: list[str] = []
        self._finish: str | None = None

    def add(self, step: Step) -> None:
        """Add the next step."""
        self._usage = step.usage or self._usage
        self._finish = step.finish or self._finish
        if step.text:
            self._text.append(step.text)
        chunk = step.chunk
        if chunk is None:
            return
        if self._head is None:
            self._head = chunk
        self._usage_body = chunk.get("usage") or self._usage_body
        self._extra.update({name: value for name, value in chunk.items() if name not in _OF_A_CHUNK})
        for piece in chunk["choices"]:
            self._merge(piece)

    def answer(self) -> Answer:
        """The whole answer. Call it only when the stream has finished."""
        head = self._head
        for index, choice in self._choices.items():
            message = cast("Json", choice["message"])
            message.update({name: "".join(pieces) for name, pieces in self._said[index].items()})
            choice["message"]["content"] = _text(message)
        body: ChatCompletion = {
            "id": head["id"] if head else "",
            "object": "chat.completion",
            "created": head["created"] if head else 0,
            "model": head["model"] if head else "",
            "choices": [self._choices[index] for index in sorted(self._choices)],
            "usage": self._usage_body,
        }
        return Answer(body={**self._extra, **body}, usage=self._usage, finish=self._finish, text="".join(self._text))

    def _merge(self, piece: ChunkChoice) -> None:
        index = piece.get("index", 0)
        choice = self._choices.get(index)
        if choice is None:
            message: Message = {"role": "assistant", "content": None}
            choice = self._choices[index] = {"index": index, "message": message, "finish_reason": None}
            self._said[index] = {}
        choice["finish_reason"] = piece.get("finish_reason") or choice["finish_reason"]
        for name in ("native_finish_reason", "stop_sequence"):
            if piece.get(name) is not None:
                cast("Json", choice)[name] = piece.get(name)
        _merge_delta(cast("Json", choice["message"]), self._said[index], piece.get("delta") or {})
        logprobs = piece.get("logprobs")
        if logprobs:
            kept = choice["logprobs"] = choice.get("logprobs") or {}
            for name, entries in logprobs.items():
                kept.setdefault(name, []).extend(entries or [])


def _text(message: Json) -> str | None:
    """The content as OpenAI has it: null where the message holds something else instead."""
    return message["content"] or (None if any(message.get(name) for name in _IN_PLACE_OF_TEXT) else "")


_OF_A_CHUNK = frozenset({"id", "object", "created", "model", "choices", "usage"})


def _merge_delta(message: Json, said: dict[str, list[str]], delta: Delta) -> None:
    """Add a delta's pieces to the message: texts to what was said, lists lengthened, tool calls by their index."""
    for name, value in delta.items():
        if value is None or name == "role":
            continue
        if name in _JOINED:
            message.setdefault(name, None)  # its place
            said.setdefault(name, []).append(text_of(value))
        elif name == "tool_calls":
            for call in objects(value):  # an empty list of them is none
                _merge_tool_call(message.setdefault(name, []), call)
        elif name in _LENGTHENED:
            _LENGTHENED[name](message.setdefault(name, []), cast("list[Json]", value))
        elif name == "function_call":
            _merge_pieces(message.setdefault(name, {}), cast("Json", value))
        else:
            message[name] = value


def _merge_tool_call(calls: list[Json], piece: Json) -> None:
    index: int = piece.get("index", len(calls))
    while len(calls) <= index:
        calls.append({"id": "", "type": "function"})
    call = calls[index]
    for name in ("id", "type", "extra_content"):
        if piece.get(name):
            call[name] = piece[name]
    for name in _CALLED:
        if piece.get(name):
            _merge_pieces(call.setdefault(name, {}), piece[name])


def _merge_pieces(whole: Json, piece: Json) -> None:
    """The name once, the arguments (or a custom tool's input) piece by piece."""
    for name, value in piece.items():
        if name == "name":
            whole[name] = value or whole.get(name)
        else:
            whole[name] = (whole.get(name) or "") + (value or "")


def _merge_details(details: list[Json], pieces: list[Json]) -> None:
    """OpenRouter's opaque thinking: pieces of one index and type are one detail, to be sent back whole.

    Page: https://openrouter.ai/docs/use-cases/reasoning-tokens.
    """
    for piece in objects(pieces):
        last = details[-1] if details else None
        if last is None or any(last.get(name) != piece.get(name) for name in ("index", "type")):
            details.append(dict(piece))
            continue
        joined = {n: (last.get(n) or "") + piece[n] for n in _DETAIL_PIECES if isinstance(piece.get(n), str)}
        last |= {n: value for n, value in piece.items() if value is not None} | joined


def _merge_thinking(blocks: list[Json], pieces: list[Json]) -> None:
    """Thinking comes as text pieces, then the signature that closes the block."""
    for piece in pieces:
        last = blocks[-1] if blocks else None
        if last is None or piece.get("type") != "thinking" or last.get("type") != "thinking" or "signature" in last:
            blocks.append(dict(piece))
            continue
        last["thinking"] = (last.get("thinking") or "") + (piece.get("thinking") or "")
        if piece.get("signature"):
            last["signature"] = piece["signature"]


_LENGTHENED: Final[Mapping[str, Callable[[list[Json], list[Json]], None]]] = {
    "thinking_blocks": _merge_thinking,
    "reasoning_details": _merge_details,
    "annotations": list[Json].extend,
    "provider_blocks": list[Json].extend,
    "images": list[Json].extend,
}
"""Other members of a message that are lists, and how a delta's items are added to them."""
