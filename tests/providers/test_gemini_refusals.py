"""What Gemini cannot honour is named; what is at its default is honoured by leaving it out."""

import pytest

from llmgateway.canon.call import Operation
from llmgateway.canon.chat import Json
from llmgateway.providers.gemini.declaration import GEMINI
from tests.providers.calls import HELLO, chat
from tests.providers.gemini_building import MODEL, NEWER, WEATHER


def part(kind: str, inner: object) -> Json:
    return {"messages": [{"role": "user", "content": [{"type": kind, kind: inner}]}]}


def allowed(mode: str, *tools: Json) -> Json:
    choice: Json = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [*tools]}}
    return {"tools": [WEATHER], "tool_choice": choice}


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ({"logit_bias": {"1": 2}}, ["logit_bias"]),
        ({"user": "u", "metadata": {"a": "b"}, "store": True}, ["user", "metadata", "store"]),
        ({"prediction": {"type": "content"}}, ["prediction"]),
        ({"prompt_cache_key": "k"}, ["prompt_cache_key"]),
        ({"n": 9}, ["n"]),
        ({"stop": ["1", "2", "3", "4", "5", "6"]}, ["stop"]),
        ({"modalities": ["audio"]}, ["modalities"]),
        ({"reasoning_effort": "xhigh"}, ["reasoning_effort"]),
        ({"response_format": {"type": "grammar"}}, ["response_format"]),
        ({"service_tier": "scale"}, ["service_tier"]),
        ({"tools": [WEATHER], "parallel_tool_calls": False}, ["parallel_tool_calls"]),
        ({"tools": [{"type": "custom"}]}, ["tools.0.type"]),
        ({"tools": [WEATHER], "tool_choice": {"type": "custom"}}, ["tool_choice"]),
        ({"tools": [WEATHER], "tool_choice": {"type": "function"}}, ["tool_choice"]),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": ""}}}, ["tool_choice"]),
        (allowed("required", WEATHER, {"type": "custom", "custom": {"name": "f"}}), ["tool_choice"]),
        (allowed("required"), ["tool_choice"]),
        (allowed("sometimes", WEATHER), ["tool_choice"]),
        ({"tools": [WEATHER], "tool_choice": {"type": "allowed_tools", "mode": "auto"}}, ["tool_choice"]),
        ({"messages": [{**HELLO, "name": "ann"}]}, ["messages.0.name"]),
        (part("video_url", {"url": "https://example.org/v.mp4"}), ["messages.0.content.0.type"]),
        (part("image_url", {"url": "data:,", "detail": "low"}), ["messages.0.content.0.image_url.detail"]),
        (part("file", {"file_id": "file-abc"}), ["messages.0.content.0.file.file_id"]),
        ({"extra_body": {"google": {"new": 1}, "x": 2}}, ["extra_body.x", "extra_body.google.new"]),
        (
            {"reasoning_effort": "low", "extra_body": {"google": {"thinking_config": {"thinking_budget": 1}}}},
            ["reasoning_effort"],
        ),
    ],
)
def test_what_cannot_be_honoured_is_named(asked: Json, refused: list[str]) -> None:
    assert GEMINI.refuses(chat(asked), MODEL) == refused


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"n": 1, "logit_bias": {}, "store": False, "user": None, "verbosity": "medium", "logprobs": False},
        {"temperature": 2, "top_p": 0.1, "top_k": 1, "seed": 1, "presence_penalty": 1, "frequency_penalty": 1},
        {"reasoning_effort": "none", "thinking": {"type": "disabled"}},
        {"parallel_tool_calls": False},
        {"parallel_tool_calls": True, "tools": [WEATHER], "tool_choice": "required"},
        allowed("auto", WEATHER),
        {"tools": [WEATHER], "tool_choice": "none", "parallel_tool_calls": False},
        {"service_tier": "default", "response_format": {"type": "json_object"}, "stream_options": {}},
        {"cache_control": {"type": "ephemeral"}},
        {"messages": [HELLO, {"role": "tool", "name": "f", "content": "x"}]},
        part("image_url", {"url": "https://example.org/a.png", "detail": "high"}),
    ],
)
def test_what_can_be_honoured_is_not_refused(asked: Json) -> None:
    assert GEMINI.refuses(chat(asked), MODEL) == []


@pytest.mark.parametrize(
    ("model", "asked", "refused"),
    [
        ("gemini-2.5-pro", {"reasoning_effort": "none"}, ["reasoning_effort"]),
        (NEWER, {"reasoning_effort": "none"}, ["reasoning_effort"]),
        (NEWER, {"thinking": {"type": "disabled"}}, []),
        ("gemini-2.0-flash", {"reasoning_effort": "low"}, ["reasoning_effort"]),
        ("gemini-2.0-flash", {"reasoning_effort": "none"}, []),
        (
            "gemini-2.0-flash",
            {"thinking": {"type": "enabled", "budget_tokens": 9}, "reasoning_effort": "low"},
            ["thinking", "reasoning_effort"],
        ),
        ("gemma-3-27b-it", {"reasoning_effort": "low"}, ["reasoning_effort"]),
        (
            "gemini-2.0-flash",
            part("image_url", {"url": "https://example.org/a.png"}),
            ["messages.0.content.0.image_url"],
        ),
        ("gemini-2.0-flash", part("file", {"file_url": "https://youtu.be/abc"}), []),
    ],
)
def test_models_differ(model: str, asked: Json, refused: list[str]) -> None:
    assert GEMINI.refuses(chat(asked), model) == refused


def test_embeddings_refuse_what_has_no_counterpart() -> None:
    asked = {"input": "a", "dimensions": 8, "encoding_format": "base64", "user": "u"}
    assert GEMINI.refuses(chat(asked, operation=Operation.EMBEDDINGS), "gemini-embedding-001") == ["user"]
