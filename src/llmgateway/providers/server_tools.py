"""What server tools did, in words: for models of other makers, which cannot take the blocks of Anthropic's or the items of OpenAI's.

Pages: https://platform.claude.com/docs/en/agents-and-tools/tool-use/server-tools and
https://platform.openai.com/docs/api-reference/responses/object. Encrypted contents are never among the words.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of, text_of_parts

NAMED: Final = "server_tools."
"""What the names of blocks without words begin with, as targets refuse them."""
_SAID_ELSEWHERE: Final = frozenset({"text", "tool_use", "thinking", "redacted_thinking", "google_part"})
"""Blocks that canon says in its own words, or that are another maker's."""
_TELLING: Final = (
    "arguments", "action", "query", "queries", "pattern", "code", "stdout", "stderr", "logs", "error_code", "error",
    "tool_name", "tool_references", "filename", "text", "data", "lines", "source", "sources", "output", "outputs",
    "results", "content",
)  # fmt: skip
"""Fields that hold words, or what has them, in the order in which they are told."""


def content_in_words(message: Mapping[str, Any]) -> object:
    """A message's content with what its server tools did told in its place; as it came where there were none.

    Where a caller edited the text, nobody knows the place any more: what was done stands first.
    """
    content, blocks = message.get("content"), objects(message.get("provider_blocks"))
    if not any(_is_a_tools(block) for block in blocks):
        return content
    if text_of_parts(blocks) == _spoken(content):
        return "\n\n".join(filter(None, _in_order(blocks))) or content
    told = "\n\n".join(filter(None, (in_words(block) for block in blocks if _is_a_tools(block))))
    if is_array(content):
        return [{"type": "text", "text": told}, *content] if told else content
    return "\n\n".join(filter(None, (told, text_of(content))))


def wordless(messages: Iterable[Json]) -> Iterator[str]:
    """The server tools' blocks of a history that nothing can be said of, by name."""
    for message in messages:
        for block in objects(message.get("provider_blocks")):
            if _is_a_tools(block) and not in_words(block):
                yield f"{NAMED}{block['type']}"


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
    return text_of(block.get("type")) not in {"", *_SAID_ELSEWHERE}


def _spoken(content: object) -> str:
    return text_of_parts(objects(content)) if is_array(content) else text_of(content)
