"""What server tools did in a conversation, as text: for models of other makers, which take neither Anthropic's blocks nor OpenAI's items.

Pages: https://platform.claude.com/docs/en/agents-and-tools/tool-use/server-tools and
https://platform.openai.com/docs/api-reference/responses/object. Encrypted contents are never among the words.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of, text_of_parts

SERVER_TOOL_PREFIX: Final = "server_tools."
"""Begins the names under which targets refuse a server tool's block that cannot be written as text."""
_NOT_OF_SERVER_TOOLS: Final = frozenset({"text", "tool_use", "thinking", "redacted_thinking", "google_part"})
"""Types of blocks that are no server tool's: canon has fields for them, or they are Gemini's."""
_TELLING: Final = (
    "arguments", "action", "query", "queries", "pattern", "code", "stdout", "stderr", "logs", "error_code", "error",
    "tool_name", "tool_references", "filename", "text", "data", "lines", "source", "sources", "output", "outputs",
    "results", "content",
)  # fmt: skip
"""Fields that hold text, or objects with text, in the order in which they are written."""


def content_in_words(message: Mapping[str, Any]) -> object:
    """A message's content with what its server tools did as text, each in its place; the content itself where there were none.

    Where a caller edited the text, the places are lost: what the tools did stands first.
    """
    content, blocks = message.get("content"), objects(message.get("provider_blocks"))
    if not any(_is_a_tools(block) for block in blocks):
        return content
    if text_of_parts(blocks) == _plain_text(content):
        return "\n\n".join(filter(None, _in_order(blocks))) or content
    told = "\n\n".join(filter(None, (in_words(block) for block in blocks if _is_a_tools(block))))
    if is_array(content):
        return [{"type": "text", "text": told}, *content] if told else content
    return "\n\n".join(filter(None, (told, text_of(content))))


def blocks_without_words(messages: Iterable[Json]) -> Iterator[str]:
    """The blocks of server tools that hold no text, by the name under which they are refused."""
    for message in messages:
        for block in objects(message.get("provider_blocks")):
            if _is_a_tools(block) and not in_words(block):
                yield f"{SERVER_TOOL_PREFIX}{block['type']}"


def in_words(block: Json) -> str:
    """A block or an item as text: a call with its input in one line, a result below its type; empty where it holds no words."""
    name = text_of(block.get("name"))
    if "input" in block:
        return f"[{name or block.get('type')}] {msgspec.json.encode(block['input']).decode()}"
    said = "\n".join(word for word in _words(block) if word.strip())
    return f"[{block.get('type')}]{' ' if name else ''}{name}\n{said}" if said else ""


def _words(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif is_array(value):
        for item in value:
            yield from _words(item)
    elif is_object(value) and value.get("type") != "base64":
        yield " ".join(filter(None, (text_of(value.get("title")), text_of(value.get("url")))))
        for name in _TELLING:
            yield from _words(value.get(name))


def _in_order(blocks: list[Json]) -> Iterator[str]:
    """Texts that follow each other are one text; what a tool did parts them."""
    for is_text, run in groupby(blocks, lambda block: block.get("type") == "text"):
        if is_text:
            yield text_of_parts(run)
        else:
            yield from (in_words(block) for block in run if _is_a_tools(block))


def _is_a_tools(block: Json) -> bool:
    return text_of(block.get("type")) not in {"", *_NOT_OF_SERVER_TOOLS}


def _plain_text(content: object) -> str:
    return text_of_parts(objects(content)) if is_array(content) else text_of(content)
