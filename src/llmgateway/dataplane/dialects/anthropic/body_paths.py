"""Paths of the canon as paths of the Messages body that it came from, so that refusals name a field as the caller wrote it.

Messages are counted as `request` makes them: the system prompt is one, and each tool result is one before what the user says.
"""

from collections.abc import Iterator, Mapping
from itertools import count
from types import MappingProxyType
from typing import Any, Final

from llmgateway.canon.chat import Json
from llmgateway.canon.keepsake import is_packed
from llmgateway.canon.shapes import is_object, object_in, objects
from llmgateway.dataplane.dialects.anthropic.request import WARMING

_PathPair = tuple[str, str]
_SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "max_completion_tokens": "max_tokens",
        WARMING: "max_tokens",
        "stop": "stop_sequences",
        "user": "metadata.user_id",
        "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    }
)


def body_paths(body: Json, field: str) -> Mapping[str, str]:
    """Paths in this field of the canon -> paths in the body; see `Call.body_paths`."""
    match field:
        case "messages":
            return dict(_of_messages(body))
        case "tools":
            return dict(_of_tools(body))
        case _:
            return {**_SETTINGS, **dict(_of_output(body))}


def _of_output(body: Json) -> Iterator[_PathPair]:
    said = object_in(body, "output_config")
    yield "reasoning_effort", "output_config.effort" if said.get("effort") else "thinking"
    form = "output_config.format" if said.get("format") else "output_format"
    yield from (("response_format", form), ("response_format.json_schema", form))


def _of_tools(body: Json) -> Iterator[_PathPair]:
    for index in range(len(objects(body.get("tools")))):
        yield f"tools.{index}.function", f"tools.{index}"
        yield f"tools.{index}.function.parameters", f"tools.{index}.input_schema"


def _of_messages(body: Json) -> Iterator[_PathPair]:
    numbers = count()
    if body.get("system"):
        message = f"messages.{next(numbers)}"
        yield from ((message, "system"), (f"{message}.content", "system"))
    for index, turn in enumerate(objects(body.get("messages"))):
        content: Any = turn.get("content")
        where = f"messages.{index}"
        if turn.get("role") == "user":
            yield from _of_user(objects(content), where, numbers)
        elif turn.get("role") == "assistant":
            yield from _of_assistant(objects(content), where, f"messages.{next(numbers)}")
        elif content:
            yield f"messages.{next(numbers)}", where


def _of_user(blocks: list[Json], where: str, numbers: Iterator[int]) -> Iterator[_PathPair]:
    indexed = [(block, f"{where}.content.{index}") for index, block in enumerate(blocks)]
    results = [(block, place) for block, place in indexed if block["type"] == "tool_result"]
    said = [(block, place) for block, place in indexed if block["type"] != "tool_result"]
    for block, place in results:
        message = f"messages.{next(numbers)}"
        yield from ((message, place), (f"{message}.tool_call_id", f"{place}.tool_use_id"))
        inner = objects(block.get("content"))
        yield from _of_parts([(part, f"{place}.content.{i}") for i, part in enumerate(inner)], message)
    if said or not results:
        message = f"messages.{next(numbers)}"
        yield message, where
        yield from _of_parts(said, message)


def _of_parts(blocks: list[tuple[Json, str]], message: str) -> Iterator[_PathPair]:
    for index, (block, place) in enumerate(blocks):
        part = f"{message}.content.{index}"
        yield part, place
        if is_object(block.get("source")):
            yield from ((f"{part}.{kind}", f"{place}.source") for kind in ("image_url", "file"))
            yield from ((f"{part}.file.file_{kind}", f"{place}.source.{kind}") for kind in ("data", "url"))


def _of_assistant(blocks: list[Json], where: str, message: str) -> Iterator[_PathPair]:
    yield message, where
    kept = [(f"{where}.content.{i}", block) for i, block in enumerate(blocks) if not is_packed(block.get("data"))]
    for kind, name in (("text", "content"), ("tool_use", "tool_calls")):
        for index, place in enumerate(place for place, block in kept if block["type"] == kind):
            yield f"{message}.{name}.{index}", place
            yield f"{message}.{name}.{index}.function.arguments", f"{place}.input"
