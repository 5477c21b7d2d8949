"""Cohere: recorded answers and streams keep their meaning, requests are written as documented, failures have names."""

from typing import Any

import msgspec
import pytest

from llmgateway.canon.call import Operation
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import objects
from llmgateway.errors import BadRequest, FailureKind, ProviderError
from llmgateway.kit.sse import FrameTooLong
from llmgateway.providers.base import UpstreamReply
from llmgateway.providers.cohere.declaration import COHERE
from tests.providers.calls import HELLO, chat
from tests.providers.cohere_building import PLACE, built, event
from tests.providers.cohere_recordings import Recording, each, recordings
from tests.providers.streams import completion, decoded, last_usage

TOOL: Json = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "required": ["a"]}}}
OTHER: Json = {"type": "function", "function": {"name": "g"}}
CHATS = recordings("cohere", "cohere.v2.chat")
GOOD = [r for r in CHATS if r.reply.status == 200]
ENDED_WELL = [r for r in GOOD if b'"ERROR"' not in r.reply.body]


def wanted(recording: Recording) -> Json:
    """The recorded answer in no API's words, read apart from the code under test."""
    if not recording.stream:
        body = msgspec.json.decode(recording.reply.body)
        message = body["message"]
        blocks = objects(message.get("content"))
        return {
            "text": "".join(b.get("text", "") for b in blocks),
            "thought": "".join(b.get("thinking", "") for b in blocks) + (message.get("tool_plan") or ""),
            "calls": [
                (c["id"], c["function"]["name"], c["function"]["arguments"]) for c in message.get("tool_calls", [])
            ],
            "finish": body["finish_reason"],
            "usage": body["usage"],
        }
    text, thought, calls = "", "", list[list[str]]()
    found: Json = {}
    for line in recording.reply.body.split(b"\n"):
        if not line.startswith(b"data: {"):
            continue
        event = msgspec.json.decode(line[6:])
        said = event.get("delta", {}).get("message", {})
        if event["type"].startswith("content-") and said:
            text += said["content"].get("text", "")
            thought += said["content"].get("thinking", "")
        thought += said.get("tool_plan", "")
        if event["type"] == "tool-call-start":
            calls.append([said["tool_calls"]["id"], said["tool_calls"]["function"]["name"], ""])
        if event["type"].startswith("tool-call") and said:
            calls[-1][2] += said["tool_calls"]["function"]["arguments"]
        if event["type"] == "message-end":
            found = event["delta"]
    return {
        "text": text,
        "thought": thought,
        "calls": [tuple(c) for c in calls],
        **found,
        "finish": found["finish_reason"],
    }


