"""Canon requests as Messages bodies: each parameter, tools, and what is left out."""

import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Dialect, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.errors import BadRequest
from llmgateway.providers.anthropic.declaration import ANTHROPIC
from llmgateway.providers.anthropic.schemas import constrained
from tests.providers.anthropic_building import MODEL, PLACE, built
from tests.providers.calls import HELLO, chat, sent


def test_the_request_has_address_credential_and_version() -> None:
    request = ANTHROPIC.build(chat({}), PLACE)
    assert request.url == "https://api.anthropic.com/v1/messages"
    assert request.headers["x-api-key"] == "sk-ant-1"
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert "sk-ant-1" not in repr(request)


def test_the_callers_anthropic_headers_go_along() -> None:
    wishes = Wishes(
        forward={"anthropic-version": "2026-10-21", "anthropic-beta": "files-api-2025-04-14", "openai-beta": "x"}
    )
    headers = ANTHROPIC.build(replace(chat({}, Dialect.ANTHROPIC), wishes=wishes), PLACE).headers
    assert headers["anthropic-version"] == "2026-10-21"
    assert headers["anthropic-beta"] == "files-api-2025-04-14"
    assert "openai-beta" not in headers
    translated = ANTHROPIC.build(replace(chat({}), wishes=wishes), PLACE).headers
    assert translated["anthropic-version"] == "2023-06-01"
    assert translated["anthropic-beta"] == "files-api-2025-04-14"


def test_a_native_history_is_rid_of_thinking_that_another_model_wrote() -> None:
    foreign: Json = {"type": "thinking", "thinking": "hm", "signature": ""}
    own: Json = {"type": "thinking", "thinking": "hm", "signature": "s"}
    text: Json = {"type": "text", "text": "so"}
    history: list[Json] = [HELLO, {"role": "assistant", "content": [foreign, own, text]}, HELLO]
    native = sent(ANTHROPIC.build(chat({"messages": history}, Dialect.ANTHROPIC), PLACE))
    assert native["messages"] == [HELLO, {"role": "assistant", "content": [own, text]}, HELLO]


def test_a_native_body_changes_only_model_and_stream() -> None:
    body: Json = {"max_tokens": 5, "unheard_of": {"x": 1}, "top_k": 3}
    native = chat(body, Dialect.ANTHROPIC)
    assert sent(ANTHROPIC.build(native, PLACE)) == {**native.body, "model": MODEL}
    streamed = sent(ANTHROPIC.build(native, replace(PLACE, stream=True, dropped=frozenset({"top_k"}))))
    assert streamed == {"max_tokens": 5, "unheard_of": {"x": 1}, "model": MODEL, "messages": [HELLO], "stream": True}
    assert native.body["model"] == "asked-for"


def test_a_stream_is_asked_for() -> None:
    assert built({}, stream=True)["stream"] is True


def test_counting_tokens_leaves_out_what_is_not_counted() -> None:
    canon = chat({"max_tokens": 5, "temperature": 0.1}, operation=Operation.COUNT_TOKENS)
    request = ANTHROPIC.build(canon, PLACE)
    assert request.url.endswith("/v1/messages/count_tokens")
    assert sent(request) == {"model": MODEL, "messages": [HELLO]}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({}, {"max_tokens": 64_000}),
        ({"max_tokens": 7}, {"max_tokens": 7}),
        ({"max_tokens": 7, "max_completion_tokens": 9}, {"max_tokens": 9}),
        ({"max_tokens": None}, {"max_tokens": 64_000}),
        ({"temperature": 0.2, "top_k": 5}, {"temperature": 0.2, "top_k": 5}),
        ({"temperature": 0.2, "top_p": 1}, {"temperature": 0.2}),
        ({"temperature": 1, "top_p": 0.5}, {"top_p": 0.5}),
        ({"top_p": 0.5}, {"top_p": 0.5}),
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"stop": ["A", "B"]}, {"stop_sequences": ["A", "B"]}),
        ({"user": "u1"}, {"metadata": {"user_id": "u1"}}),
        ({"safety_identifier": "s1"}, {"metadata": {"user_id": "s1"}}),
        ({"metadata": {"user_id": "m1"}}, {"metadata": {"user_id": "m1"}}),
        ({"service_tier": "auto"}, {"service_tier": "auto"}),
        ({"service_tier": "default"}, {"service_tier": "standard_only"}),
        ({"reasoning_effort": "low"}, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ({"reasoning_effort": "high"}, {"thinking": {"type": "enabled", "budget_tokens": 16384}}),
        (
            {"reasoning_effort": "high", "max_tokens": 3000},
            {"max_tokens": 3000, "thinking": {"type": "enabled", "budget_tokens": 1500}},
        ),
        ({"reasoning_effort": "none"}, {}),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2048}, "reasoning_effort": "low"},
            {"thinking": {"type": "enabled", "budget_tokens": 2048}},
        ),
        ({"response_format": {"type": "text"}}, {}),
        ({"cache_control": {"type": "ephemeral"}}, {"cache_control": {"type": "ephemeral"}}),
        ({"n": 1, "seed": None, "logprobs": False, "store": False, "presence_penalty": 0}, {}),
        ({"parallel_tool_calls": False}, {}),
    ],
)
def test_a_parameter_finds_its_place(body: Json, wanted: Json) -> None:
    assert built(body) == {"model": MODEL, "max_tokens": 64_000, "messages": [HELLO], **wanted}
    assert ANTHROPIC.refuses(chat(body), MODEL) == []


