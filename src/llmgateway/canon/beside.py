"""What a call may use beside words that are read and written, as far as it tells: money must have room for that too."""

from typing import Final, Literal

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of

_SEARCHES: Final = ("web_search", "google_search")
"""What the types of tools begin with that search the web; dates and the like follow."""

Kept = Literal["", "minutes", "hour"]


class Beside(msgspec.Struct, frozen=True):
    """The most of each. Searches and the like are those that the call lets its tools do; one where it sets no limit."""

    heard: int = 0
    """Tokens of the prompt that are sound."""
    spoken: bool = False
    """The answer may be sound."""
    kept: Kept = ""
    """The prompt may be written to the provider's cache, for so long."""
    searches: int = 0
    file_searches: int = 0
    containers: int = 0

    @property
    def uses_tools(self) -> bool:
        """Of those that cost something beside what they read."""
        return self.searches > 0 or self.file_searches > 0 or self.containers > 0


WORDS: Final = Beside()


def beside(canon: Json) -> Beside:
    """What the call says of it. A prompt is kept where markers ask for it."""
    tools = objects(canon["tools"]) if "tools" in canon else []
    spoken, kept = bool(canon.get("audio")), _kept(canon, tools)
    kinds = [(tool, kind) for tool in tools if (kind := text_of(tool.get("type"))) != "function"]
    if not kinds:
        return Beside(spoken=spoken, kept=kept) if spoken or kept else WORDS
    most = _times(canon.get("max_tool_calls"))
    return Beside(
        spoken=spoken,
        kept=kept,
        searches=sum(_times(tool.get("max_uses"), most) for tool, kind in kinds if kind.startswith(_SEARCHES)),
        file_searches=sum(most for _, kind in kinds if kind == "file_search"),
        containers=sum(kind == "code_interpreter" for _, kind in kinds),
    )


def _times(limit: object, otherwise: int = 1) -> int:
    return limit if type(limit) is int and limit > 0 else otherwise


def _kept(canon: Json, tools: list[Json]) -> Kept:
    markers = [marker for item in _marked(canon, tools) if is_object(marker := item["cache_control"])]
    if not markers:
        return ""
    return "hour" if any(marker.get("ttl") == "1h" for marker in markers) else "minutes"


def _marked(canon: Json, tools: list[Json]) -> list[Json]:
    """What has a marker of a provider's cache: the request, its tools, messages, their parts and calls."""
    marked = [item for item in (canon, *tools) if "cache_control" in item]
    for message in objects(canon.get("messages")):
        if "cache_control" in message:
            marked.append(message)
        if is_array(content := message.get("content")):
            marked += [part for part in objects(content) if "cache_control" in part]
        if "tool_calls" in message:
            marked += [call for call in objects(message["tool_calls"]) if "cache_control" in call]
    return marked
