"""What compatible hosts do differently, and what a caller gets to see instead."""

from typing import Any

import pytest

from llmgateway.canon.call import Operation
from llmgateway.canon.chat import Json
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.hosts.openai import OPENAI
from llmgateway.providers.openai_compatible import OpenAICompatible
from tests.providers.calls import chat
from tests.providers.openai_building import LAB, answered, deltas, finishes, frames, pieces, reply, streamed


def choice(message: Json | None, finish: object = "stop") -> Json:
    return {"index": 0, "message": message, "finish_reason": finish}


def test_a_good_answer_stays_as_it_is_unknown_fields_and_all() -> None:
    message: Json = {"role": "assistant", "content": "hi", "citations": ["https://x"]}
    body: Json = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice(message)],
        "x": 1,
    }
    assert LAB.read(chat(), reply(body)).body == body


def test_what_an_answer_lacks_is_put_in() -> None:
    body = answered({"message": {"content": "hi"}}, id=None)
    assert body == {
        "id": "",
        "object": "chat.completion",
        "created": 0,
        "model": "",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    }


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("stop", "stop"),
        ("STOP", "stop"),
        ("eos", "stop"),
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("MAX_TOKENS", "length"),
        ("model_length", "length"),
        ("tool_use", "tool_calls"),
        ("sensitive", "content_filter"),
        ("", "stop"),
        (None, "stop"),
        (7, "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("its_own_word", "its_own_word"),
    ],
)
def test_a_finish_reason_is_said_in_openais_words(word: object, wanted: str) -> None:
    assert answered(choice({"content": "hi"}, word))["choices"][0]["finish_reason"] == wanted


def test_stop_beside_tool_calls_is_tool_calls() -> None:
    call: Json = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = answered(choice({"content": None, "tool_calls": [call]}))
    assert body["choices"][0]["finish_reason"] == "tool_calls"
    steps = streamed(deltas({"tool_calls": [{"index": 0, **call}]}))
    assert finishes(steps) == ["tool_calls"]


@pytest.mark.parametrize(
    ("content", "text", "thoughts"),
    [
        ([{"type": "text", "text": "a"}, "b", {"type": "text", "text": "c"}], "abc", None),
        ([{"type": "thinking", "thinking": [{"text": "hm"}]}, {"type": "text", "text": "a"}], "a", "hm"),
        ([{"type": "thinking", "thinking": "hm"}, 5], "", "hm"),
        ([{"type": "reasoning", "summary": [{"text": "hm"}]}, {"type": "text", "text": "a"}], "a", "hm"),
        ({"answer": 1}, '{"answer":1}', None),
    ],
)
def test_content_becomes_a_text(content: Any, text: str, thoughts: str | None) -> None:
    for message in (
        answered(choice({"content": content}))["choices"][0]["message"],
        {
            n: "".join(pieces(streamed(deltas({"content": content})), n)) or None
            for n in ("content", "reasoning_content")
        },
    ):
        assert (message.get("content") or "", message.get("reasoning_content")) == (text, thoughts)


@pytest.mark.parametrize(
    "message",
    [
        {"reasoning": "hm"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "h"}, {"type": "reasoning.summary", "summary": "m"}]},
        {"reasoning_content": "hm", "reasoning": "other"},
    ],
)
def test_reasoning_has_one_name_and_keeps_its_own(message: Json) -> None:
    given = dict(message)
    read = answered(choice({**message, "content": "a"}))["choices"][0]["message"]
    assert read == {**given, "role": "assistant", "content": "a", "reasoning_content": "hm"}


@pytest.mark.parametrize("given", [[None, None], ["assistant", "assistant"], ["", None]])
def test_a_role_is_said_once(given: list[str | None]) -> None:
    steps = streamed(deltas(*({"role": role, "content": "a"} for role in given)))
    assert pieces(steps, "role") == ["assistant"]


