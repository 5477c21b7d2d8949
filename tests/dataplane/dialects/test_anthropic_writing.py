"""Canon answers, chunks and problems of any provider as the Messages API writes them."""

from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.canon.chat import Json
from llmgateway.canon.keepsake import unpacked
from llmgateway.canon.usage import Usage
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.errors import (
    AttemptReport,
    BadRequest,
    Forbidden,
    HeadersTooLarge,
    NotFound,
    PaymentRequired,
    Problem,
    TooLarge,
    TooMany,
    Unauthorized,
    Unavailable,
    UpstreamFailed,
)
from llmgateway.providers.base import Answer

DIALECT = AnthropicDialect()
CALL = Call(operation=Operation.CHAT, dialect=Dialect.ANTHROPIC, model="asked-for", stream=True, body={}, canon={})
EVENTS: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
FUNCTION: Json = {"name": "f", "arguments": '{"a": 1}'}


def written(choice: Json, usage: Usage | None = None, said: Json | None = None) -> Json:
    """The message for one choice, checked against the official SDK's types."""
    completion: Json = {"id": "chatcmpl-1", "model": "gpt-x", "choices": [{"index": 0, **choice}], "usage": said}
    made: Json = msgspec.json.decode(DIALECT.answer(CALL, Answer(body=completion, usage=usage)))
    Message.model_validate(made)
    return made


def blocks(message: Json, finish: str = "stop") -> Any:
    return written({"message": message, "finish_reason": finish})["content"]


def test_a_plain_answer() -> None:
    usage = Usage(prompt_tokens=10, completion_tokens=5)
    assert written({"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}, usage) == {
        "id": "msg_chatcmpl-1",
        "type": "message",
        "role": "assistant",
        "model": "gpt-x",
        "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 10,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 5,
        },
    }


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"finish_reason": "stop"}, "end_turn"),
        ({"finish_reason": "length"}, "max_tokens"),
        ({"finish_reason": "tool_calls"}, "tool_use"),
        ({"finish_reason": "function_call"}, "tool_use"),
        ({"finish_reason": "content_filter"}, "refusal"),
        ({"finish_reason": "of_tomorrow"}, "end_turn"),
        ({"finish_reason": None}, None),
        ({"finish_reason": "stop", "native_finish_reason": "pause_turn"}, "pause_turn"),
        ({"finish_reason": "stop", "native_finish_reason": "STOP"}, "end_turn"),
        ({"finish_reason": "stop", "stop_sequence": "END"}, "stop_sequence"),
        ({"finish_reason": "stop", "message": {"tool_calls": [{"id": "t", "function": FUNCTION}]}}, "tool_use"),
    ],
)
def test_why_an_answer_stopped(choice: Json, reason: str | None) -> None:
    made = written({"message": {"content": "x"}, **choice})
    assert made["stop_reason"] == reason
    assert made["stop_sequence"] == choice.get("stop_sequence")


def test_blocks_come_in_order() -> None:
    signed: Json = {"type": "thinking", "thinking": "hm", "signature": "s"}
    made = blocks(
        {
            "content": "so",
            "reasoning_content": "hm",
            "thinking_blocks": [signed],
            "tool_calls": [{"id": "t", "type": "function", "function": FUNCTION}],
        },
        "tool_calls",
    )
    assert made == [
        signed,
        {"type": "text", "text": "so"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
    ]


def test_thinking_of_others_has_no_signature() -> None:
    thinking = {"type": "thinking", "thinking": "hm", "signature": ""}
    assert blocks({"content": None, "reasoning_content": "hm"}) == [thinking]


def test_parts_and_refusals_are_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}]
    assert blocks({"content": parts}) == [{"type": "text", "text": "ab"}]
    assert blocks({"content": None, "refusal": "no"}) == [{"type": "text", "text": "no"}]
    assert blocks({"content": None}) == []


