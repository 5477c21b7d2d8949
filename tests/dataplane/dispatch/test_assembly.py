"""A stream put together again: nothing that came in pieces is cut."""

from typing import cast

import msgspec
import pytest

from llmgateway.canon.chat import ChatChunk, Json
from llmgateway.dataplane.dispatch.assembly import Assembly
from llmgateway.providers.base import Step
from llmgateway.providers.openai_wire.stream import RepairingReader, SseDecoder


def message(*deltas: Json) -> Json:
    assembly = Assembly()
    for delta in (*deltas, {}):
        choice: Json = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        assembly.add(Step(chunk=cast("ChatChunk", chunk), finish=None if delta else "stop"))
    made: Json = assembly.answer().body["choices"][0]["message"]
    return made


def test_calls_of_functions_and_of_custom_tools() -> None:
    function = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    custom = {"index": 1, "id": "b", "type": "custom", "custom": {"name": "g", "input": ""}}
    made = message(
        {"tool_calls": [function]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]},
        {"tool_calls": [custom]},
        {"tool_calls": [{"index": 1, "custom": {"input": "print("}}]},
        {"tool_calls": [{"index": 1, "custom": {"input": "1)"}}]},
    )
    assert made["tool_calls"] == [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
        {"id": "b", "type": "custom", "custom": {"name": "g", "input": "print(1)"}},
    ]


def test_an_empty_list_of_calls_is_no_call() -> None:
    assert message({"content": "hi", "tool_calls": []}) == {"role": "assistant", "content": "hi"}


@pytest.mark.parametrize("first", ["", None])
@pytest.mark.parametrize(
    ("rest", "content"),
    [
        ({}, ""),
        ({"reasoning_content": "hm"}, ""),
        ({"refusal": "no"}, None),
        ({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}]}, None),
    ],
)
def test_an_answer_without_text_says_null_only_where_something_stands_in_its_place(
    first: str | None, rest: Json, content: str | None
) -> None:
    assert message({"role": "assistant", "content": first}, rest)["content"] == content


def test_the_older_function_call() -> None:
    pieces: list[Json] = [{"name": "f", "arguments": ""}, {"arguments": "{"}, {"arguments": "}"}]
    made = message(*({"function_call": piece} for piece in pieces))
    assert made["function_call"] == {"name": "f", "arguments": "{}"}


def test_thinking_under_openrouters_names() -> None:
    def detail(**fields: object) -> Json:
        return {"type": "reasoning.text", "index": 0, "format": "anthropic-claude-v1", **fields}

    encrypted = {"type": "reasoning.encrypted", "index": 1, "data": "xyz"}
    made = message(
        {"reasoning": "Let ", "reasoning_details": [detail(text="Let ")]},
        {"reasoning": "me.", "reasoning_details": [detail(text="me.", signature=None)]},
        {"reasoning_details": [detail(signature="sig"), encrypted]},
    )
    assert made["reasoning"] == "Let me."
    assert made["reasoning_details"] == [detail(text="Let me.", signature="sig"), encrypted]


def test_pictures_and_citations_are_all_there() -> None:
    made = message({"images": [{"n": 1}], "annotations": [{"n": 2}]}, {"images": [{"n": 3}], "annotations": [{"n": 4}]})
    assert (made["images"], made["annotations"]) == ([{"n": 1}, {"n": 3}], [{"n": 2}, {"n": 4}])


def test_a_custom_tools_call_through_a_reader_of_chunks() -> None:
    pieces = [
        {"index": 0, "id": "b", "type": "custom", "custom": {"name": "g", "input": ""}},
        {"index": 0, "custom": {"input": "print(1)"}},
    ]
    decoder, assembly = SseDecoder(RepairingReader(1)), Assembly()
    for piece in pieces:
        chunk = {"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]}
        for step in decoder.feed(b"data: " + msgspec.json.encode(chunk) + b"\n\n"):
            assembly.add(step)
    assert assembly.answer().body["choices"][0]["message"]["tool_calls"] == [
        {"id": "b", "type": "custom", "custom": {"name": "g", "input": "print(1)"}}
    ]


def test_odds_of_all_tokens_are_there_and_the_chunks_stay_as_they_were() -> None:
    assembly = Assembly()
    odds: list[list[Json] | None] = [[{"token": "a"}], None, [{"token": "b"}]]
    for entries in odds:
        choice: Json = {"index": 0, "delta": {"content": "x"}, "logprobs": {"content": entries, "refusal": None}}
        assembly.add(Step(chunk=cast("ChatChunk", {"id": "c", "created": 1, "model": "m", "choices": [choice]})))
    said = assembly.answer().body["choices"][0]
    assert said["logprobs"] == {"content": [{"token": "a"}, {"token": "b"}], "refusal": []}
    assert odds == [[{"token": "a"}], None, [{"token": "b"}]]


def test_what_is_no_text_where_one_is_due_is_left_out() -> None:
    assert message({"content": "a", "refusal": {"no": 1}}, {"content": "b"}) == {
        "role": "assistant", "content": "ab", "refusal": "",
    }  # fmt: skip