def test_groqs_usage_is_found() -> None:
    usage: Json = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    steps = streamed(frames({"choices": [], "x_groq": {"usage": usage}}))
    assert [step.usage.total_tokens for step in steps if step.usage] == [7]


def test_figures_by_other_names_are_found() -> None:
    read = LAB.read(
        chat(), reply({"choices": [choice({"content": "a"})], "usage": {"input_tokens": 3, "output_tokens": 4}})
    )
    assert read.usage is not None
    assert (read.usage.prompt_tokens, read.usage.completion_tokens) == (3, 4)


@pytest.mark.parametrize(
    ("usage", "completion", "reasoning"),
    [
        ({"completion_tokens": 4, "total_tokens": 14}, 4, 0),
        ({"completion_tokens": 4, "total_tokens": 19, "completion_tokens_details": {"reasoning_tokens": 5}}, 9, 5),
        ({"completion_tokens": 9, "total_tokens": 19, "completion_tokens_details": {"reasoning_tokens": 5}}, 9, 5),
        ({"completion_tokens": 4, "total_tokens": 19}, 9, 5),
        ({"completion_tokens": 4, "total_tokens": 30, "completion_tokens_details": {"reasoning_tokens": 5}}, 4, 5),
        ({"completion_tokens": 4, "total_tokens": 14, "completion_tokens_details": {"reasoning_tokens": 5}}, 9, 5),
        ({"completion_tokens": 4}, 4, 0),
    ],
)
def test_reasoning_is_counted_once_and_never_lost(usage: Json, completion: int, reasoning: int) -> None:
    body: Json = {"choices": [choice({"content": "a"})], "usage": {"prompt_tokens": 10, **usage}}
    read = LAB.read(chat(), reply(body)).usage
    assert read is not None
    assert (read.prompt_tokens, read.completion_tokens, read.reasoning_tokens) == (10, completion, reasoning)


@pytest.mark.parametrize("usage", [None, {}, [], {"prompt_tokens": None}, {"prompt_tokens": 0, "total_tokens": 0}])
def test_no_figures_are_no_usage(usage: object) -> None:
    assert LAB.read(chat(), reply({"choices": [choice({"content": "a"})], "usage": usage})).usage is None


WHOLE_CALLS: list[tuple[Json, Json]] = [
    ({"function": {"name": "f", "arguments": {"a": 1}}}, {"name": "f", "arguments": '{"a":1}'}),
    ({"function": {"name": "f", "arguments": None}}, {"name": "f", "arguments": "{}"}),
    ({"function": {"name": "f"}}, {"name": "f", "arguments": "{}"}),
    ({"name": "f", "arguments": {"a": 1}}, {"name": "f", "arguments": '{"a":1}'}),
    ({"index": 4, "type": None, "function": {"name": "f", "arguments": "{}"}}, {"name": "f", "arguments": "{}"}),
]


@pytest.mark.parametrize(("given", "function"), WHOLE_CALLS)
def test_a_tool_call_gets_what_it_lacks(given: Json, function: Json) -> None:
    message = answered(choice({"tool_calls": [given]}))["choices"][0]["message"]
    assert message["tool_calls"] == [{"id": "call_0_0", "type": "function", "function": function}]


def test_a_lone_call_becomes_a_list_and_an_empty_list_none() -> None:
    lone: Json = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert answered(choice({"tool_calls": lone}))["choices"][0]["message"]["tool_calls"] == [lone]
    assert "tool_calls" not in answered(choice({"tool_calls": []}))["choices"][0]["message"]


def test_a_custom_tools_call_passes() -> None:
    call: Json = {"id": "a", "type": "custom", "custom": {"name": "f", "input": "x"}}
    read = LAB.read(chat(), reply({"choices": [choice({"tool_calls": [call]})]}))
    assert read.body["choices"][0]["message"]["tool_calls"] == [call]
    assert read.text == "fx"


def piece(name: str | None, arguments: Any, **more: Any) -> Json:
    function: Json = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    return {**more, "function": function}


