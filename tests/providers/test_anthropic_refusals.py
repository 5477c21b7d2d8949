"""What Claude cannot honour is named by path; what is at its default is not."""

from typing import Any

import pytest

from llmgateway.canon.call import Dialect
from llmgateway.canon.chat import Json
from llmgateway.providers.anthropic.declaration import ANTHROPIC
from llmgateway.providers.anthropic.models import claude_model
from tests.providers.anthropic_building import MODEL
from tests.providers.calls import HELLO, chat

SCHEMA: Json = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
OLD = "claude-3-5-sonnet-20241022"
NEW = "claude-sonnet-5"
TOOL: Json = {"type": "function", "function": {"name": "f"}}
CALLED: list[Json] = [
    HELLO,
    {"role": "assistant", "tool_calls": [{"id": "t", "function": {"name": "f", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "t", "content": "1"},
]


def refused(body: Json, model: str = MODEL) -> list[str]:
    return list(ANTHROPIC.refuses(chat(body), model))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2),
        ("seed", 0),
        ("logprobs", True),
        ("top_logprobs", 2),
        ("logit_bias", {"1": 2}),
        ("presence_penalty", 0.1),
        ("frequency_penalty", -1),
        ("audio", {"voice": "x"}),
        ("modalities", ["text", "audio"]),
        ("prediction", {"type": "content", "content": "x"}),
        ("web_search_options", {}),
        ("store", True),
        ("verbosity", "low"),
        ("functions", [{"name": "f"}]),
        ("function_call", {"name": "f"}),
        ("prompt_cache_key", "k"),
        ("min_p", 0.1),
        ("metadata", {"team": "a"}),
        ("service_tier", "flex"),
        ("response_format", {"type": "json_object"}),
        ("temperature", 1.5),
        ("stop", "\n"),
        ("stop", ["a", " "]),
        ("reasoning_effort", "xhigh"),
        ("reasoning_effort", "most"),
        ("tool_choice", "any"),
        ("tool_choice", {"type": "allowed_tools"}),
        ("tool_choice", "required"),
        ("thinking", "on"),
        ("response_format", "json"),
        ("metadata", "x"),
        ("thinking", {"type": "adaptive"}),
    ],
)
def test_a_parameter_is_refused_by_name(name: str, value: object) -> None:
    assert refused({name: value}) == [name]


@pytest.mark.parametrize(
    "body",
    [
        {"n": 1, "logprobs": False, "top_logprobs": 0, "logit_bias": {}, "store": False},
        {"presence_penalty": 0, "frequency_penalty": 0.0, "modalities": ["text"], "verbosity": "medium"},
        {"temperature": 1, "top_p": 1, "service_tier": "auto", "response_format": {"type": "text"}},
        {"seed": None, "tools": None, "stop": None, "function_call": "auto", "functions": []},
        {"stream": True, "stream_options": {"include_usage": True}, "user": "u", "tool_choice": "auto"},
        {"thinking": {"type": "disabled"}, "temperature": 0.5},
    ],
)
def test_defaults_are_honoured(body: Json) -> None:
    assert refused(body) == []
    assert refused({**body, "temperature": 1}, NEW) == []


def test_a_caller_who_speaks_the_language_is_refused_nothing() -> None:
    assert list(ANTHROPIC.refuses(chat({"seed": 1}, Dialect.ANTHROPIC), MODEL)) == []


@pytest.mark.parametrize(
    ("body", "model", "names"),
    [
        ({"temperature": 0.5, "top_p": 0.5}, MODEL, ["top_p"]),
        ({"temperature": 0.5, "top_p": 0.5}, OLD, []),
        ({"temperature": 0.5, "top_p": 0.5, "top_k": 1}, NEW, ["temperature", "top_p", "top_k"]),
        ({"temperature": 0.5, "top_k": 1, "reasoning_effort": "low"}, MODEL, ["temperature", "top_k"]),
        ({"temperature": 0.5, "reasoning_effort": "low", "max_tokens": 50}, MODEL, ["reasoning_effort"]),
        ({"top_p": 0.96, "thinking": {"type": "enabled", "budget_tokens": 1024}}, MODEL, []),
        ({"top_p": 0.9, "thinking": {"type": "enabled", "budget_tokens": 1024}}, MODEL, ["top_p"]),
    ],
)
def test_sampling_depends_on_model_and_thinking(body: Json, model: str, names: list[str]) -> None:
    assert refused(body, model) == names


