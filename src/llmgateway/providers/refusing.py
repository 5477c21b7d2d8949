"""Which parameters of a canon request a language or host must refuse.

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
        "temperature": (1,),
        "top_p": (1,),
        "stream": (False,),
        "response_format": ({"type": "text"},),
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
"""OpenAI's documented defaults: a parameter with such a value is honoured by leaving it out, and not refused."""
_HINTS: Final = frozenset({"cache_control", "prompt_cache_retention"})
"""Parameters that may make an answer cheaper and never change it."""
_NAMELESS_CHOICES: Final = frozenset({"auto", "any", "none", "allowed_tools"})
"""Types of a `tool_choice` that name no tool."""
_MESSAGE_FIELDS: Final = ("name", "audio", "function_call")
"""Fields of OpenAI's messages that no other language has."""


def is_default(name: str, value: object) -> bool:
    """Whether a parameter stands at its documented default."""
    return value in _DEFAULTS.get(name, ())


def unknown_parameters(canon: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """Names of the parameters that are not in `known` and not at their default."""
    strange = [name for name in canon if name not in known and name not in _HINTS]
    told = [name for name in strange if not is_default(name, canon[name])]
    return [name for name in told if name != "parallel_tool_calls" or forbids_parallel_calls(canon)]


def message_fields(messages: Sequence[Json], known: Collection[str] = ()) -> Iterator[str]:
    """Paths of the message fields that only OpenAI has, without those in `known`. A tool's `name` is not among them: its call says it."""
    strange = [name for name in _MESSAGE_FIELDS if name not in known]
    for index, message in enumerate(messages):
        for name in strange:
            if message.get(name) and not (name == "name" and text_of(message.get("role")) in {"tool", "function"}):
                yield f"messages.{index}.{name}"


def forbids_parallel_calls(canon: Mapping[str, Any]) -> bool:
    """Whether there are tools, and the model must not call several at once."""
    return canon.get("parallel_tool_calls") is False and bool(canon.get("tools")) and canon.get("tool_choice") != "none"


def forces_a_tool_without_tools(canon: Mapping[str, Any]) -> bool:
    """Whether `tool_choice` forces a call though the request has no tools."""
    return canon.get("tool_choice") not in (None, "auto", "none") and not canon.get("tools")


def forces_a_missing_tool(body: Mapping[str, Any]) -> bool:
    """Whether `tool_choice` forces a tool that is not among the tools, as after some were left out."""
    choice = body.get("tool_choice")
    if not is_object(choice) or text_of(choice.get("type")) in _NAMELESS_CHOICES:
        return False
    return _label(choice) not in map(_label, objects(body.get("tools")))


def _label(tool: Json) -> str:
    """The name of a tool or of a choice; its type where it has none."""
    kind = text_of(tool.get("type"))
    inner = tool.get(kind)
    return text_of(inner.get("name") if is_object(inner) else tool.get("name")) or kind