FINISH = {"COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "tool_calls"}


@each([r for r in ENDED_WELL if not r.stream])
def test_a_recorded_answer_keeps_its_meaning(recording: Recording) -> None:
    answer, said = COHERE.read(chat({}), recording.reply), wanted(recording)
    choice = answer.body["choices"][0]
    message = choice["message"]
    calls = [(c["id"], c["function"]["name"], c["function"]["arguments"]) for c in message.get("tool_calls", [])]
    assert (message["content"] or "") == said["text"]
    assert message.get("reasoning_content", "") == said["thought"]
    assert calls == said["calls"]
    assert choice["finish_reason"] == answer.finish == FINISH[said["finish"]]
    tokens = said["usage"]["tokens"]
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == tokens["input_tokens"] == answer.body["usage"]["prompt_tokens"]
    assert answer.usage.completion_tokens == tokens["output_tokens"]
    assert answer.usage.cached_tokens == said["usage"].get("cached_tokens", 0)


@each([r for r in ENDED_WELL if r.stream])
def test_a_recorded_stream_keeps_its_meaning_however_it_is_cut(recording: Recording) -> None:
    whole = decoded(COHERE.decoder(chat({}), native=False), recording.reply.body)
    made, said = completion(whole), wanted(recording)
    assert made["message"]["content"] == said["text"]
    assert made["message"].get("reasoning_content", "") == said["thought"]
    assert [tuple(c.values()) for c in made["message"]["tool_calls"]] == [
        (i, n, a or "{}") for i, n, a in said["calls"]
    ]
    assert made["finish"] == FINISH[said["finish"]]
    assert made["usage"]["prompt_tokens"] == said["usage"]["tokens"]["input_tokens"]
    assert [step.end for step in whole][-1]
    usage = last_usage(whole)
    assert usage is not None
    assert usage.reasoning_tokens == said["usage"]["tokens"].get("reasoning_tokens", 0)
    for seed in range(5):
        assert decoded(COHERE.decoder(chat({}), native=False), recording.reply.body, seed) == whole


@each([r for r in GOOD if r.stream and r not in ENDED_WELL])
def test_a_stream_that_cohere_ends_with_an_error_is_no_finished_answer(recording: Recording) -> None:
    steps = decoded(COHERE.decoder(chat({}), native=False), recording.reply.body)
    failure = steps[-1].error
    assert failure is not None
    assert failure.kind is FailureKind.SERVER_ERROR
    assert "invalid tool generation" in failure.message
    assert not any(step.finish or step.end for step in steps)


@each([r for r in recordings("cohere", "cohere.v2.embed") if r.reply.status == 200])
def test_recorded_vectors(recording: Recording) -> None:
    answer = COHERE.read(chat({}, operation=Operation.EMBEDDINGS), recording.reply)
    body = msgspec.json.decode(recording.reply.body)
    assert [item["embedding"] for item in answer.body["data"]] == body["embeddings"]["float"]
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == body["meta"]["billed_units"]["input_tokens"]


def call_start(index: int) -> bytes:
    call = {"id": f"c{index}", "type": "function", "function": {"name": "f", "arguments": ""}}
    return event("tool-call-start", index, tool_calls=call)


def test_calls_without_arguments_are_calls_with_none() -> None:
    stream = b"".join([call_start(3), event("tool-call-end", 3), call_start(5), event("tool-call-end", 5)])
    made = completion(decoded(COHERE.decoder(chat({}), native=False), stream))
    assert [call["arguments"] for call in made["message"]["tool_calls"]] == ["{}", "{}"]


def test_an_event_that_is_no_json_is_skipped() -> None:
    stream = b"event: content-delta\ndata: {oops\n\n: ping\n\n" + event("content-delta", content={"text": "a"})
    assert completion(decoded(COHERE.decoder(chat({}), native=False), stream))["message"]["content"] == "a"


def test_an_endless_event_is_an_error_of_the_protocol() -> None:
    with pytest.raises(FrameTooLong):
        COHERE.decoder(chat({}), native=False).feed(b"data: " + b"a" * (16 * 1024 * 1024))


@pytest.mark.parametrize(("finish", "kind"), [("ERROR", FailureKind.SERVER_ERROR), ("TIMEOUT", FailureKind.TIMEOUT)])
def test_an_answer_that_ended_badly_is_an_error(finish: str, kind: FailureKind) -> None:
    with pytest.raises(ProviderError) as caught:
        COHERE.read(chat({}), UpstreamReply(200, {}, msgspec.json.encode({"message": {}, "finish_reason": finish})))
    assert caught.value.kind is kind


@pytest.mark.parametrize("body", [b"oops", b"[]", b"{}", b'{"message":{}}'])
def test_an_unreadable_answer_is_an_error_of_the_protocol(body: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        COHERE.read(chat({}), UpstreamReply(200, {}, body))
    assert caught.value.kind is FailureKind.PROTOCOL


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "invalid request", FailureKind.BAD_REQUEST),
        (400, "too many tokens: size limit exceeded by 2 tokens", FailureKind.CONTEXT_TOO_LONG),
        (401, "invalid api token", FailureKind.AUTH),
        (402, "Please add or update your payment method to continue", FailureKind.BILLING),
        (404, "model 'x' not found", FailureKind.NOT_FOUND),
        (422, "no", FailureKind.BAD_REQUEST),
        (429, "please wait", FailureKind.RATE_LIMITED),
        (429, "You are using a Trial key, which is limited to 1000 API calls / month", FailureKind.BILLING),
        (498, "deny-listed", FailureKind.CONTENT_FILTERED),
        (500, "oops", FailureKind.SERVER_ERROR),
        (503, "busy", FailureKind.OVERLOADED),
        (504, "slow", FailureKind.TIMEOUT),
    ],
)
def test_each_failure_has_its_kind(status: int, message: str, kind: FailureKind) -> None:
    error = COHERE.classify(UpstreamReply(status, {"retry-after": "7"}, msgspec.json.encode({"message": message})))
    assert (error.kind, error.message, error.status, error.retry_after) == (kind, message, status, 7.0)


@each([r for r in CHATS if r.reply.status >= 400])
def test_recorded_failures_keep_their_words(recording: Recording) -> None:
    assert COHERE.classify(recording.reply).message == msgspec.json.decode(recording.reply.body)["message"]


def test_a_failure_without_json_shows_its_text() -> None:
    error = COHERE.classify(UpstreamReply(502, {"retry-after": "soon"}, b"<html>"))
    assert (error.kind, error.message, error.retry_after) == (FailureKind.SERVER_ERROR, "<html>", None)


def test_parameters_take_their_names() -> None:
    body = built(
        {
            "max_completion_tokens": 5,
            "temperature": 0.2,
            "top_p": 1,
            "top_k": 3,
            "seed": 4,
            "stop": "x",
            "presence_penalty": 0.5,
            "safety_mode": "OFF",
            "user": "u",
        },
        stream=True,
    )
    assert body == {
        "model": "command-a-03-2025",
        "stream": True,
        "messages": [HELLO],
        "max_tokens": 5,
        "temperature": 0.2,
        "p": 0.99,
        "k": 3,
        "seed": 4,
        "stop_sequences": ["x"],
        "presence_penalty": 0.5,
        "safety_mode": "OFF",
    }


