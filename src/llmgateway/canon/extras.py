"""What a call may use besides plain text, as far as its body tells. Admission reserves money for these as well."""

from typing import Final, Literal

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of

_SEARCHES: Final = ("web_search", "google_search")
"""How the types of tools begin that search the web; a date or the like may follow."""

CacheWrite = Literal["", "minutes", "hour"]


class Extras(msgspec.Struct, frozen=True):
    """The most of each that a call may use.

    Searches and file searches are as many as the call allows its tools, or one where it sets no limit.
    """

    audio_prompt_tokens: int = 0
    audio_answer: bool = False
    """Whether the answer may be audio."""
    cache_write: CacheWrite = ""
    """For how long the provider may keep the prompt in its cache; empty when it may not."""
    searches: int = 0
    file_searches: int = 0
    containers: int = 0

    @property
    def uses_tools(self) -> bool:
        """Whether there are tools that providers bill by their uses."""
        return self.searches > 0 or self.file_searches > 0 or self.containers > 0


NO_EXTRAS: Final = Extras()


def extras_of(canon: Json) -> Extras:
    """Read a body for its extras; NO_EXTRAS itself when it has none. Audio in the prompt is not counted here."""
    tools = objects(canon["tools"]) if "tools" in canon else []
    audio_answer, cache_write = bool(canon.get("audio")), _cache_write(canon, tools)
    kinds = [(tool, kind) for tool in tools if (kind := text_of(tool.get("type"))) != "function"]
    if not kinds:
        plain = not audio_answer and not cache_write
        return NO_EXTRAS if plain else Extras(audio_answer=audio_answer, cache_write=cache_write)
    most = _times(canon.get("max_tool_calls"))
    return Extras(
        audio_answer=audio_answer,
        cache_write=cache_write,
        searches=sum(_times(tool.get("max_uses"), most) for tool, kind in kinds if kind.startswith(_SEARCHES)),
        file_searches=sum(most for _, kind in kinds if kind == "file_search"),
        containers=sum(kind == "code_interpreter" for _, kind in kinds),
    )


def _times(limit: object, otherwise: int = 1) -> int:
    return limit if type(limit) is int and limit > 0 else otherwise


def _cache_write(canon: Json, tools: list[Json]) -> CacheWrite:
    markers = [marker for item in _marked(canon, tools) if is_object(marker := item["cache_control"])]
    if not markers:
        return ""
    return "hour" if any(marker.get("ttl") == "1h" for marker in markers) else "minutes"


def _marked(canon: Json, tools: list[Json]) -> list[Json]:
    """Every object with a `cache_control`: the body, its tools and messages, and the messages' parts and calls."""
    marked = [item for item in (canon, *tools) if "cache_control" in item]
    for message in objects(canon.get("messages")):
        if "cache_control" in message:
            marked.append(message)
        if is_array(content := message.get("content")):
            marked += [part for part in objects(content) if "cache_control" in part]
        if "tool_calls" in message:
            marked += [call for call in objects(message["tool_calls"]) if "cache_control" in call]
    return marked