ADAPTIVE: Json = {"thinking": {"type": "adaptive"}}


@pytest.mark.parametrize(
    ("effort", "model", "wanted"),
    [
        ("minimal", "claude-sonnet-5", {**ADAPTIVE, "output_config": {"effort": "low"}}),
        ("medium", "claude-opus-4-6", {**ADAPTIVE, "output_config": {"effort": "medium"}}),
        ("xhigh", "claude-fable-5-1", {**ADAPTIVE, "output_config": {"effort": "xhigh"}}),
        ("none", "claude-opus-4-7", {}),
        ("none", "claude-opus-5", {"thinking": {"type": "disabled"}}),
        ("none", "claude-haiku-5-5", {"thinking": {"type": "disabled"}}),
        ("none", "claude-sonnet-5-5", {"thinking": {"type": "between_tools"}}),
    ],
)
def test_newer_models_think_adaptively(effort: str, model: str, wanted: Json) -> None:
    body = built({"reasoning_effort": effort}, model)
    assert {name: body[name] for name in body.keys() & {"thinking", "output_config"}} == wanted
    assert ANTHROPIC.refuses(chat({"reasoning_effort": effort}), model) == []


def test_beside_a_forced_tool_only_the_effort_counts() -> None:
    body = built({"reasoning_effort": "low", "tools": [TOOL], "tool_choice": "required"}, "claude-sonnet-5")
    assert "thinking" not in body
    assert body["output_config"] == {"effort": "low"}


def test_adaptive_thinking_of_the_caller_keeps_its_effort() -> None:
    body = built({"thinking": {"type": "adaptive"}, "reasoning_effort": "high"}, "claude-opus-4-6")
    assert body["thinking"] == {"type": "adaptive"}
    assert body["output_config"] == {"effort": "high"}


def test_newer_models_get_no_sampling_parameters() -> None:
    assert "temperature" not in built({"temperature": 1, "top_p": 1}, "claude-opus-5-5")


def test_a_json_schema_becomes_an_output_format() -> None:
    schema: Json = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {}}}},
        "required": ["a"],
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    made = built({"response_format": wanted, "reasoning_effort": "low"}, "claude-opus-4-6")["output_config"]
    inner: Json = {"type": "object", "properties": {}, "additionalProperties": False}
    closed: Json = {**schema, "properties": {"a": {"type": "array", "items": inner}}, "additionalProperties": False}
    assert made == {"effort": "low", "format": {"type": "json_schema", "schema": closed}}


def test_a_schema_keeps_what_is_no_schema() -> None:
    schema: Json = {"enum": [{"type": "object"}], "type": "object", "additionalProperties": {"type": "string"}}
    assert constrained(schema, "response_format") == schema


def test_a_schema_nested_too_deeply_is_refused() -> None:
    schema: Json = {"type": "string"}
    for _ in range(2000):
        schema = {"not": schema}
    with pytest.raises(BadRequest) as refused:
        built({"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}})
    assert refused.value.param == "response_format"


TOOL: Json = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
    "cache_control": {"type": "ephemeral"},
}


def test_tools_are_translated_and_anthropics_own_left_alone() -> None:
    search = {"type": "web_search_20250305", "name": "web_search"}
    bare = {"type": "function", "function": {"name": "g"}}
    body = built({"tools": [TOOL, search, bare]})
    assert body["tools"] == [
        {
            "name": "f",
            "description": "d",
            "input_schema": {"type": "object", "additionalProperties": False},
            "strict": True,
            "cache_control": {"type": "ephemeral"},
        },
        search,
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert "tool_choice" not in body


@pytest.mark.parametrize(
    ("choice", "parallel", "wanted"),
    [
        ("auto", None, {"type": "auto"}),
        ("required", True, {"type": "any"}),
        ("none", False, {"type": "none"}),
        (
            {"type": "function", "function": {"name": "f"}},
            False,
            {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        ),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
    ],
)
def test_tool_choice(choice: object, parallel: object, wanted: Json) -> None:
    body = {"tools": [TOOL], "tool_choice": choice, "parallel_tool_calls": parallel}
    assert built(body)["tool_choice"] == wanted


def test_dropped_paths_are_left_out() -> None:
    body: Json = {
        "seed": 1,
        "messages": [
            {
                "role": "user",
                "name": "ann",
                "content": [{"type": "input_audio"}, {"type": "text", "text": "a"}, {"type": "x"}],
            }
        ],
        "tools": [{"type": "custom", "custom": {}}, TOOL],
    }
    paths = ANTHROPIC.refuses(chat(body), "claude-3-haiku-20240307")
    assert set(paths) == {
        "seed",
        "messages.0.name",
        "messages.0.content.0.type",
        "messages.0.content.2.type",
        "tools.0.type",
        "tools.1.function.strict",
    }
    made = built(body, dropped=frozenset([*paths, "gone.0.type", "messages.9.name"]))
    assert made["messages"] == [{"role": "user", "content": "a"}]
    assert [tool["name"] for tool in made["tools"]] == ["f"]
    assert "strict" not in made["tools"][0]
    assert len(body["messages"][0]["content"]) == 3