def test_a_tool_turn_keeps_its_calls_plan_and_results() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    history = [
        {"role": "developer", "content": "be brief"},
        {"role": "assistant", "content": None, "reasoning_content": "plan", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": '[{"url":"https://x.test/"},{"n":2}]'},
        {"role": "tool", "tool_call_id": "c1", "content": "[1]"},
        {"role": "assistant", "content": "done", "reasoning_content": "thought"},
    ]
    made = built({"messages": history})["messages"]
    documents = [{"type": "document", "document": {"data": data}} for data in ({"url": "https://x.test/"}, {"n": 2})]
    assert made == [
        {"role": "system", "content": "be brief"},
        {"role": "assistant", "tool_calls": [call], "tool_plan": "plan"},
        {"role": "tool", "tool_call_id": "c1", "content": documents},
        {"role": "tool", "tool_call_id": "c1", "content": "[1]"},
        {"role": "assistant", "content": "done"},
    ]
    thinker = built({"messages": history}, model="command-a-reasoning-08-2025")["messages"]
    assert thinker[1]["content"] == [{"type": "thinking", "thinking": "plan"}]
    assert thinker[4]["content"] == [{"type": "thinking", "thinking": "thought"}, {"type": "text", "text": "done"}]


def test_images_pass_as_they_are() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "high"}}
    assert built({"messages": [{"role": "user", "content": [image]}]})["messages"][0]["content"] == [image]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [("auto", None), ("none", "NONE"), ("required", "REQUIRED"), ({"function": {"name": "f"}}, "REQUIRED")],
)
def test_tool_choice(choice: Any, sent: str | None) -> None:
    assert built({"tools": [TOOL], "tool_choice": choice}).get("tool_choice") == sent


def test_strict_functions_become_strict_tools() -> None:
    strict = {"type": "function", "function": {**TOOL["function"], "strict": True}}
    body = built({"tools": [strict]})
    assert body["strict_tools"] is True
    assert body["tools"] == [TOOL]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"reasoning_effort": "none"}, {"type": "disabled"}),
        ({"reasoning_effort": "low"}, {"type": "enabled", "token_budget": 1024}),
        ({"reasoning_effort": "high"}, {"type": "enabled"}),
        ({"thinking": {"type": "disabled"}}, {"type": "disabled"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, {"type": "enabled", "token_budget": 9}),
        ({}, None),
    ],
)
def test_thinking(given: Json, sent: Json | None) -> None:
    assert built(given, model="command-a-reasoning-08-2025").get("thinking") == sent


def test_response_formats() -> None:
    schema = {"type": "object"}
    wanted_schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    assert built({"response_format": wanted_schema})["response_format"] == {
        "type": "json_object",
        "json_schema": schema,
    }
    assert built({"response_format": {"type": "json_object"}})["response_format"] == {"type": "json_object"}
    assert "response_format" not in built({"response_format": {"type": "text"}})


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({}, []),
        ({"n": 1, "logprobs": False, "parallel_tool_calls": True, "reasoning_effort": "none"}, []),
        ({"n": 2}, ["n"]),
        ({"logprobs": True}, ["logprobs"]),
        ({"tools": [TOOL], "parallel_tool_calls": False}, ["parallel_tool_calls"]),
        ({"parallel_tool_calls": False}, []),
        ({"presence_penalty": -1}, ["presence_penalty"]),
        ({"reasoning_effort": "low"}, ["reasoning_effort"]),
        ({"thinking": {"type": "enabled"}}, ["thinking"]),
        ({"response_format": {"type": "grammar"}}, ["response_format"]),
        ({"tools": [{"type": "web_search"}]}, ["tools.0.type"]),
        ({"tools": [TOOL, OTHER], "tool_choice": {"function": {"name": "f"}}}, ["tool_choice"]),
        ({"tools": [TOOL], "tool_choice": {"function": {"name": "f"}}}, []),
        ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, ["messages.0.content.0.type"]),
        ({"messages": [{"role": "tool", "content": [{"type": "image_url"}]}]}, ["messages.0.content.0.type"]),
        (
            {"tools": [{"type": "function", "function": {"name": "h", "strict": True}}]},
            ["tools.0.function.strict"],
        ),
    ],
)
def test_what_cannot_be_honoured_is_named(given: Json, refused: list[str]) -> None:
    assert COHERE.refuses(chat(given), "command-a-03-2025") == refused


def test_a_role_that_cohere_does_not_know_is_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        built({"messages": [{"role": "critic", "content": ""}]})
    assert caught.value.param == "messages.0.role"


def test_texts_to_embed() -> None:
    request = chat({"input": "a", "dimensions": 256, "input_type": "search_query"}, operation=Operation.EMBEDDINGS)
    assert msgspec.json.decode(COHERE.build(request, PLACE).body) == {
        "model": "command-a-03-2025",
        "texts": ["a"],
        "input_type": "search_query",
        "embedding_types": ["float"],
        "output_dimension": 256,
    }
    with pytest.raises(BadRequest):
        COHERE.build(chat({"input": [1, 2]}, operation=Operation.EMBEDDINGS), PLACE)
    assert COHERE.refuses(
        chat({"messages": [HELLO], "input": "a", "colour": "red"}, operation=Operation.EMBEDDINGS), "m"
    ) == [
        "messages",
        "colour",
    ]
