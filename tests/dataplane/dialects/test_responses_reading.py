"""Bodies of Responses as canon, and what is refused or named because a chat cannot say it."""

import json
from typing import Any

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
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
