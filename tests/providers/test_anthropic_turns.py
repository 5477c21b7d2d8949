"""Canon messages as Messages turns: each role, each kind of part, and what cannot be expressed."""

import json
import re
from typing import Any

import pytest

from llmgateway.canon.call import Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.errors import BadRequest
from llmgateway.providers.anthropic.request import native_body
from tests.providers.anthropic_building import built
from tests.providers.calls import HELLO

PIXEL = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0="


def content(message: Json) -> Any:
    """What becomes of one message's content."""
    return built({"messages": [message]})["messages"][0]["content"]


def test_system_and_developer_messages_go_to_the_top() -> None:
    marked = {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}
    body = built(
        {
            "messages": [
                {"role": "system", "content": "a"},
                HELLO,
                {"role": "developer", "content": [marked]},
            ]
        }
    )
    assert body["system"] == [{"type": "text", "text": "a"}, marked]
    assert body["messages"] == [HELLO]
    assert built({"messages": [{"role": "system", "content": "a"}, HELLO]})["system"] == "a"


def test_turns_of_one_role_are_one_turn() -> None:
    body = built({"messages": [HELLO, {"role": "user", "content": "again"}, {"role": "assistant", "content": "x"}]})
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant"]
    assert body["messages"][0]["content"] == [{"type": "text", "text": "hello"}, {"type": "text", "text": "again"}]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        ({"type": "text", "text": "t"}, {"type": "text", "text": "t"}),
        (
            {"type": "image_url", "image_url": {"url": PIXEL, "detail": "auto"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        ),
        (
            {"type": "image_url", "image_url": "https://x.test/a.png", "cache_control": {"type": "ephemeral"}},
            {
                "type": "image",
                "source": {"type": "url", "url": "https://x.test/a.png"},
                "cache_control": {"type": "ephemeral"},
            },
        ),
        (
            {"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}},
            {
                "type": "document",
                "title": "a.pdf",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            },
        ),
        (
            {"type": "file", "file": {"file_data": "JVBERi0="}, "citations": {"enabled": True}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                "citations": {"enabled": True},
            },
        ),
        (
            {
                "type": "file",
                "file": {"file_data": "data:text/plain;charset=utf-8;base64,aGnDtg==", "filename": "a.txt"},
            },
            {
                "type": "document",
                "title": "a.txt",
                "source": {"type": "text", "media_type": "text/plain", "data": "hi\u00f6"},
            },
        ),
        (
            {"type": "file", "file": {"file_id": "file_1"}},
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        ),
        (
            {"type": "file", "file": {"file_url": "https://x.test/a.pdf"}},
            {"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}},
        ),
        (
            {"type": "search_result", "source": "s", "title": "t", "content": []},
            {"type": "search_result", "source": "s", "title": "t", "content": []},
        ),
    ],
)
def test_a_part_becomes_a_block(part: Json, block: Json) -> None:
    assert content({"role": "user", "content": [part, {"type": "text", "text": "!"}]})[0] == block


def test_empty_user_content_is_the_providers_to_judge() -> None:
    assert content({"role": "user", "content": ""}) == ""


def test_texts_of_white_space_are_left_out_beside_others() -> None:
    assert content({"role": "user", "content": [{"type": "text", "text": " "}, {"type": "text", "text": "a"}]}) == "a"
    assert content({"role": "user", "content": [{"type": "text", "text": " "}]}) == " "
    assert built({"messages": [HELLO, {"role": "user", "content": ""}]})["messages"] == [HELLO]
    call: Json = {"role": "assistant", "content": "\n", "tool_calls": [CALL]}
    (block,) = built({"messages": [HELLO, call]})["messages"][1]["content"]
    assert block["type"] == "tool_use"


def test_a_last_message_of_the_assistant_ends_in_no_white_space() -> None:
    """Claude answers it with a 400: `final assistant content cannot end with trailing whitespace`."""
    begun: Json = {"role": "assistant", "content": "1, 2, \n"}
    first, _, last = built({"messages": [begun, HELLO, begun]})["messages"]
    assert (first["content"], last["content"]) == ("1, 2, \n", "1, 2,")
    assert (
        built({"messages": [HELLO, {**begun, "tool_calls": [CALL]}]})["messages"][1]["content"][0]["text"] == "1, 2, \n"
    )


NAMES = ("functions.w:0", "functions_w_0", "functions.w_0")
"""Ids of other makers, alike but for letters that the API does not allow."""


def _differ(blocks: list[Json], results: list[Json]) -> None:
    """Each call has an id of its own in allowed letters, which its result names."""
    ids = [block["id"] for block in blocks]
    assert len({*ids}) == len(NAMES)
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", one) for one in ids)
    assert ids[1] == "functions_w_0"
    assert [result["tool_use_id"] for result in results] == ids


def test_ids_of_other_providers_are_written_in_allowed_letters_and_stay_different() -> None:
    calls = [{**CALL, "id": name} for name in NAMES]
    results: list[Json] = [{"role": "tool", "tool_call_id": name, "content": "1"} for name in NAMES]
    turns = built({"messages": [HELLO, {"role": "assistant", "tool_calls": calls}, *results]})["messages"]
    _differ(turns[1]["content"], turns[2]["content"])


def test_ids_of_other_providers_in_a_history_of_messages_are_too() -> None:
    calls: list[Json] = [{"type": "tool_use", "id": name, "name": "f", "input": {}} for name in NAMES]
    results: list[Json] = [{"type": "tool_result", "tool_use_id": name, "content": "1"} for name in NAMES]
    history: list[Json] = [HELLO, {"role": "assistant", "content": calls}, {"role": "user", "content": results}]
    body: Json = {"model": "m", "max_tokens": 9, "messages": history}
    call = AnthropicDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())
    turns = native_body(call, "m", stream=False)["messages"]
    _differ(turns[1]["content"], turns[2]["content"])
    assert turns[0] == HELLO
    assert call.body["messages"] == history


def test_unsigned_thinking_stays_behind() -> None:
    foreign: Json = {"type": "thinking", "thinking": "hm", "signature": ""}
    answered: Json = {"role": "assistant", "content": "so", "thinking_blocks": [foreign], "reasoning_content": "hm"}
    assert built({"messages": [HELLO, answered]})["messages"][1]["content"] == "so"


def test_a_refusal_of_the_history_is_text() -> None:
    history = [HELLO, {"role": "assistant", "content": None, "refusal": "no"}, HELLO]
    assert built({"messages": history})["messages"][1]["content"] == "no"
    history[1] = {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}
    assert built({"messages": history})["messages"][1]["content"] == "no"


CALL: Json = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
THINKING: Json = {"type": "thinking", "thinking": "hm", "signature": "sig"}


def test_tool_turns_keep_their_order_and_signatures() -> None:
    body = built(
        {
            "messages": [
                HELLO,
                {
                    "role": "assistant",
                    "content": "text",
                    "reasoning_content": "hm",
                    "thinking_blocks": [THINKING],
                    "tool_calls": [CALL, {**CALL, "id": "t2", "function": {"name": "g", "arguments": ""}}],
                },
                {"role": "user", "content": "and then"},
                {"role": "tool", "tool_call_id": "t1", "content": "42", "cache_control": {"type": "ephemeral"}},
                {"role": "tool", "tool_call_id": "t2", "content": [{"type": "text", "text": "43"}], "is_error": True},
            ]
        }
    )
    assert body["messages"][1]["content"] == [
        THINKING,
        {"type": "text", "text": "text"},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
    ]
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "t1", "content": "42", "cache_control": {"type": "ephemeral"}},
        {"type": "tool_result", "tool_use_id": "t2", "content": [{"type": "text", "text": "43"}], "is_error": True},
        {"type": "text", "text": "and then"},
    ]