@pytest.mark.parametrize(
    ("effort", "model", "extra", "names"),
    [
        ("low", OLD, {}, ["reasoning_effort"]),
        ("none", OLD, {}, []),
        ("none", "claude-fable-5", {}, ["reasoning_effort"]),
        ("none", "claude-opus-5-5", {}, ["reasoning_effort"]),
        ("none", "claude-opus-5", {}, []),
        ("minimal", NEW, {}, []),
        ("xhigh", NEW, {}, []),
        ("xhigh", "claude-opus-4-6", {}, ["reasoning_effort"]),
        ("max", "claude-opus-4-6", {}, []),
        ("low", MODEL, {"max_tokens": 2047}, ["reasoning_effort"]),
        ("low", MODEL, {"max_tokens": 2048}, []),
        ("low", MODEL, {"tools": [TOOL], "tool_choice": "required"}, ["reasoning_effort"]),
        ("low", NEW, {"tools": [TOOL], "tool_choice": "required"}, []),
        ("low", MODEL, {"messages": CALLED}, ["reasoning_effort"]),
        ("low", NEW, {"messages": CALLED}, []),
        ("low", MODEL, {"messages": [*CALLED, HELLO]}, []),
        ("low", OLD, {"thinking": {"type": "enabled", "budget_tokens": 1024}}, ["thinking"]),
        ("low", NEW, {"thinking": {"type": "enabled", "budget_tokens": 1024}}, ["thinking"]),
        ("low", "claude-opus-5", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, []),
        ("low", "claude-opus-5-5", {"tools": [TOOL], "tool_choice": "required"}, ["tool_choice"]),
        ("low", "claude-opus-5-5", {"tools": [TOOL], "tool_choice": "auto"}, []),
    ],
)
def test_effort_depends_on_the_model_and_the_rest(effort: str, model: str, extra: Json, names: list[str]) -> None:
    assert refused({"reasoning_effort": effort, **extra}, model) == names


def test_thinking_that_came_back_is_no_obstacle() -> None:
    signed: Json = {**CALLED[1], "thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "s"}]}
    assert refused({"reasoning_effort": "low", "messages": [HELLO, signed, CALLED[2]]}) == []
    assert refused({"reasoning_effort": "low", "messages": [CALLED[2]]}) == []


def test_structured_output_needs_claude_4_5() -> None:
    strict: Json = {"type": "function", "function": {"name": "f", "strict": True}}
    assert refused({"response_format": SCHEMA, "tools": [strict]}) == []
    assert refused({"response_format": SCHEMA, "tools": [strict]}, OLD) == [
        "response_format",
        "tools.0.function.strict",
    ]


@pytest.mark.parametrize(
    "kind", ["web_search_20250305", "tool_search_tool_bm25_20251119", "tool_search_tool_regex", "mcp_toolset"]
)
def test_anthropics_own_tools_are_honoured(kind: str) -> None:
    assert refused({"tools": [{"type": kind, "name": "x"}]}) == []


@pytest.mark.parametrize("tool", [{"type": "custom", "custom": {"name": "x"}}, {"type": "file_search"}, {}])
def test_tools_of_others_are_refused(tool: Json) -> None:
    assert refused({"tools": [tool]}) == ["tools.0.type"]


@pytest.mark.parametrize(
    ("message", "paths"),
    [
        ({"role": "user", "name": "ann", "content": "x"}, ["messages.0.name"]),
        ({"role": "tool", "name": "f", "tool_call_id": "t", "content": "x"}, []),
        ({"role": "assistant", "audio": {"id": "a"}}, ["messages.0.audio"]),
        ({"role": "user", "content": [{"type": "input_audio"}]}, ["messages.0.content.0.type"]),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u", "detail": "low"}}]},
            ["messages.0.content.0.image_url.detail"],
        ),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u", "detail": "high"}}]}, []),
    ],
)
def test_parts_of_messages_are_refused_by_path(message: Json, paths: list[str]) -> None:
    assert refused({"messages": [message]}) == paths


@pytest.mark.parametrize(
    ("name", "line", "version", "max_tokens"),
    [
        ("claude-3-haiku-20240307", "haiku", (3, 0), 4_096),
        ("claude-3-5-sonnet-latest", "sonnet", (3, 5), 8_192),
        ("claude-3-7-sonnet-20250219", "sonnet", (3, 7), 64_000),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "sonnet", (4, 0), 64_000),
        ("claude-opus-4-1-20250805", "opus", (4, 1), 32_000),
        ("claude-haiku-4-5@20251001", "haiku", (4, 5), 64_000),
        ("claude-opus-4-6", "opus", (4, 6), 128_000),
        ("claude-sonnet-5", "sonnet", (5, 0), 128_000),
        ("claude-mythos-preview", "mythos", (99, 0), 4_096),
        ("my-alias", "", (99, 0), 4_096),
    ],
)
def test_a_model_is_known_by_its_name(name: str, line: str, version: tuple[int, int], max_tokens: int) -> None:
    model: Any = claude_model(name)
    assert (model.line, model.version, model.max_tokens) == (line, version, max_tokens)
