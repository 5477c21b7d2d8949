"""What a host of OpenAI's wire does not take, and how it is left out of a body: defaults, and what the caller allowed to be dropped."""

from collections.abc import Collection, Sequence
from typing import Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, objects, text_of, without
from llmgateway.providers.openai_wire.files import FileForm, is_out_of_reach
from llmgateway.providers.refusing import forces_a_missing_tool, is_default

_PARTS: Final = frozenset({"text", "image_url", "input_audio", "file", "refusal", "video_url"})
"""Types of content parts that chat has, and `video_url`, which many hosts know."""


def is_set(canon: Json, name: str) -> bool:
    """Whether a parameter is given and not at its documented default."""
    value = canon.get(name)
    return value is not None and value != [] and not is_default(name, value)


def foreign_parts(messages: Sequence[Json], files: FileForm) -> list[str]:
    """Paths of content parts that chat has no type for, and of files that the host cannot read."""
    found: list[str] = []
    for index, message in enumerate(messages):
        for position, part in enumerate(objects(message.get("content"))):
            if text_of(part.get("type")) not in _PARTS or is_out_of_reach(part, files):
                found.append(f"messages.{index}.content.{position}")
    return found


def without_refused(body: Json, names: Collection[str]) -> Json:
    """The body without what `refuses` named: fields, `tools.N`, and `messages.N.content.N`."""
    kept = {name: value for name, value in body.items() if name not in names}
    if any(name.startswith("tools.") for name in names):
        kept["tools"] = [tool for index, tool in enumerate(kept["tools"]) if f"tools.{index}" not in names]
        if not kept["tools"]:
            kept = without(kept, ("tools", "tool_choice", "parallel_tool_calls"))
        elif forces_a_missing_tool(kept):
            del kept["tool_choice"]
    if any(name.startswith("messages.") for name in names):
        kept["messages"] = [
            _without_parts(message, f"messages.{index}.content", names)
            for index, message in enumerate(kept["messages"])
        ]
    return kept


def without_idle_tools(body: Json) -> None:
    """Remove `parallel_tool_calls` and an idle `tool_choice` from a body without tools, which OpenAI refuses and other dialects allow."""
    body.pop("parallel_tool_calls", None)
    if body.get("tool_choice") in ("auto", "none"):
        del body["tool_choice"]


def _without_parts(message: Json, where: str, names: Collection[str]) -> Json:
    content = message.get("content")
    if not is_array(content):
        return message
    return {**message, "content": [part for index, part in enumerate(content) if f"{where}.{index}" not in names]}