def test_an_assistant_turn_without_content_vanishes() -> None:
    assert built({"messages": [HELLO, {"role": "assistant", "content": None}]})["messages"] == [HELLO]


@pytest.mark.parametrize(
    "made_up", [{}, {"type": "text"}, {"type": "text", "text": None}, {"type": ["text"]}, {"type": ""}]
)
def test_what_is_no_block_of_claudes_is_left_out(made_up: Json) -> None:
    answered: Json = {"role": "assistant", "content": None, "provider_blocks": [made_up]}
    assert built({"messages": [HELLO, answered]})["messages"] == [HELLO]


def test_provider_blocks_go_back_as_they_came_unless_edited() -> None:
    kept: list[Json] = [
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}},
        {"type": "text", "text": "found"},
    ]
    answered: Json = {"role": "assistant", "content": "found", "provider_blocks": kept}
    assert built({"messages": [HELLO, answered]})["messages"][1]["content"] == kept
    edited: Json = {**answered, "content": "changed"}
    assert built({"messages": [HELLO, edited]})["messages"][1]["content"] == "changed"


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "function", "content": "x"}, "messages.0.role"),
        ({"role": "user", "content": 7}, "messages.0.content"),
        ({"role": "user", "content": ["hello"]}, "messages.0.content.0"),
        ({"role": "system", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]}, "messages.0.content"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "messages.0.content.0.type"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "ftp://x"}}]},
            "messages.0.content.0.image_url.url",
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]},
            "messages.0.content.0.image_url.url",
        ),
        ({"role": "user", "content": [{"type": "file"}]}, "messages.0.content.0.file"),
        (
            {"role": "user", "content": [{"type": "file", "file": {"file_data": PIXEL}}]},
            "messages.0.content.0.file.file_data",
        ),
        ({"role": "tool", "content": "x"}, "messages.0.tool_call_id"),
        ({"role": "assistant", "tool_calls": [{"id": "a"}]}, "messages.0.tool_calls.0"),
        (
            {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", "arguments": "{"}}]},
            "messages.0.tool_calls.0.function.arguments",
        ),
        (
            {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", "arguments": "[]"}}]},
            "messages.0.tool_calls.0.function.arguments",
        ),
    ],
)
def test_what_cannot_be_expressed_is_refused_by_name(message: Json, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        built({"messages": [message, HELLO]})
    assert refused.value.param == param