STREAMED_CALLS: list[tuple[str, list[Json]]] = [
    ("as OpenAI", [piece("f", "", index=0, id="a"), piece(None, '{"x":1}', index=0), piece("g", "{}", index=1, id="b")]),
    ("no index", [piece("f", "", id="a"), piece(None, '{"x":1}', id="a"), piece("g", "{}", id="b")]),
    ("neither index nor id", [piece("f", "{"), piece(None, '"x":1}'), piece("g", "{}")]),
    ("index repeated", [piece("f", '{"x":1}', index=0, id="a"), piece("g", "{}", index=0, id="b")]),
    ("index repeated, no id", [piece("f", '{"x":1}', index=0), piece("g", "{}", index=0)]),
    ("from one", [piece("f", "{", index=1, id="a"), piece(None, '"x":1}', index=1), piece("g", "{}", index=2, id="b")]),
    ("id and name repeated", [piece("f", "{", index=0, id="a"), piece("f", '"x":1}', index=0, id="a"), piece("g", "{}", index=1, id="b")]),
    ("a new id each time", [piece("f", "{", index=0, id="a"), piece(None, '"x":1}', index=0, id="z"), piece("g", "{}", index=1, id="b")]),
    ("interleaved", [piece("f", "{", index=1, id="a"), piece("g", "{", index=2, id="b"), piece(None, '"x":1}', index=1), piece(None, "}", index=2)]),
    ("empty names", [piece("f", "{", index=0, id="a"), piece("", '"x":1}', index=0, id=""), piece("g", "{}", index=1, id="b")]),
    ("an index from nowhere", [piece("f", "{", index=0, id="a"), piece(None, '"x":1}', index=7), piece("g", "{}", index=1, id="b")]),
    ("objects", [piece("f", {"x": 1}, index=0, id="a"), piece("g", {}, index=1, id="b")]),
]  # fmt: skip


@pytest.mark.parametrize("given", [g for _, g in STREAMED_CALLS], ids=[name for name, _ in STREAMED_CALLS])
def test_streamed_tool_calls_add_up(given: list[Json]) -> None:
    """As an OpenAI client adds them: by index, every text joined to the one before."""
    joined = dict[int, list[str]]()
    for delta in (
        d for found in pieces(streamed(deltas(*({"tool_calls": [p]} for p in given))), "tool_calls") for d in found
    ):
        entry = joined.setdefault(delta["index"], ["", "", ""])
        entry[0] += delta.get("id") or ""
        entry[1] += delta["function"].get("name") or ""
        entry[2] += delta["function"].get("arguments") or ""
    assert [tuple(entry[1:]) for _, entry in sorted(joined.items())] == [("f", '{"x":1}'), ("g", "{}")]
    ids = [entry[0] for _, entry in sorted(joined.items())]
    assert ids in (["a", "b"], ["call_0_0", "call_0_1"])


