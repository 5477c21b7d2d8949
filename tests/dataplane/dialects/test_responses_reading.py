"""Bodies of Responses as canon, and what is refused or named because a chat cannot say it."""

import json
from typing import Any

import pytest

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.canon.usage import Usage
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.errors import BadRequest
from llmgateway.kit.sse import Splitter
from llmgateway.providers.base import Answer, UpstreamReply
from llmgateway.providers.gemini.declaration import GEMINI
from tests.conformance.openai_specification import complaint
from tests.conformance.samples import steps_of
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


def test_what_is_refused_is_told_where_the_caller_wrote_it() -> None:
    picture: Json = {"type": "input_image", "file_id": "file-1"}
    call: Json = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{"}
    items: list[Json] = [
        {"role": "user", "content": [{"type": "input_text", "text": "What?"}, picture]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"role": "assistant", "content": "So."},
        {"type": "reasoning", "id": "rs_2", "summary": []},
        call,
        {"type": "function_call_output", "call_id": "c", "output": [picture]},
    ]
    asked = read({"instructions": "Be brief.", "input": items})
    told = [asked.in_body(name) for name in GEMINI.refuses(asked, "gemini-2.5-flash")]
    assert told == ["input[0].content[1].type", "input[5].output[0].type"]
    place = gemini().place(dropped=frozenset(GEMINI.refuses(asked, "gemini-2.5-flash")))
    with pytest.raises(BadRequest) as refused:
        GEMINI.build(asked, place)
    assert asked.in_body(refused.value.param or "") == "input[4].function.arguments"
    assert asked.in_body("messages.3.tool_call_id") == "input[5].call_id"
    assert asked.in_body("tools.0.type") == "tools.0.type"


@pytest.mark.parametrize("tool", [TOOL, {"type": "function", "name": "f"}, {"type": "web_search"}])
def test_a_tool_is_told_back_with_all_that_readers_look_for(tool: Json) -> None:
    body: Json = {"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]}
    told = json.loads(DIALECT.answer(read({"tools": [tool]}), Answer(body=body, usage=None, finish="stop")))
    assert complaint("Response", told) is None
    assert told["tools"][0].items() >= tool.items()


SUMMED_UP: Json = {"reasoning": {"effort": "low", "summary": "auto"}}
THOUGHTS: Json = {"content": {"parts": [{"text": "Hm.", "thought": True}, {"text": "Yes."}]}, "finishReason": "STOP"}
ANSWER = json.dumps({"responseId": "r", "modelVersion": "m", "candidates": [THOUGHTS]}).encode()


@pytest.mark.parametrize("target", CHATS, ids=lambda target: target.name)
def test_a_wish_for_a_summary_is_named_where_none_comes(target: Target) -> None:
    call = read({"reasoning": {"summary": "auto"}})
    honoured = target.provider.speaks(call) or target.name in {"gemini", "vertex"}
    assert list(target.provider.refuses(call, target.reasoner)) == ([] if honoured else ["reasoning.summary"])
    request = target.provider.build(
        call, target.place(dropped=frozenset(target.provider.refuses(call, target.reasoner)))
    )
    assert b"reasoning.summary" not in request.body


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-3-pro-preview"])
@pytest.mark.parametrize("effort", [{}, {"effort": "low"}])
def test_gemini_is_asked_for_the_thoughts_that_are_the_summary(model: str, effort: Json) -> None:
    call = read({"reasoning": {"summary": "auto", **effort}})
    assert list(GEMINI.refuses(call, model)) == []
    body: Any = json.loads(GEMINI.build(call, gemini().place(model=model)).body)
    assert body["generationConfig"]["thinkingConfig"]["includeThoughts"] is True


@pytest.mark.parametrize(("model", "effort"), [("gemini-2.0-flash", None), ("gemini-2.5-flash", "none")])
def test_who_does_not_think_has_nothing_to_sum_up(model: str, effort: str | None) -> None:
    assert list(GEMINI.refuses(read({"reasoning": {"summary": "auto", "effort": effort}}), model)) == [
        "reasoning.summary"
    ]


def test_a_summary_that_came_is_told_as_one() -> None:
    call = read(SUMMED_UP)
    told = json.loads(DIALECT.answer(call, GEMINI.read(call, UpstreamReply(200, {}, ANSWER))))
    assert told["reasoning"] == {"effort": "low", "summary": "auto"}
    assert told["output"][0]["summary"] == [{"type": "summary_text", "text": "Hm."}]
    assert complaint("Response", told) is None


def test_a_summary_that_did_not_come_is_not_said_to_be_there() -> None:
    call = read(SUMMED_UP)
    body: Json = {"choices": [{"message": {"content": "Yes.", "reasoning_content": "Hm."}, "finish_reason": "stop"}]}
    told = json.loads(DIALECT.answer(call, Answer(body=body, usage=None, finish="stop")))
    assert told["reasoning"] == {"effort": "low", "summary": None}
    assert (told["output"][0]["summary"], told["output"][0]["content"][0]["text"]) == ([], "Hm.")


def test_a_streamed_summary_has_events_of_its_own() -> None:
    call = read({**SUMMED_UP, "stream": True})
    steps = steps_of(GEMINI.decoder(call, native=False), b"data: " + ANSWER + b"\n\n")
    writer = DIALECT.stream(call)
    data = (
        writer.open() + b"".join(writer.chunk(step.chunk) for step in steps if step.chunk) + writer.close(Usage(1, 2))
    )
    found = [json.loads(frame.data) for frame in Splitter().feed(data)]
    assert [complaint("ResponseStreamEvent", event) for event in found] == [None] * len(found)
    kinds = [event["type"].removeprefix("response.") for event in found]
    assert kinds[2:8] == [
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done",
    ]  # fmt: skip
    first, last = found[0]["response"], found[-1]["response"]
    assert (first["reasoning"]["summary"], last["reasoning"]["summary"]) == (None, "auto")
    assert last["output"][0]["summary"] == found[7]["item"]["summary"] == [{"type": "summary_text", "text": "Hm."}]
