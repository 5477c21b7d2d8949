"""Streams of Responses that are out of the ordinary: refusals, calls whose pieces come by turns, calls without arguments."""

import json
from typing import Any, cast

import pytest

from llmgateway.canon.call import Operation, Wishes
from llmgateway.canon.chat import ChatChunk, Json
from llmgateway.canon.usage import Usage
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dataplane.dialects.base import DialectWriter
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.errors import BadRequest
from llmgateway.providers.base import Answer
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


def written(message: Json, finish: str) -> Json:
    """A whole answer."""
    call = DIALECT.read(Operation.CHAT, b'{"model":"m","input":"Hi"}', Wishes())
    body = {
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
    }
    response: Json = json.loads(DIALECT.answer(call, Answer(body=body, usage=None, finish=finish)))
    return response


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


@pytest.mark.parametrize("finish", ["length", "content_filter"])
@pytest.mark.parametrize("said", ["content", "refusal"])
def test_a_text_that_was_cut_is_incomplete(finish: str, said: str) -> None:
    found = events({said: "I would"}, finish=finish)
    done = next(event["item"] for event in found if event["type"] == "response.output_item.done")
    whole = written({said: "I would"}, finish)
    assert (found[-1]["response"]["status"], whole["status"]) == ("incomplete", "incomplete")
    assert [item["status"] for item in (done, *output(found), *whole["output"])] == ["incomplete"] * 3


def test_a_text_with_calls_behind_it_was_not_cut() -> None:
    call = {"index": 0, "id": "c0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    found = events({"content": "Wait."}, {"tool_calls": [call]}, finish="length")
    whole = written({"content": "Wait.", "tool_calls": [call]}, "length")
    assert [answer["output"][0]["status"] for answer in (found[-1]["response"], whole)] == ["completed"] * 2


@pytest.mark.parametrize("cut", ['{"b":', '{"b":2}', ""])
def test_a_call_that_was_cut_is_incomplete_and_those_before_it_are_not(cut: str) -> None:
    """Claude's whole answers hold what there was of the arguments as an object: the last call may be cut however it looks."""
    calls = [
        {"index": index, "id": f"c{index}", "type": "function", "function": {"name": "f", "arguments": arguments}}
        for index, arguments in enumerate(['{"a":1}', cut])
    ]
    found = events(*({"tool_calls": [call]} for call in calls), finish="length")
    done = [event["item"] for event in found if event["type"] == "response.output_item.done"]
    whole = written({"tool_calls": calls}, "length")
    for items in (done, output(found), whole["output"]):
        assert [item["status"] for item in items] == ["completed", "incomplete"]


def test_reasoning_is_a_part_that_begins_and_ends() -> None:
    found = events({"reasoning_content": "Let me "}, {"reasoning_content": "see."}, {"content": "Yes."})
    assert kinds(found)[2:9] == [
        "output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.delta", "reasoning_text.done",
        "content_part.done", "output_item.done",
    ]  # fmt: skip
    assert found[3]["part"] == {"type": "reasoning_text", "text": ""}
    assert found[7]["part"] == output(found)[0]["content"][0] == {"type": "reasoning_text", "text": "Let me see."}


def test_citations_are_told_as_they_come() -> None:
    def cited(name: str) -> Json:
        place = {"url": f"https://example.com/{name}", "title": name, "start_index": 0, "end_index": 3}
        return {"type": "url_citation", "url_citation": place}

    found = events(
        {"content": "Yes", "annotations": [cited("a"), cited("b")]}, {"content": "."}, {"annotations": [cited("c")]}
    )
    added = [event for event in found if event["type"] == "response.output_text.annotation.added"]
    assert [(event["annotation_index"], event["annotation"]["title"]) for event in added] == [
        (0, "a"),
        (1, "b"),
        (2, "c"),
    ]
    assert [event["annotation"] for event in added] == output(found)[0]["content"][0]["annotations"]


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


ODDS: Json = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}


def test_logprobs_are_told_with_the_text() -> None:
    body = {"model": "m", "input": "Hi", "include": ["message.output_text.logprobs"], "top_logprobs": 2, "stream": True}
    call = DIALECT.read(Operation.CHAT, json.dumps(body).encode(), Wishes())
    assert (call.canon["logprobs"], call.canon["top_logprobs"]) == (True, 2)
    assert "include" not in call.canon
    choice: Json = {"index": 0, "message": {"content": "Hi"}, "logprobs": {"content": [ODDS]}, "finish_reason": "stop"}
    whole = json.loads(DIALECT.answer(call, Answer(body={"choices": [choice]}, usage=Usage(1, 1), finish="stop")))
    assert whole["output"][0]["content"][0]["logprobs"] == [ODDS]
    assert complaint("Response", whole) is None
    writer = DIALECT.stream(call)
    delta: Json = {"index": 0, "delta": {"content": "Hi"}, "logprobs": {"content": [ODDS]}, "finish_reason": "stop"}
    data = writer.open()
    data += writer.chunk(cast("ChatChunk", {"id": "c", "created": 1, "model": "m", "choices": [delta]}))
    data += writer.close(Usage(1, 1))
    found = [json.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: ")]
    assert [complaint("ResponseStreamEvent", event) for event in found] == [None] * len(found)
    told = [event["logprobs"] for event in found if "logprobs" in event]
    assert told == [[ODDS], [ODDS]]
    assert output(found)[0]["content"][0]["logprobs"] == [ODDS]


@pytest.mark.parametrize("dialect", [ResponsesDialect(), AnthropicDialect()], ids=lambda dialect: dialect.id)
def test_one_answer_is_all_that_these_dialects_can_tell(dialect: DialectWriter) -> None:
    body = {"model": "m", "input": "Hi", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], "n": 2}
    with pytest.raises(BadRequest) as refused:
        dialect.read(Operation.CHAT, json.dumps(body).encode(), Wishes())
    assert refused.value.param == "n"