def test_a_whole_message_in_a_chunk_is_a_delta() -> None:
    steps = streamed(
        frames({"choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]})
    )
    assert pieces(steps, "content") == ["hi"]
    assert finishes(steps) == ["stop"]


@pytest.mark.parametrize("space", ["", "\n "])
def test_a_whole_answer_where_a_stream_was_asked_for_is_one(space: str) -> None:
    body = f'{{{space}"choices": [{{"message": {{"content": "hi"}}, "finish_reason": "stop"}}]}}'.encode()
    steps = streamed(body)
    assert pieces(steps, "content") == ["hi"]
    assert finishes(steps) == ["stop"]


def test_an_error_body_where_a_stream_was_asked_for_is_the_error() -> None:
    (step,) = streamed(b'{"error": {"message": "no", "code": 429}}')
    assert step.error is not None
    assert (step.error.kind, step.error.message) == (FailureKind.RATE_LIMITED, "no")


def test_done_without_a_reason_ends_each_choice_that_spoke() -> None:
    chunks: list[Json] = [{"choices": [{"index": index, "delta": {"content": "x"}}]} for index in (0, 1)]
    steps = streamed(frames(*chunks), call=chat({"n": 2}))
    assert [step.finish for step in steps] == [None, None, None, "stop", None]
    assert steps[-1].end


def test_the_end_of_bytes_without_a_reason_is_no_end() -> None:
    steps = streamed(frames({"choices": [{"index": 0, "delta": {"content": "x"}}]}, done=False))
    assert not finishes(steps)
    assert not any(step.end for step in steps)


@pytest.mark.parametrize("native", [False, True])
def test_all_choices_must_end(native: bool) -> None:
    def ended(index: int) -> Json:
        return {"choices": [{"index": index, "delta": {"content": "x"}, "finish_reason": "stop"}]}

    again = streamed(frames(ended(0), ended(0), done=False), call=chat({"n": 2}), native=native)
    assert not finishes(again)
    both = streamed(frames(ended(0), ended(1)), call=chat({"n": 2}), native=native)
    assert [step.finish for step in both][:2] == [None, "stop"]
    fewer = streamed(frames(ended(0)), call=chat({"n": 2}), native=native)
    assert finishes(fewer) == ["stop"]


def test_completions_of_several_prompts_all_must_end() -> None:
    call = chat({"prompt": ["a", "b"]}, operation=Operation.COMPLETIONS)
    first: Json = {"choices": [{"index": 0, "text": "x", "finish_reason": "stop"}]}
    assert not finishes(streamed(frames(first, done=False), call=call, native=True))
    tokens = chat({"prompt": [1, 2]}, operation=Operation.COMPLETIONS)
    assert finishes(streamed(frames(first, done=False), call=tokens, native=True)) == ["stop"]


BROKEN: list[tuple[Json, FailureKind]] = [
    ({"error": {"message": "gone", "code": 502}}, FailureKind.SERVER_ERROR),
    ({"error": "gone"}, FailureKind.SERVER_ERROR),
    ({"error": {"message": "gone", "type": "overloaded_error"}}, FailureKind.OVERLOADED),
    ({"error": {"message": "gone", "code": "429"}}, FailureKind.RATE_LIMITED),
    (
        {
            "error": {"message": "gone", "code": 503},
            "choices": [{"delta": {"content": ""}, "finish_reason": "error"}],
        },
        FailureKind.OVERLOADED,
    ),
    ({"choices": [{"delta": {}, "error": {"message": "gone", "code": 429}}]}, FailureKind.RATE_LIMITED),
    ({"object": "error", "message": "gone", "code": 400}, FailureKind.BAD_REQUEST),
    ({"choices": [{"delta": {}, "finish_reason": "insufficient_system_resource"}]}, FailureKind.SERVER_ERROR),
    ({"choices": [{"delta": {}, "finish_reason": "network_error"}]}, FailureKind.SERVER_ERROR),
]


@pytest.mark.parametrize(("body", "kind"), BROKEN)
def test_a_failure_in_mid_stream_is_one(body: Json, kind: FailureKind) -> None:
    steps = streamed(frames({"choices": [{"index": 0, "delta": {"content": "x"}}]}, body, done=False))
    assert [step.error.kind for step in steps if step.error] == [kind]
    assert not finishes(steps)


def test_an_error_event_is_a_failure_whatever_it_holds() -> None:
    (step,) = streamed(b'event: error\ndata: {"message": "gone", "code": 503}\n\n')
    assert step.error is not None
    assert (step.error.kind, step.error.message) == (FailureKind.OVERLOADED, "gone")


@pytest.mark.parametrize("finish", ["error", "insufficient_system_resource"])
def test_a_whole_answer_that_broke_off_is_a_failure(finish: str) -> None:
    with pytest.raises(ProviderError, match="broke the answer off") as failure:
        answered(choice({"content": "half"}, finish))
    assert failure.value.kind is FailureKind.SERVER_ERROR


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": None}, b"[]", b"<html>", b"", b"\xff"])
def test_what_is_no_answer_is_a_failure(body: Any) -> None:
    with pytest.raises(ProviderError) as failure:
        LAB.read(chat(), reply(body))
    assert failure.value.kind is FailureKind.PROTOCOL


def test_embeddings_without_vectors_are_a_failure() -> None:
    with pytest.raises(ProviderError, match="sent no answer"):
        LAB.read(chat(operation=Operation.EMBEDDINGS), reply({"object": "list"}))


@pytest.mark.parametrize("native", [False, True])
def test_malformed_events_and_comments_are_left_out(native: bool) -> None:
    odd = (b"{broken", b"\xff", b"5", b"null", b"[]", b'{"choices": "\xff"}', b"\x00")
    data = b": PROCESSING\n\n" + b"".join(b"data: " + event + b"\n\n" for event in odd)
    steps = streamed(data + deltas({"content": "hi"}), native=native)
    assert not any(b"data: " + event + b"\n\n" in step.raw for event in odd for step in steps)
    assert "".join(step.text for step in steps) == "hi"
    assert finishes(steps) == ["stop"]
    assert not any(step.error for step in steps)


@pytest.mark.parametrize("native", [False, True])
def test_a_finish_reason_that_means_a_failure_is_one(native: bool) -> None:
    steps = streamed(deltas({"content": "hi"}, finish="error"), native=native)
    assert [step.error.kind for step in steps if step.error] == [FailureKind.SERVER_ERROR]


def test_an_event_that_is_no_chunk_is_left_out() -> None:
    data = b'event: telemetry\ndata: {"type": "telemetry"}\n\n'
    assert [step.chunk for step in streamed(data)] == []


@pytest.mark.parametrize(("host", "finish"), [(LAB, ["stop"]), (OPENAI, [])])
def test_a_terminator_alone_ends_only_what_a_host_is_known_to_end_so(host: OpenAICompatible, finish: list[str]) -> None:
    decoder = host.decoder(chat(), native=False)
    assert finishes([*decoder.feed(deltas({"content": "hi"}, finish=None)), *decoder.close()]) == finish


def test_a_native_frame_in_a_new_shape_goes_on() -> None:
    odd: Json = {"choices": [{"index": 0, "delta": {"content": "hi", "tool_calls": 7}, "finish_reason": "stop"}]}
    (step, end) = streamed(frames(odd), native=True)
    assert (step.raw, step.text, step.content, step.finish) == (frames(odd, done=False), "hi", True, "stop")
    assert end.end


def test_a_native_usage_chunk_is_known_as_one() -> None:
    usage: Json = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    alone, beside = streamed(
        frames({"choices": [], "usage": usage}, {"choices": [{"delta": {}}], "usage": usage}, done=False), native=True
    )
    assert (alone.usage_only, beside.usage_only) == (True, False)
    assert alone.usage == beside.usage


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        ({"content": "a"}, "a"),
        ({"refusal": "no"}, "no"),
        ({"reasoning_content": "hm"}, "hm"),
        ({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}]}, "f{}"),
        ({"tool_calls": [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": "x"}}]}, "fx"),
        ({"function_call": {"name": "f", "arguments": "{}"}}, "f{}"),
        ({"audio": {"transcript": "la"}}, "la"),
    ],
)
@pytest.mark.parametrize("native", [False, True])
def test_content_is_whatever_a_caller_waits_for(delta: Json, text: str, native: bool) -> None:
    steps = streamed(deltas({"role": "assistant", "content": ""}, delta), native=native)
    assert [step.content for step in steps] == [False, True, False, False]
    assert steps[1].text == text


def test_sound_without_words_is_content() -> None:
    assert [step.content for step in streamed(deltas({"audio": {"data": "AA=="}}), native=True)] == [True, False, False]
