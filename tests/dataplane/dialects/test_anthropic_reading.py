"""Bodies of /v1/messages: what they become, and which field a refusal names."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.canon.call import Call, Dialect, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.errors import BadRequest

DIALECT = AnthropicDialect()
COMPACT: Json = {"edits": [{"type": "compact_20260112"}]}
CLEAR: Json = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
HELLO: Json = {"role": "user", "content": "hello"}
BODY: Json = {"model": "smart", "max_tokens": 9, "messages": [HELLO]}
EPHEMERAL: Json = {"type": "ephemeral"}
PLAIN: Json = {"type": "text", "media_type": "text/plain", "data": "x"}


def read(body: object, operation: Operation = Operation.CHAT) -> Call:
    return DIALECT.read(operation, msgspec.json.encode(body), Wishes())


def canon(extra: Json) -> Json:
    return read({**BODY, **extra}).canon


def message(content: Any, role: str = "user") -> list[Json]:
    return canon({"messages": [{"role": role, "content": content}]})["messages"]


def test_a_call_keeps_the_body_and_knows_the_dialect() -> None:
    wishes = Wishes(forward={"anthropic-version": "2023-06-01"})
    call = DIALECT.read(Operation.CHAT, msgspec.json.encode({**BODY, "stream": True}), wishes)
    assert (call.dialect, call.model, call.stream, call.wishes) == (Dialect.ANTHROPIC, "smart", True, wishes)
    assert call.body == {**BODY, "stream": True}
    assert call.canon == call.body
    assert read(BODY).stream is False


def test_counting_needs_no_max_tokens() -> None:
    call = read({"model": "smart", "messages": [HELLO]}, Operation.COUNT_TOKENS)
    assert (call.operation, call.stream) == (Operation.COUNT_TOKENS, False)
    assert call.canon["messages"] == [HELLO]


@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        ({"stop_sequences": ["END"]}, {"stop": ["END"]}),
        ({"stop_sequences": []}, {}),
        ({"metadata": {"user_id": "u", "x": 1}}, {"user": "u", "metadata": {"x": 1}}),
        ({"service_tier": "standard_only"}, {"service_tier": "default"}),
        ({"service_tier": "auto"}, {"service_tier": "auto"}),
        ({"top_k": 4, "temperature": 1, "top_p": 0.5}, {"top_k": 4, "temperature": 1, "top_p": 0.5}),
        ({"tool_choice": {"type": "any"}}, {"tool_choice": "required"}),
        ({"tool_choice": {"type": "none"}}, {"tool_choice": "none"}),
        (
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
            {"tool_choice": "auto", "parallel_tool_calls": False},
        ),
        (
            {"tool_choice": {"type": "tool", "name": "f"}},
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        ),
        ({"context_management": COMPACT}, {"context_management": COMPACT}),
        ({"context_management": CLEAR}, {}),
        ({"container": None}, {}),
        ({"output_config": {"effort": "medium"}}, {"reasoning_effort": "medium"}),
        ({"output_config": {"effort": "max"}}, {"reasoning_effort": "xhigh"}),
        ({"thinking": {"type": "disabled"}}, {"thinking": {"type": "disabled"}}),
    ],
)
def test_a_field_has_an_openai_name(extra: Json, wanted: Json) -> None:
    assert canon(extra) == {**BODY, **wanted}


@pytest.mark.parametrize(
    ("thinking", "effort", "wanted"),
    [
        ({"type": "enabled", "budget_tokens": 1024}, None, "low"),
        ({"type": "enabled", "budget_tokens": 4096}, None, "medium"),
        ({"type": "enabled", "budget_tokens": 16384}, "low", "high"),
        ({"type": "adaptive"}, None, "high"),
        ({"type": "adaptive", "display": "omitted"}, "low", "low"),
    ],
)
def test_thinking_is_kept_and_also_said_as_an_effort(thinking: Json, effort: str | None, wanted: str) -> None:
    extra: Json = {"output_config": {"effort": effort}} if effort else {}
    made = canon({"thinking": thinking, **extra})
    assert made["thinking"] == thinking
    assert made["reasoning_effort"] == wanted


@pytest.mark.parametrize("field", ["output_format", "output_config"])
def test_a_structured_output_is_a_response_format(field: str) -> None:
    wanted: Json = {"type": "json_schema", "schema": {"type": "object"}}
    made = canon({field: wanted if field == "output_format" else {"format": wanted}})
    named = {"name": "output", "schema": {"type": "object"}, "strict": True}
    assert made["response_format"] == {"type": "json_schema", "json_schema": named}
    assert field not in made


def test_the_system_prompt_is_the_first_message() -> None:
    assert canon({"system": "be brief"})["messages"] == [{"role": "system", "content": "be brief"}, HELLO]
    assert canon({"system": ""})["messages"] == [HELLO]
    marked: Json = {"type": "text", "text": "a", "cache_control": EPHEMERAL}
    assert canon({"system": [marked]})["messages"][0] == {"role": "system", "content": [marked]}
    assert canon({"system": [{"type": "text", "text": "a"}]})["messages"][0]["content"] == "a"
    assert canon({"system": []})["messages"] == [HELLO]


def test_a_system_message_between_turns_stays_there() -> None:
    assert message([{"type": "text", "text": "now in French"}], "system") == [
        {"role": "system", "content": "now in French"}
    ]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "https://x.test/a"}, "cache_control": EPHEMERAL},
            {"type": "image_url", "image_url": {"url": "https://x.test/a"}, "cache_control": EPHEMERAL},
        ),
        (
            {"type": "document", "title": "t", "source": {"type": "base64", "data": "AAAA"}},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "t"}},
        ),
        (
            {"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}},
            {"type": "file", "file": {"file_url": "https://x.test/a.pdf"}},
        ),
        (
            {"type": "document", "source": PLAIN, "citations": {"enabled": False}, "cache_control": EPHEMERAL},
            {"type": "text", "text": "x", "cache_control": EPHEMERAL},
        ),
        (
            {"type": "document", "title": "T", "context": "of May", "source": PLAIN},
            {"type": "text", "text": "T\n\nof May\n\nx"},
        ),
        (
            {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "a"}]},
            {"type": "text", "text": "t\n\ns\n\na"},
        ),
    ],
)
def test_a_block_becomes_a_part(block: Json, part: Json) -> None:
    assert message([block, {"type": "text", "text": "?"}])[0]["content"][0] == part


OPAQUE: list[Json] = [
    {"type": "document", "source": PLAIN, "citations": {"enabled": True}},
    {"type": "document", "source": {"type": "url", "url": "u"}, "citations": {"enabled": True}},
    {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    {"type": "search_result", "source": "s", "title": "t", "content": [], "citations": {"enabled": True}},
    {"type": "of_tomorrow", "x": [1]},
]


@pytest.mark.parametrize("block", OPAQUE)
def test_what_only_anthropic_can_read_stays_as_it_is(block: Json) -> None:
    assert message([block, {"type": "text", "text": "?"}])[0]["content"][0] == block


def test_a_plain_document_in_a_tool_result_is_its_text() -> None:
    inner = [{"type": "document", "title": "T", "source": PLAIN}]
    (result, *_) = message([{"type": "tool_result", "tool_use_id": "t", "content": inner}])
    assert result["content"] == "T\n\nx"


def test_tool_results_come_first_as_messages_of_their_own() -> None:
    blocks: list[Json] = [
        {"type": "text", "text": "look"},
        {"type": "tool_result", "tool_use_id": "t1", "content": "42", "is_error": True, "cache_control": EPHEMERAL},
        {
            "type": "tool_result",
            "tool_use_id": "t2",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "image", "source": {"type": "url", "url": "https://x.test/a"}},
            ],
        },
        {"type": "tool_result", "tool_use_id": "t3"},
    ]
    picture: Json = {"type": "image_url", "image_url": {"url": "https://x.test/a"}}
    assert message(blocks) == [
        {"role": "tool", "tool_call_id": "t1", "content": "42", "is_error": True, "cache_control": EPHEMERAL},
        {"role": "tool", "tool_call_id": "t2", "content": [{"type": "text", "text": "a"}, picture]},
        {"role": "tool", "tool_call_id": "t3", "content": ""},
        {"role": "user", "content": "look"},
    ]
    assert [made["role"] for made in message(blocks[1:])] == ["tool", "tool", "tool"]


def test_an_assistant_turn_keeps_thinking_calls_and_markers() -> None:
    thinking: Json = {"type": "thinking", "thinking": "hm", "signature": "s"}
    said: Json = {"type": "text", "text": "so", "cache_control": EPHEMERAL}
    use: Json = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}, "cache_control": EPHEMERAL}
    redacted: Json = {"type": "redacted_thinking", "data": "xx"}
    (made,) = message([thinking, redacted, said, use], "assistant")
    function = {"name": "f", "arguments": '{"a":1}'}
    assert made == {
        "role": "assistant",
        "content": [said],
        "reasoning_content": "hm",
        "thinking_blocks": [thinking, redacted],
        "tool_calls": [{"id": "t", "type": "function", "function": function, "cache_control": EPHEMERAL}],
    }


def test_tools_become_functions_and_server_tools_stay() -> None:
    schema: Json = {"type": "object", "properties": {}}
    search: Json = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    own: Json = {"type": "custom", "name": "f", "description": "d", "input_schema": schema, "strict": True}
    plain: Json = {"name": "g", "input_schema": schema, "cache_control": EPHEMERAL, "defer_loading": True}
    assert canon({"tools": [own, search, plain]})["tools"] == [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": schema, "strict": True}},
        search,
        {
            "type": "function",
            "function": {"name": "g", "parameters": schema},
            "cache_control": EPHEMERAL,
            "defer_loading": True,
        },
    ]


def user(*blocks: Json) -> Json:
    return {"messages": [{"role": "user", "content": [*blocks]}]}


WRONG: list[tuple[Json, str]] = [
    ({"messages": []}, "messages"),
    ({"messages": "hello"}, "messages"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
    ({"messages": [HELLO, {"role": "user"}]}, "messages.1.content"),
    ({"messages": [{"role": "user", "content": 1}]}, "messages.0.content"),
    ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages.0.content.0.type"),
    (user({"type": "text"}), "messages.0.content.0.text"),
    (user({"type": "text", "text": 1}), "messages.0.content.0.text"),
    (user({"type": "image"}), "messages.0.content.0.source"),
    (user({"type": "image", "source": {"type": "url"}}), "messages.0.content.0.source.url"),
    (user({"type": "image", "source": {"type": "base64"}}), "messages.0.content.0.source.data"),
    (user({"type": "tool_result"}), "messages.0.content.0.tool_use_id"),
    (
        user({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text"}]}),
        "messages.0.content.0.content.0.text",
    ),
    (
        {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": "x"}]}]},
        "messages.0.content.0.input",
    ),
    ({"messages": [{"role": "assistant", "content": [{"type": "thinking"}]}]}, "messages.0.content.0.thinking"),
    ({"model": ""}, "model"),
    ({"model": 3}, "model"),
    ({"max_tokens": "9"}, "max_tokens"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"max_tokens": True}, "max_tokens"),
    ({"stream": "yes"}, "stream"),
    ({"temperature": "hot"}, "temperature"),
    ({"stop_sequences": ["a", 1]}, "stop_sequences.1"),
    ({"system": 1}, "system"),
    ({"system": [{"type": "image"}]}, "system.0.type"),
    ({"system": [{"type": "text"}]}, "system.0.text"),
    ({"tools": [{"name": "f"}]}, "tools.0.input_schema"),
    ({"tools": [{"input_schema": {}}]}, "tools.0.name"),
    ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
    ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ({"thinking": {"type": "enabled", "budget_tokens": "1"}}, "thinking.budget_tokens"),
    ({"output_config": {"format": {"type": "xml"}}}, "output_config.format"),
    ({"metadata": {"user_id": 5}}, "metadata.user_id"),
]


@pytest.mark.parametrize(("extra", "param"), WRONG)
def test_a_wrong_field_is_named(extra: Json, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read({**BODY, **extra})
    assert refused.value.param == param
    assert param in refused.value.message


@pytest.mark.parametrize("field", ["model", "messages", "max_tokens"])
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read({name: value for name, value in BODY.items() if name != field})
    assert refused.value.param == field


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"model": "\xff"}',
        b'{"a":' * 100_000,
        b"[" * 100_000,
        b'{"model":"\\ud800","max_tokens":1,"messages":[{"role":"user","content":"x"}]}',
    ],
    ids=["empty", "cut", "array", "null", "not UTF-8", "deep objects", "deep arrays", "half a surrogate pair"],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest) as refused:
        DIALECT.read(Operation.CHAT, body, Wishes())
    assert refused.value.code == "invalid_request"


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from(["text", "image", "user", "base64", "tool_result", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "role", "content", "source", "data", "id", "name", "input", "tool_use_id"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    field=st.sampled_from(["messages", "system", "tools", "tool_choice", "thinking", "metadata", "output_config"]),
    value=ANYTHING,
)
def test_no_body_is_worse_than_refused(field: str, value: Any) -> None:
    with suppress(BadRequest):
        read({**BODY, field: value})


@given(content=ANYTHING)
def test_no_content_is_worse_than_refused(content: Any) -> None:
    for role in ("user", "assistant", "system"):
        with suppress(BadRequest):
            message([content], role)


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"messages": [{"role": "boss", "content": "Hi"}]}, "it is one of assistant, system, user"),
        ({"tool_choice": {"type": "all"}}, "it is one of any, auto, none, tool"),
    ],
)
def test_a_wrong_word_is_told_the_right_ones(extra: Json, words: str) -> None:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], **extra}
    with pytest.raises(BadRequest, match=words):
        AnthropicDialect().read(Operation.CHAT, msgspec.json.encode(body), Wishes())
