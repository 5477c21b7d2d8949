"""Bodies of Responses as canon, and what is refused or named because a chat cannot say it."""

import json
from typing import Any

import pytest

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.errors import BadRequest
from llmgateway.providers.gemini.declaration import GEMINI
from tests.conformance.targets import Target, those_with

DIALECT = ResponsesDialect()
TOOL: Json = {
    "type": "function",
    "name": "f",
    "parameters": {"type": "object", "properties": {"a": {"type": "string"}}},
}
CHATS = those_with(Operation.CHAT)


def read(body: Json) -> Call:
    return DIALECT.read(Operation.CHAT, json.dumps({"model": "m", "input": "Hi", **body}).encode(), Wishes())


def gemini() -> Target:
    return next(target for target in CHATS if target.name == "gemini")


def test_allowed_tools_are_as_chat_has_them() -> None:
    choice: Json = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]}
    call = read({"tools": [TOOL], "tool_choice": choice})
    function: Json = {"type": "function", "function": {"name": "f"}}
    allowed: Json = {"mode": "required", "tools": [function]}
    assert call.canon["tool_choice"] == {"type": "allowed_tools", "allowed_tools": allowed}
    assert list(GEMINI.refuses(call, "gemini-2.5-flash")) == []
    body: Any = json.loads(GEMINI.build(call, gemini().place()).body)
    assert body["toolConfig"]["functionCallingConfig"] == {"mode": "ANY", "allowedFunctionNames": ["f"]}


def test_a_choice_of_another_tool_is_refused_by_name() -> None:
    call = read({"tools": [TOOL], "tool_choice": {"type": "web_search"}})
    assert list(GEMINI.refuses(call, "gemini-2.5-flash")) == ["tool_choice"]


@pytest.mark.parametrize("output", [{"a": 1}, 1, None])
def test_an_output_that_is_no_text_is_refused(output: object) -> None:
    called: Json = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    with pytest.raises(BadRequest) as refused:
        read({"input": [called, {"type": "function_call_output", "call_id": "c", "output": output}]})
    assert refused.value.param == "input[1].output"


@pytest.mark.parametrize("target", CHATS, ids=lambda target: target.name)
def test_a_picture_by_file_id_is_refused_by_name_where_it_is_unknown(target: Target) -> None:
    parts: list[Json] = [{"type": "input_text", "text": "What?"}, {"type": "input_image", "file_id": "file-1"}]
    call = read({"input": [{"role": "user", "content": parts}]})
    refused = [name.removesuffix(".type") for name in target.provider.refuses(call, target.model)]
    assert refused == ([] if target.provider.speaks(call) else ["messages.0.content.1"])
