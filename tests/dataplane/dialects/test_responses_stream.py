"""Streams of Responses that are out of the ordinary: refusals, calls whose pieces come by turns, calls without arguments."""

import json
from typing import Any, cast

from llmgateway.canon.call import Operation, Wishes
from llmgateway.canon.chat import ChatChunk, Json
from llmgateway.canon.usage import Usage
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from tests.conformance.openai_specification import complaint

DIALECT = ResponsesDialect()


def events(*deltas: Json, finish: str = "stop") -> list[Json]:
    call = DIALECT.read(Operation.CHAT, b'{"model":"m","input":"Hi","stream":true}', Wishes())
    writer = DIALECT.stream(call)
    data = writer.open()
    for index, delta in enumerate([*deltas, {}]):
        reason = finish if index == len(deltas) else None
        choice: Json = {"index": 0, "delta": delta, "finish_reason": reason}
        data += writer.chunk(cast("ChatChunk", {"id": "c", "created": 1, "model": "m", "choices": [choice]}))
    data += writer.close(Usage(1, 2))
    found: list[Json] = [json.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: ")]
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert [complaint("ResponseStreamEvent", event) for event in found] == [None] * len(found)
    return found


def output(found: list[Json]) -> Any:
    return found[-1]["response"]["output"]


def kinds(found: list[Json]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in found]


def piece(index: int, arguments: str, name: str = "") -> Json:
    head: Json = {"id": f"c{index}", "type": "function"} if name else {}
    function = {"name": name, "arguments": arguments} if name else {"arguments": arguments}
    return {"tool_calls": [{"index": index, **head, "function": function}]}


def test_a_refusal_is_told_as_one() -> None:
    found = events({"refusal": "I "}, {"refusal": "won't."})
    assert kinds(found)[2:-1] == [
        "output_item.added", "content_part.added", "refusal.delta", "refusal.delta", "refusal.done", "content_part.done",
        "output_item.done",
    ]  # fmt: skip
    assert output(found)[0]["content"] == [{"type": "refusal", "refusal": "I won't."}]


def test_text_before_a_refusal_is_kept() -> None:
    items = output(events({"content": "Well"}, {"refusal": "no"}))
    assert [part["type"] for item in items for part in item["content"]] == ["output_text", "refusal"]


def test_calls_one_after_the_other_are_done_one_after_the_other() -> None:
    found = events(piece(0, "", "f"), piece(0, '{"a":'), piece(0, "1}"), piece(1, '{"b":2}', "g"), finish="tool_calls")
    told = [kind for kind in kinds(found) if kind.startswith("output_item")]
    assert told == ["output_item.added", "output_item.done", "output_item.added", "output_item.done"]
    assert [(item["name"], item["arguments"]) for item in output(found)] == [("f", '{"a":1}'), ("g", '{"b":2}')]


def test_pieces_of_several_calls_by_turns_stay_apart() -> None:
    found = events(piece(0, '{"a":', "f"), piece(1, '{"b":', "g"), piece(0, "1}"), piece(1, "2}"), finish="tool_calls")
    assert [(item["name"], item["arguments"]) for item in output(found)] == [("f", '{"a":1}'), ("g", '{"b":2}')]
    written = {0: "", 1: ""}
    for event in found:
        if event["type"] == "response.function_call_arguments.delta":
            written[event["output_index"]] += event["delta"]
    assert written == {0: '{"a":1}', 1: '{"b":2}'}


def test_a_call_without_arguments_has_empty_ones() -> None:
    found = events(piece(0, "", "f"), piece(1, "", "g"), finish="tool_calls")
    assert [item["arguments"] for item in output(found)] == ["{}", "{}"]
    assert kinds(found).count("function_call_arguments.delta") == 2
