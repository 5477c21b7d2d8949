"""The Messages request as msgspec structs, against which a body is checked before it is translated.

Page: https://platform.claude.com/docs/en/api/messages. Unknown fields are not judged here.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.dataplane.dialects.validation import with_allowed
from llmgateway.errors import BadRequest

_AT: Final = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>[^`]*)`)?", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<field>[^`]+)`")
_T = TypeVar("_T")


class ContentBlock(msgspec.Struct, frozen=True):
    """Any content block, by its type."""

    type: str


class Turn(msgspec.Struct, frozen=True):
    """One turn; `system` may stand between turns (.../build-with-claude/mid-conversation-system-messages)."""

    role: Literal["user", "assistant", "system"]
    content: str | list[ContentBlock]


class ToolChoice(msgspec.Struct, frozen=True):
    """`tool_choice`."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(msgspec.Struct, frozen=True):
    """`thinking`."""

    type: str
    budget_tokens: int | None = None


class Metadata(msgspec.Struct, frozen=True):
    """`metadata`."""

    user_id: str | None = None


class OutputConfig(msgspec.Struct, frozen=True):
    """`output_config`: the effort, and the format of the answer."""

    effort: str | None = None
    format: Json | None = None


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """The body of /v1/messages/count_tokens."""

    model: Annotated[str, msgspec.Meta(min_length=1)]
    messages: Annotated[list[Turn], msgspec.Meta(min_length=1)]
    system: str | list[ContentBlock] | None = None
    tools: list[Json] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: Json | None = None


class MessagesRequest(Counted, frozen=True, kw_only=True):
    """The body of /v1/messages."""

    max_tokens: Annotated[int, msgspec.Meta(ge=0)]
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    metadata: Metadata | None = None
    service_tier: str | None = None


class _Text(msgspec.Struct, frozen=True):
    text: str


class _Source(msgspec.Struct, frozen=True):
    source: Json


class _ToolUse(msgspec.Struct, frozen=True):
    id: Annotated[str, msgspec.Meta(min_length=1)]
    name: Annotated[str, msgspec.Meta(min_length=1)]
    input: Json


class _ToolResult(msgspec.Struct, frozen=True):
    tool_use_id: Annotated[str, msgspec.Meta(min_length=1)]
    content: str | list[ContentBlock] | None = None
    is_error: bool | None = None


class _ThinkingBlock(msgspec.Struct, frozen=True):
    thinking: str
    signature: str = ""


class _Redacted(msgspec.Struct, frozen=True):
    data: str


class _Tool(msgspec.Struct, frozen=True):
    name: Annotated[str, msgspec.Meta(min_length=1)]
    input_schema: Json
    description: str | None = None
    strict: bool | None = None


_BLOCKS: Final[Mapping[str, type[msgspec.Struct]]] = MappingProxyType(
    {
        "text": _Text,
        "image": _Source,
        "document": _Source,
        "tool_use": _ToolUse,
        "tool_result": _ToolResult,
        "thinking": _ThinkingBlock,
        "redacted_thinking": _Redacted,
    }
)


def checked(body: Any, shape: type[_T], where: str = "") -> _T:
    """The value as a struct. Raises BadRequest, naming the field below the path `where`."""
    try:
        return msgspec.convert(body, shape)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), shape, where) from error


def check_block(block: Json, where: str) -> None:
    """Raise BadRequest, naming the field, for a known block that lacks what its type needs."""
    shape = _BLOCKS.get(block["type"])
    if shape:
        checked(block, shape, where)


def check_tool(tool: Json, where: str) -> None:
    """Raise BadRequest for a client tool without name or schema."""
    checked(tool, _Tool, where)


def _refusal(error: str, shape: Any, where: str) -> BadRequest:
    found = _AT.fullmatch(error)
    what, path = (found["what"], found["path"] or "") if found else (error, "")
    if missing := _MISSING.fullmatch(what):
        path, what = f"{path}.{missing['field']}", "a required field is missing"
    what = with_allowed(what, shape, path)
    param = (where + re.sub(r"\[(\d+|\.\.\.)\]", r".\1", path)).lstrip(".")
    return BadRequest(
        f"{param or 'body'}: {what}. See https://platform.claude.com/docs/en/api/messages.", param=param or None
    )
