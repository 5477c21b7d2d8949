"""Blocks and items of server tools, in words."""

import pytest

from llmgateway.canon.chat import Json
from llmgateway.providers.server_tools import content_in_words, in_words

FETCHED: Json = {
    "type": "web_fetch_tool_result",
    "content": {
        "type": "web_fetch_result",
        "url": "https://example.org/a",
        "content": {"type": "document", "title": "A", "source": {"type": "text", "data": "All of it."}},
    },
}
PAPER: Json = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}}
MCP: Json = {"type": "mcp_call", "id": "m", "name": "roll", "arguments": '{"dice":2}', "output": "7"}


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (FETCHED, "[web_fetch_tool_result]\nhttps://example.org/a\nA\nAll of it."),
        ({"type": "web_fetch_tool_result", "content": {"content": PAPER}}, ""),
        ({"type": "x_tool_result", "content": {"type": "x_error", "error_code": "unavailable"}}, "[x_tool_result]\nunavailable"),
        ({"type": "mcp_tool_result", "content": "seven"}, "[mcp_tool_result]\nseven"),
        ({"type": "mcp_tool_use", "name": "roll", "input": {"dice": 2}}, '[roll] {"dice":2}'),
        ({"type": "code_execution_tool_result", "content": {"stdout": "", "stderr": " "}}, ""),
        (MCP, '[mcp_call] roll\n{"dice":2}\n7'),
    ],
)  # fmt: skip
def test_what_a_block_says(block: Json, words: str) -> None:
    assert in_words(block) == words


def test_an_edited_text_stands_behind_what_was_done() -> None:
    blocks: list[Json] = [{"type": "text", "text": "old"}, {"type": "mcp_tool_result", "content": "seven"}]
    message: Json = {"content": "new", "provider_blocks": blocks}
    assert content_in_words(message) == "[mcp_tool_result]\nseven\n\nnew"
    parts: list[Json] = [{"type": "text", "text": "new"}]
    told: Json = {"type": "text", "text": "[mcp_tool_result]\nseven"}
    assert content_in_words({**message, "content": parts}) == [told, *parts]
    silent: Json = {"type": "advisor_tool_result"}
    assert content_in_words({"content": parts, "provider_blocks": [silent]}) == parts


def test_no_tool_no_words() -> None:
    message: Json = {"content": "a", "provider_blocks": [{"type": "text", "text": "a"}, {"type": "tool_use"}, {}]}
    assert content_in_words(message) == "a"
