"""Histories of other dialects and newer clients as compatible hosts take them: developer messages, pictures in tool results."""

import json

import pytest

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.providers.deepseek import DEEPSEEK
from llmgateway.providers.openai import OPENAI
from llmgateway.providers.openai_compatible import OpenAICompatible

from .openai_building import LAB, PLACE, sent

DEVELOPER: Json = {"role": "developer", "content": "Be brief."}
USER: Json = {"role": "user", "content": "Hello"}
PICTURE: Json = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
URL = "data:image/png;base64,AA=="


def messages(call: Call, host: OpenAICompatible = LAB) -> list[Json]:
    found: list[Json] = sent(host.build(call, PLACE))["messages"]
    return found


def asked(*history: Json) -> Call:
    return OpenAIDialect().read(Operation.CHAT, json.dumps({"model": "m", "messages": [*history]}).encode(), Wishes())


@pytest.mark.parametrize("host", [LAB, DEEPSEEK], ids=lambda host: host.id)
def test_developer_messages_are_system_messages_where_only_those_are_known(host: OpenAICompatible) -> None:
    assert messages(asked(DEVELOPER, USER), host) == [{"role": "system", "content": "Be brief."}, USER]


def test_openai_gets_developer_messages_as_they_are() -> None:
    assert messages(asked(DEVELOPER, USER), OPENAI)[0] == DEVELOPER
    body = {"model": "m", "input": [DEVELOPER, USER]}
    assert messages(ResponsesDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes()))[0]["role"] == "system"


def _results(*contents: object) -> Call:
    calls: list[Json] = [
        {"type": "tool_use", "id": f"t{i}", "name": "look", "input": {"deep": 1}} for i, _ in enumerate(contents)
    ]
    results: list[Json] = [
        {"type": "tool_result", "tool_use_id": f"t{i}", "content": c} for i, c in enumerate(contents)
    ]
    body: Json = {
        "model": "m",
        "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "Look."},
            {"role": "assistant", "content": calls},
            {"role": "user", "content": [*results, {"type": "text", "text": "And now?"}]},
        ],
    }
    return AnthropicDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())


@pytest.mark.parametrize("host", [LAB, OPENAI], ids=lambda host: host.id)
def test_pictures_in_tool_results_follow_the_results(host: OpenAICompatible) -> None:
    call = _results([{"type": "text", "text": "a screen"}, PICTURE], "plain", [PICTURE])
    _, _, first, second, third, media, last = messages(call, host)
    assert first == {"role": "tool", "tool_call_id": "t0", "content": [{"type": "text", "text": "a screen"}]}
    assert second == {"role": "tool", "tool_call_id": "t1", "content": "plain"}
    assert (third["role"], third["tool_call_id"]) == ("tool", "t2")
    assert isinstance(third["content"], str)
    assert third["content"]
    assert media["role"] == "user"
    assert [part["type"] for part in media["content"]] == ["text", "image_url", "text", "image_url"]
    assert [part["image_url"]["url"] for part in media["content"][1::2]] == [URL, URL]
    assert ["t0" in media["content"][0]["text"], "t2" in media["content"][2]["text"]] == [True, True]
    assert last == {"role": "user", "content": "And now?"}


def test_pictures_of_the_last_result_are_not_lost() -> None:
    body = {
        "model": "m",
        "input": [
            {"role": "user", "content": "Look."},
            {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_image", "image_url": URL}]},
        ],
    }
    call = ResponsesDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())
    assert messages(call)[-1]["content"][-1] == {"type": "image_url", "image_url": {"url": URL}}


def test_a_client_of_openai_itself_keeps_its_own_tool_messages() -> None:
    tool: Json = {
        "role": "tool",
        "tool_call_id": "c1",
        "content": [{"type": "image_url", "image_url": {"url": URL}}],
    }
    assert messages(asked(USER, tool))[-1] == tool
