"""Bodies of OpenAI's endpoints: what they become, and which field a refusal names."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.canon.call import Call, Dialect, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.errors import BadRequest

DIALECT = OpenAIDialect()
HELLO: Json = {"role": "user", "content": "hello"}
BODIES: dict[Operation, Json] = {
    Operation.CHAT: {"model": "smart", "messages": [HELLO]},
    Operation.EMBEDDINGS: {"model": "smart", "input": "hello"},
    Operation.COMPLETIONS: {"model": "smart", "prompt": "hello"},
    Operation.RERANK: {"model": "smart", "query": "hello", "documents": ["a", "b"]},
}


def read(extra: Json | None = None, operation: Operation = Operation.CHAT) -> Call:
    return DIALECT.read(operation, msgspec.json.encode({**BODIES[operation], **(extra or {})}), Wishes())


def refusal(body: bytes, operation: Operation = Operation.CHAT) -> BadRequest:
    with pytest.raises(BadRequest) as refused:
        DIALECT.read(operation, body, Wishes())
    assert refused.value.http_status == 400
    assert refused.value.code == "invalid_request"
    return refused.value


@pytest.mark.parametrize("operation", list(BODIES))
def test_a_body_is_kept_whole_unknown_fields_and_all(operation: Operation) -> None:
    wishes = Wishes(drop_unsupported=True)
    body = {**BODIES[operation], "brand_new": {"x": [1]}}
    call = DIALECT.read(operation, msgspec.json.encode(body), wishes)
    assert (call.operation, call.dialect, call.model, call.wishes) == (operation, Dialect.OPENAI, "smart", wishes)
    assert call.body == body
    assert call.canon is call.body
    assert (call.stream, call.include_usage) == (False, False)


def test_numbers_that_a_stream_gave_are_taken_off_the_history() -> None:
    blocks: list[Json] = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
    ]
    calls = [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    said: Json = {"role": "assistant", "content": "so", "tool_calls": calls, "images": None, "annotations": ["odd"]}
    numbered = [{**block, "index": index} for index, block in enumerate(blocks)]
    call = read({"messages": [HELLO, {**said, "thinking_blocks": numbered}]})
    assert call.body["messages"] == [HELLO, {**said, "thinking_blocks": blocks}]
    assert call.canon is call.body


@pytest.mark.parametrize("operation", [Operation.CHAT, Operation.COMPLETIONS])
@pytest.mark.parametrize(
    ("extra", "stream", "usage"),
    [
        ({"stream": True}, True, False),
        ({"stream": None}, False, False),
        ({"stream": True, "stream_options": None}, True, False),
        ({"stream": True, "stream_options": {}}, True, False),
        ({"stream": True, "stream_options": {"include_usage": True}}, True, True),
        ({"stream": True, "stream_options": {"include_usage": False}}, True, False),
        ({"stream": False, "stream_options": {"include_usage": True}}, False, False),
    ],
)
def test_streaming_and_its_usage_are_wishes(operation: Operation, extra: Json, stream: bool, usage: bool) -> None:
    call = read(extra, operation)
    assert (call.stream, call.include_usage) == (stream, usage)


CALL: Json = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    "extra",
    [
        {"messages": [{"role": role, "content": "x"}]}
        for role in ("system", "developer", "user", "assistant", "tool", "function")
    ]
    + [
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "a"}, "b", {"type": "brand_new", "x": 1}]}
            ]
        },
        {"messages": [{"role": "assistant", "content": None, "tool_calls": [CALL]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "f"}}]}]},
        {"temperature": 0, "top_p": 1, "n": 128, "seed": 10**30, "stop": ["a"], "presence_penalty": -2},
        {"temperature": None, "tools": None, "stop": None, "response_format": None, "logit_bias": None},
        {"logprobs": True, "top_logprobs": 20},
        {"top_logprobs": 0},
        {"tools": [{"type": "web_search"}, {"type": "function", "function": {"name": "f", "parameters": {}}}]},
        {"tool_choice": {"type": "function", "function": {"name": "f"}}, "tools": []},
    ],
)
def test_a_documented_body_is_taken(extra: Json) -> None:
    assert read(extra).body == {**BODIES[Operation.CHAT], **extra}


WRONG: list[tuple[Json, str]] = [
    ({"model": None}, "model"),
    ({"model": ""}, "model"),
    ({"model": 5}, "model"),
    ({"messages": []}, "messages"),
    ({"messages": None}, "messages"),
    ({"messages": "x"}, "messages"),
    ({"messages": ["x"]}, "messages[0]"),
    ({"messages": [{"content": "x"}]}, "messages[0].role"),
    ({"messages": [HELLO, {"role": "boss", "content": "x"}]}, "messages[1].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "assistant", "tool_calls": [{"id": 1}]}]}, "messages[0].tool_calls[0].id"),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}]},
        "messages[0].tool_calls[0].function.arguments",
    ),
    ({"stream": "yes"}, "stream"),
    ({"stream": 1}, "stream"),
    ({"stream_options": {"include_usage": "x"}}, "stream_options.include_usage"),
    ({"n": 0}, "n"),
    ({"n": 1.5}, "n"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_completion_tokens": "9"}, "max_completion_tokens"),
    ({"temperature": 2.1}, "temperature"),
    ({"temperature": -0.1}, "temperature"),
    ({"temperature": "1"}, "temperature"),
    ({"temperature": True}, "temperature"),
    ({"top_p": 1.1}, "top_p"),
    ({"presence_penalty": 3}, "presence_penalty"),
    ({"top_logprobs": 2}, "top_logprobs"),
    ({"top_logprobs": 2, "logprobs": False}, "top_logprobs"),
    ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
    ({"tools": {}}, "tools"),
    ({"tools": [5]}, "tools[0]"),
    ({"tools": [{"type": "function"}]}, "tools[0].function"),
    ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
    ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools[0].function.name"),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": "x"}}]},
        "tools[0].function.parameters",
    ),
    ({"tool_choice": 5}, "tool_choice"),
    ({"stop": 5}, "stop"),
    ({"stop": ["a", 5]}, "stop[1]"),
    ({"response_format": "json"}, "response_format"),
    ({"response_format": {}}, "response_format.type"),
    ({"user": 5}, "user"),
]


@pytest.mark.parametrize(("extra", "param"), WRONG)
def test_a_wrong_chat_field_is_named(extra: Json, param: str) -> None:
    refused = refusal(msgspec.json.encode({**BODIES[Operation.CHAT], **extra}))
    assert refused.param == param
    assert f"`{param}`" in refused.message


@pytest.mark.parametrize(
    ("operation", "extra", "param"),
    [
        (Operation.EMBEDDINGS, {"input": None}, "input"),
        (Operation.EMBEDDINGS, {"input": []}, "input"),
        (Operation.EMBEDDINGS, {"input": [1, "a"]}, "input"),
        (Operation.EMBEDDINGS, {"input": [1.5]}, "input"),
        (Operation.EMBEDDINGS, {"input": [True]}, "input"),
        (Operation.EMBEDDINGS, {"input": [[1], ["a"]]}, "input"),
        (Operation.EMBEDDINGS, {"input": [[1], []]}, "input"),
        (Operation.EMBEDDINGS, {"encoding_format": "hex"}, "encoding_format"),
        (Operation.EMBEDDINGS, {"dimensions": 0}, "dimensions"),
        (Operation.COMPLETIONS, {"prompt": None}, "prompt"),
        (Operation.COMPLETIONS, {"max_tokens": -1}, "max_tokens"),
        (Operation.RERANK, {"documents": []}, "documents"),
        (Operation.RERANK, {"documents": [5]}, "documents[0]"),
        (Operation.RERANK, {"query": None}, "query"),
        (Operation.RERANK, {"top_n": 0}, "top_n"),
    ],
)
def test_a_wrong_field_elsewhere_is_named(operation: Operation, extra: Json, param: str) -> None:
    assert refusal(msgspec.json.encode({**BODIES[operation], **extra}), operation).param == param


@pytest.mark.parametrize("given_input", ["a", ["a", ""], [1, 2], [[1, 2], [3]]])
def test_embeddings_take_texts_and_token_ids(given_input: object) -> None:
    assert read({"input": given_input}, Operation.EMBEDDINGS).canon["input"] == given_input


@pytest.mark.parametrize(("operation", "field"), [(o, f) for o, body in BODIES.items() for f in body])
def test_a_missing_field_is_named(operation: Operation, field: str) -> None:
    body = {name: value for name, value in BODIES[operation].items() if name != field}
    refused = refusal(msgspec.json.encode(body), operation)
    assert refused.param == field
    assert "is missing" in refused.message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not valid JSON"),
        (b'{"model": ', "not valid JSON"),
        (b'{"model": "m",}', "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b'{"model": "\xff"}', "not valid UTF-8"),
        (b'{"temperature": 1e400}', "not valid JSON"),
        (b"null", "must be a JSON object"),
        (b"[]", "must be a JSON object"),
        (b'"x"', "must be a JSON object"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
@pytest.mark.parametrize("operation", list(BODIES))
def test_what_is_no_body_is_refused(body: bytes, words: str, operation: Operation) -> None:
    refused = refusal(body, operation)
    assert words in refused.message
    assert refused.param is None


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["model", "messages", "role", "content", "tools", "stream", "input", "n"]), inner),
    max_leaves=12,
).map(msgspec.json.encode))  # fmt: skip
def test_no_body_is_worse_than_refused(body: bytes) -> None:
    for operation in BODIES:
        with suppress(BadRequest):
            DIALECT.read(operation, body, Wishes())
