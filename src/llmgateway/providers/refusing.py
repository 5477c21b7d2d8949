"""What the languages that are not OpenAI's share in refusing: defaults that absence honours, and fields of messages.

Page: https://platform.openai.com/docs/api-reference/chat/create (the defaults).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, objects, text_of

_DEFAULTS: Final[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
    {
        "n": (1,),
        "logprobs": (False,),
        "top_logprobs": (0,),
        "logit_bias": ({},),
        "presence_penalty": (0,),
        "frequency_penalty": (0,),
        "store": (False,),
        "modalities": (["text"],),
        "parallel_tool_calls": (True,),
        "service_tier": ("auto", "default"),
        "verbosity": ("medium",),
        "functions": ([],),
        "function_call": ("none", "auto"),
        "user": ("",),
        "metadata": ({},),
    }
)
"""OpenAI's documented defaults, and what says nothing: a parameter that stands so is honoured by leaving it out."""
_HINTS: Final = frozenset({"cache_control", "prompt_cache_retention"})
"""They ask for a cheaper answer, never for another one."""
_MANNERS: Final = frozenset({"auto", "any", "none", "allowed_tools"})
"""Choices that name no tool."""
_MESSAGE_FIELDS: Final = ("name", "audio", "function_call")
"""Fields of OpenAI's messages that no other language has."""


def unknown(canon: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """Parameters that a language does not know and that are not at their default, by name."""
    strange = [name for name in canon if name not in known and name not in _HINTS]
    told = [name for name in strange if canon[name] not in _DEFAULTS.get(name, ())]
    return [name for name in told if name != "parallel_tool_calls" or one_at_a_time(canon)]


def message_fields(messages: Sequence[Json], known: Collection[str] = ()) -> Iterator[str]:
    """Paths of what messages say that only OpenAI's have a place for, but for `known`. A tool's name is said by its call already."""
    strange = [name for name in _MESSAGE_FIELDS if name not in known]
    for index, message in enumerate(messages):
        for name in strange:
            if message.get(name) and not (name == "name" and text_of(message.get("role")) in {"tool", "function"}):
                yield f"messages.{index}.{name}"


def one_at_a_time(canon: Mapping[str, Any]) -> bool:
    """Whether calls must come one at a time, and there are tools to call."""
    return canon.get("parallel_tool_calls") is False and bool(canon.get("tools")) and canon.get("tool_choice") != "none"


def idle_choice(canon: Mapping[str, Any]) -> bool:
    """Whether a tool must be called and there is none."""
    return canon.get("tool_choice") not in (None, "auto", "none") and not canon.get("tools")


def lost_choice(body: Mapping[str, Any]) -> bool:
    """Whether a tool must be called that is not there, after tools were left out."""
    choice = body.get("tool_choice")
    if not is_object(choice) or text_of(choice.get("type")) in _MANNERS:
        return False
    return _label(choice) not in map(_label, objects(body.get("tools")))


def _label(tool: Json) -> str:
    """The name of a tool or of a choice; its type where it has none."""
    kind = text_of(tool.get("type"))
    inner = tool.get(kind)
    return text_of(inner.get("name") if is_object(inner) else tool.get("name")) or kind