@pytest.mark.parametrize(
    ("arguments", "given"),
    [("", {}), ('{"a"', {"INVALID_JSON": '{"a"'}), ("[1]", {"INVALID_JSON": "[1]"}), ('{"b": []}', {"b": []})],
)
def test_arguments_become_an_input(arguments: str, given: Json) -> None:
    (block,) = blocks({"tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}, "tool_calls")
    assert block["input"] == given
    assert block["id"].startswith("toolu_")


def test_foreign_and_stale_provider_blocks() -> None:
    result: Json = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
    foreign: Json = {"type": "executable_code", "code": "1"}
    kept, said = blocks({"content": "x", "provider_blocks": [foreign]})
    assert (kept["type"], unpacked(kept["data"])) == ("redacted_thinking", {"provider_blocks": [foreign]})
    assert said == {"type": "text", "text": "x"}
    stale: list[Json] = [result, {"type": "text", "text": "old"}]
    assert blocks({"content": "x", "provider_blocks": stale}) == [result, {"type": "text", "text": "x"}]


def test_usage_is_split() -> None:
    usage = Usage(
        prompt_tokens=100,
        completion_tokens=9,
        cached_tokens=60,
        cache_write_tokens=30,
        cache_write_1h_tokens=10,
        reasoning_tokens=4,
        searches=2,
    )
    assert written({"message": {"content": "x"}, "finish_reason": "stop"}, usage)["usage"] == {
        "input_tokens": 10,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 60,
        "output_tokens": 9,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
        "output_tokens_details": {"thinking_tokens": 4},
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
    }


def test_usage_without_figures_comes_from_the_body() -> None:
    said: Json = {"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 3}}
    made = written({"message": {"content": "x"}, "finish_reason": "stop"}, said=said)["usage"]
    assert (made["input_tokens"], made["cache_read_input_tokens"], made["output_tokens"]) == (4, 3, 2)


def test_an_answer_without_choices_or_id_is_still_a_message() -> None:
    made: Json = msgspec.json.decode(DIALECT.answer(CALL, Answer(body={}, usage=None)))
    assert made["content"] == []
    assert made["stop_reason"] is None
    assert made["id"].startswith("msg_")


@pytest.mark.parametrize(
    "answer", [Answer(body={"input_tokens": 5}, usage=None), Answer(body={}, usage=Usage(prompt_tokens=5))]
)
def test_counted_tokens(answer: Answer) -> None:
    call = Call(operation=Operation.COUNT_TOKENS, dialect=Dialect.ANTHROPIC, model="m", stream=False, body={}, canon={})
    assert DIALECT.answer(call, answer) == b'{"input_tokens":5}'


def chunk(delta: Json, finish: str | None = None, **choice: Any) -> Any:
    part: Json = {"index": 0, "delta": delta, "finish_reason": finish, **choice}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x", "choices": [part]}


def streamed(*chunks: Any, usage: Usage | None = None) -> tuple[Json, list[str]]:
    """What the official SDK adds up, and the kinds of the events."""
    writer = DIALECT.stream(CALL)
    body = writer.open() + b"".join(writer.chunk(each) for each in chunks) + writer.close(usage)
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    kinds: list[str] = []
    for frame in body.split(b"\n\n")[:-1]:
        name, data = frame.split(b"\n")
        event = EVENTS.validate_json(data.removeprefix(b"data: "))
        assert name == b"event: " + event.type.encode()
        snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
        kinds.append(event.type)
    return cast("Json", snapshot.to_dict()), kinds


TEXT = ["content_block_start", "content_block_delta", "content_block_stop"]


def test_a_plain_stream() -> None:
    made, kinds = streamed(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "he"}),
        chunk({"content": "llo"}),
        chunk({}, "stop"),
        {**chunk({}), "choices": []},
        usage=Usage(prompt_tokens=3, completion_tokens=2),
    )
    assert kinds == ["message_start", *TEXT[:2], *TEXT[1:], "message_delta", "message_stop"]
    assert (made["id"], made["model"], made["stop_reason"]) == ("msg_c1", "gpt-x", "end_turn")
    assert [block["text"] for block in made["content"]] == ["hello"]
    assert (made["usage"]["input_tokens"], made["usage"]["output_tokens"]) == (3, 2)


def test_a_stream_of_thinking_text_and_calls() -> None:
    first: Json = {"index": 0, "id": "t1", "function": {"name": "f", "arguments": ""}}
    second: Json = {"index": 1, "function": {"name": "g", "arguments": '{"b":'}}
    made, _ = streamed(
        chunk({"reasoning_content": "hm"}),
        chunk({"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "sig"}]}),
        chunk({"thinking_blocks": [{"type": "redacted_thinking", "data": "xx"}]}),
        chunk({"content": "so"}),
        chunk({"tool_calls": [first]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]}),
        chunk({"tool_calls": [second]}),
        chunk({"tool_calls": [{"index": 1, "function": {"arguments": "2}"}}]}),
        chunk({}, "tool_calls"),
    )
    kinds = [block["type"] for block in made["content"]]
    assert kinds == ["thinking", "redacted_thinking", "text", "tool_use", "tool_use"]
    assert (made["content"][0]["thinking"], made["content"][0]["signature"]) == ("hm", "sig")
    assert [block["input"] for block in made["content"][3:]] == [{"a": 1}, {"b": 2}]
    assert made["content"][4]["id"].startswith("toolu_")
    assert made["stop_reason"] == "tool_use"


def test_thinking_that_was_not_streamed_comes_whole() -> None:
    made, _ = streamed(
        chunk({"thinking_blocks": [{"type": "thinking", "thinking": "all", "signature": "s1"}]}),
        chunk({"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "s2"}]}),
        chunk({"content": "x"}, "stop"),
    )
    assert [(b["thinking"], b["signature"]) for b in made["content"][:2]] == [("all", "s1"), ("", "s2")]


def test_unsigned_thinking_ends_where_text_begins() -> None:
    made, kinds = streamed(chunk({"reasoning_content": "hm"}), chunk({"content": "x"}), chunk({}, "stop"))
    assert [block["type"] for block in made["content"]] == ["thinking", "text"]
    assert kinds == ["message_start", *TEXT, *TEXT, "message_delta", "message_stop"]


def test_other_choices_are_not_written_and_foreign_blocks_come_last() -> None:
    other = chunk({"content": "no"})
    other["choices"][0]["index"] = 1
    foreign: Json = {"type": "executable_code", "code": "1"}
    made, _ = streamed(other, chunk({"provider_blocks": [foreign], "refusal": "no."}), chunk({}, "content_filter"))
    said, kept = made["content"]
    assert (said["text"], unpacked(kept["data"])) == ("no.", {"provider_blocks": [foreign]})
    assert made["stop_reason"] == "refusal"


@pytest.mark.parametrize("message", [{"refusal": "no."}, {"content": [{"type": "refusal", "refusal": "no."}]}])
def test_a_refusal_of_openais_is_one(message: Json) -> None:
    made = written({"message": message, "finish_reason": "stop"})
    assert (made["stop_reason"], made["content"]) == ("refusal", [{"type": "text", "text": "no."}])


def test_a_streamed_refusal_of_openais_is_one() -> None:
    made, _ = streamed(chunk({"refusal": "n"}), chunk({"refusal": "o."}), chunk({}, "stop"))
    assert (made["stop_reason"], [block["text"] for block in made["content"]]) == ("refusal", ["no."])


def test_stop_beside_calls_is_a_tool_turn_and_sequences_are_named() -> None:
    made, _ = streamed(chunk({"tool_calls": [{"id": "t", "function": FUNCTION}]}), chunk({}, "stop"))
    assert made["stop_reason"] == "tool_use"
    made, _ = streamed(chunk({"content": "x"}), chunk({}, "stop", stop_sequence="END"))
    assert (made["stop_reason"], made["stop_sequence"]) == ("stop_sequence", "END")


def test_a_stream_without_chunks_is_an_empty_message() -> None:
    made, _ = streamed()
    assert (made["content"], made["model"], made["stop_reason"]) == ([], "asked-for", None)


def test_keepalive_is_a_ping() -> None:
    assert DIALECT.keepalive() == b'event: ping\ndata: {"type":"ping"}\n\n'


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (BadRequest("x"), "invalid_request_error"),
        (Unauthorized("x"), "authentication_error"),
        (PaymentRequired("x"), "billing_error"),
        (Forbidden("x"), "permission_error"),
        (NotFound("x"), "not_found_error"),
        (TooLarge("x"), "request_too_large"),
        (TooMany("x"), "rate_limit_error"),
        (HeadersTooLarge("x"), "invalid_request_error"),
        (UpstreamFailed("x"), "api_error"),
        (Unavailable("x"), "overloaded_error"),
        (Problem("x"), "api_error"),
    ],
)
def test_a_problem_has_anthropics_type_and_our_code(problem: Problem, kind: str) -> None:
    body: Json = msgspec.json.decode(DIALECT.error(problem, "req_1"))
    assert body["type"] == "error"
    assert body["request_id"] == "req_1"
    assert (body["error"]["type"], body["error"]["code"], body["error"]["message"]) == (kind, problem.code, "x")


def test_a_problem_says_param_reset_and_attempts() -> None:
    attempt = AttemptReport("openai", "gpt-x", 500, "server_error", 12, "boom")
    problem = TooMany("slow down", param="model", resets_at=datetime(2026, 1, 2, 3, tzinfo=UTC), attempts=[attempt])
    error = msgspec.json.decode(DIALECT.error(problem, "req_1"))["error"]
    assert (error["param"], error["resets_at"]) == ("model", "2026-01-02T03:00:00Z")
    assert error["attempts"] == [
        {
            "provider": "openai",
            "model": "gpt-x",
            "status": 500,
            "outcome": "server_error",
            "milliseconds": 12,
            "message": "boom",
        }
    ]


def test_a_failure_in_mid_stream_is_an_error_event() -> None:
    writer = DIALECT.stream(CALL)
    writer.chunk(chunk({"content": "x"}))
    name, data = writer.failure(UpstreamFailed("cut"), "req_1").strip().split(b"\n")
    assert name == b"event: error"
    assert msgspec.json.decode(data[6:])["error"]["message"] == "cut"


def test_a_native_stream_can_be_failed_and_ended() -> None:
    assert DIALECT.id is Dialect.ANTHROPIC
    assert DIALECT.failure(UpstreamFailed("cut"), "req_1").startswith(b"event: error\ndata: {")
    assert DIALECT.terminator() == b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def test_a_chunk_without_arguments_begins_a_call() -> None:
    made, _ = streamed(chunk({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f"}}]}), chunk({}, "stop"))
    assert made["content"][0]["input"] == {}


def test_unsigned_thinking_that_comes_whole_ends_without_a_signature() -> None:
    made, _ = streamed(chunk({"thinking_blocks": [{"type": "thinking", "thinking": "hm"}]}), chunk({}, "stop"))
    assert (made["content"][0]["thinking"], made["content"][0]["signature"]) == ("hm", "")
