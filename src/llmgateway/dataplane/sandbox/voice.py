"""What the sandbox says: pure, the same question always gets the same answer."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from llmgateway.canon.chat import ChatRequest, Json
from llmgateway.canon.shapes import is_object, text_of

_WORDS = re.compile(r"\S+\s*|\s+")
_SHOWN = 400
_DIMENSIONS = 256
_DEEP = 8
_SIMPLE: Json = {"integer": 1, "number": 1.5, "boolean": True, "null": None}


@dataclass(frozen=True, slots=True)
class Speech:
    """An answer before it is cut into chunks. A token is a word here."""

    words: tuple[str, ...]
    tool: Json | None
    """`{"name", "arguments"}` (arguments as JSON text) instead of words."""
    thoughts: tuple[str, ...]
    finish: str
    prompt_tokens: int

    @property
    def completion_tokens(self) -> int:
        tool = len(tokens(self.tool["arguments"])) if self.tool else 0
        return len(self.words) + len(self.thoughts) + tool


def tokens(text: str) -> list[str]:
    """The sandbox's tokens: words with the space behind them."""
    return _WORDS.findall(text)


def speak(request: ChatRequest) -> Speech:
    """Answer a chat request."""
    messages = cast("Sequence[Json]", request["messages"])
    prompt = sum(len(tokens(_text(message))) for message in messages)
    thoughts = ("The ", "sandbox ", "thinks ", "in ", "words. ") if _thinks(request) else ()
    tool = _tool_call(request, messages)
    if tool is not None:
        return Speech((), tool, thoughts, "tool_calls", prompt)
    words, finish = tuple(tokens(_answer(request, messages))), "stop"
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    if limit is not None and len(words) > limit:
        words, finish = words[:limit], "length"
    return Speech(_until_stop(words, request.get("stop")), None, thoughts, finish, prompt)


def embed(text: str, dimensions: int | None) -> list[float]:
    """A vector of length one that depends on the text alone."""
    size = dimensions or _DIMENSIONS
    raw = hashlib.shake_256(text.encode()).digest(2 * size)
    numbers = [int.from_bytes(raw[2 * i : 2 * i + 2]) / 32767.5 - 1 for i in range(size)]
    length = sum(number * number for number in numbers) ** 0.5 or 1.0
    return [number / length for number in numbers]


def _thinks(request: ChatRequest) -> bool:
    thinking = request.get("thinking") or {}
    return bool(request.get("reasoning_effort")) or text_of(thinking.get("type")) in {"enabled", "adaptive"}


def _answer(request: ChatRequest, messages: Sequence[Json]) -> str:
    form = request.get("response_format") or {}
    if form.get("type") == "json_schema":
        return msgspec.json.encode(_example(form["json_schema"].get("schema") or {}, 0)).decode()
    last = messages[-1]
    said = _text(last).strip()
    if form.get("type") == "json_object":
        return msgspec.json.encode({"answer": said[:_SHOWN]}).decode()
    if last.get("role") == "tool":
        return f"The tool answered: {said[:_SHOWN]}"
    images = sum(1 for part in _parts(last) if part.get("type") == "image_url")
    seen = f" I see {images} image{'s' if images > 1 else ''}." if images else ""
    return (
        f"This is the sandbox of llmgateway. You said: {said[:_SHOWN]}{seen} "
        "Set a provider's key, such as OPENAI_API_KEY, and ask for one of its models to get a real answer."
    )


def _until_stop(words: tuple[str, ...], stop: str | list[str] | None) -> tuple[str, ...]:
    text = "".join(words)
    ends = [text.find(end) for end in ([stop] if isinstance(stop, str) else stop or []) if end and end in text]
    return tuple(tokens(text[: min(ends)])) if ends else words


def _tool_call(request: ChatRequest, messages: Sequence[Json]) -> Json | None:
    """A forced tool; else, after a user's message, one whose name or description shares a word with it."""
    functions = [tool["function"] for tool in request.get("tools") or [] if tool.get("type") == "function"]
    choice = request.get("tool_choice", "auto")
    if not functions or choice == "none" or messages[-1].get("role") == "tool":
        return None
    if isinstance(choice, dict):
        named = choice.get("function")
        name = named.get("name") if is_object(named) else None
        chosen = next((function for function in functions if function["name"] == name), functions[0])
    elif choice == "required":
        chosen = functions[0]
    else:
        said = _notable(_text(messages[-1]))
        fitting = (f for f in functions if said & _notable(f"{f['name']} {f.get('description') or ''}"))
        chosen = next(fitting, None)
    if chosen is None:
        return None
    arguments = _example(chosen.get("parameters") or {"type": "object"}, 0)
    return {"name": chosen["name"], "arguments": msgspec.json.encode(arguments).decode()}


def _notable(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{4,}", text.lower()))


def _example(schema: Json, depth: int) -> Any:
    """A small value that the schema allows."""
    given = next((schema[key] for key in ("const", "default") if key in schema), None)
    if given is not None or depth > _DEEP:
        return given
    if schema.get("enum"):
        return schema["enum"][0]
    branch = next((schema[key][0] for key in ("anyOf", "oneOf", "allOf") if schema.get(key)), None)
    return _example(branch, depth + 1) if branch is not None else _of_type(schema, depth)


def _of_type(schema: Json, depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = cast("list[str]", kind)[0]
    if kind == "object" or "properties" in schema:
        properties = cast("dict[str, Json]", schema.get("properties") or {})
        return {name: _example(part, depth + 1) for name, part in properties.items()}
    if kind == "array":
        count = min(max(1, int(schema.get("minItems") or 1)), 10)
        return [_example(schema.get("items") or {"type": "string"}, depth + 1) for _ in range(count)]
    if kind in {"integer", "number"} and schema.get("minimum") is not None:
        return schema["minimum"]
    return _SIMPLE.get(cast("str", kind), "sandbox")


def _parts(message: Json) -> Sequence[Json]:
    content = message.get("content")
    return cast("Sequence[Json]", content) if isinstance(content, list) else ()


def _text(message: Json) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text") or "") for part in _parts(message) if part.get("type") == "text")
