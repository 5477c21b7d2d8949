"""Requests to Bedrock: where they go, who signs them, what they say and what is refused."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from llmgateway.canon.chat import Json
from llmgateway.errors import BadRequest
from llmgateway.providers.bedrock.declaration import BEDROCK
from tests.providers.bedrock_building import CLAUDE, NOVA, PLACE, built
from tests.providers.calls import HELLO, chat

TOOL: Json = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
CALL: Json = {"id": "c_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
PIXEL: Json = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
POINT: Json = {"cachePoint": {"type": "default"}}
HOUR: Json = {"cachePoint": {"type": "default", "ttl": "1h"}}
WEB_DOCUMENT: Json = {"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}}
WEB_IMAGE: Json = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}


@pytest.mark.parametrize(("stream", "method"), [(False, "converse"), (True, "converse-stream")])
def test_the_model_is_part_of_the_path(method: str, *, stream: bool) -> None:
    arn = "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"
    request = BEDROCK.build(chat({}), replace(PLACE, model=arn, stream=stream))
    path = "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fabc"
    assert request.url == f"{PLACE.base_url}/model/{path}/{method}"
    assert request.headers["authorization"] == "Bearer k"


def test_without_a_bearer_key_requests_are_signed() -> None:
    secrets = {"aws_access_key_id": "AK", "aws_secret_access_key": "s", "aws_session_token": "t"}
    request = BEDROCK.build(chat({}), replace(PLACE, secrets=secrets))
    assert request.headers["authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AK/20260102/us-east-1/bedrock/aws4_request, SignedHeaders=content-type;host;"
    )
    assert request.headers["x-amz-security-token"] == "t"
    with pytest.raises(BadRequest, match="AWS_REGION"):
        BEDROCK.build(chat({}), replace(PLACE, secrets=secrets, options={}))


def test_parameters_take_their_places() -> None:
    body = built(
        {"max_tokens": 5, "temperature": 0.5, "top_p": 0.9, "stop": "x", "top_k": 3, "guardrailConfig": {"a": 1}}
    )
    assert body == {
        "messages": [{"role": "user", "content": [{"text": "hello"}]}],
        "inferenceConfig": {"maxTokens": 5, "temperature": 0.5, "topP": 0.9, "stopSequences": ["x"]},
        "additionalModelRequestFields": {"inferenceConfig": {"topK": 3}},
        "guardrailConfig": {"a": 1},
    }


@pytest.mark.parametrize(
    ("model", "given", "further"),
    [
        (CLAUDE, {"top_k": 3}, {"top_k": 3}),
        (
            CLAUDE,
            {"thinking": {"type": "enabled", "budget_tokens": 2048}},
            {"thinking": {"type": "enabled", "budget_tokens": 2048}},
        ),
        (
            "us.anthropic.claude-sonnet-4-6",
            {"reasoning_effort": "high"},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        ),
        ("openai.gpt-oss-120b-1:0", {"reasoning_effort": "minimal", "seed": 4}, {"seed": 4, "reasoning_effort": "low"}),
        (
            "us.amazon.nova-2-lite-v1:0",
            {"reasoning_effort": "medium"},
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}},
        ),
        ("cohere.command-r-v1:0", {"top_k": 3, "seed": 4}, {"k": 3, "seed": 4}),
        ("mistral.mistral-large-2407-v1:0", {"top_k": 3}, {"top_k": 3}),
        (NOVA, {"additionalModelRequestFields": {"x": 1}}, {"x": 1}),
    ],
)
def test_parameters_of_the_makers_own(model: str, given: Json, further: Json) -> None:
    assert built(given, model)["additionalModelRequestFields"] == further


def test_a_history_keeps_all_it_has() -> None:
    thinking = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "abc"},
        {"type": "thinking", "thinking": "another model's", "signature": ""},
    ]
    marker = {"cache_control": {"type": "ephemeral"}}
    body = built(
        {
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": "be brief", **marker}]},
                {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "text", "text": " "}, PIXEL]},
                {"role": "assistant", "content": "I call", "thinking_blocks": thinking, "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "c_1", "content": "bad", "is_error": True},
                {"role": "user", "content": "go on"},
            ]
        },
        CLAUDE,
    )
    assert body["system"] == [{"text": "be brief"}, {"cachePoint": {"type": "default"}}]
    assert body["messages"] == [
        {"role": "user", "content": [{"text": "look"}, {"image": {"format": "png", "source": {"bytes": "AA=="}}}]},
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
                {"reasoningContent": {"redactedContent": "YWJj"}},
                {"text": "I call"},
                {"toolUse": {"toolUseId": "c_1", "name": "f", "input": {"a": 1}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "c_1", "content": [{"text": "bad"}], "status": "error"}},
                {"text": "go on"},
            ],
        },
    ]


def test_blank_texts_are_left_out_beside_others() -> None:
    marked: Json = {"type": "text", "text": "", "cache_control": {"type": "ephemeral"}}
    hello = [{"role": "user", "content": [{"text": "hello"}]}]
    for blank in ("", " ", [marked]):
        silent: Json = {"role": "user", "content": blank}
        assert built({"messages": [HELLO, silent]}, CLAUDE)["messages"] == hello
        assert built({"messages": [silent, HELLO]}, CLAUDE)["messages"] == hello
    assert built({"messages": [{"role": "user", "content": ""}]})["messages"][0]["content"] == [{"text": ""}]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "file", "file": {"filename": "a_b.pdf", "file_data": "data:application/pdf;base64,AA=="}},
            {"document": {"format": "pdf", "name": "a b", "source": {"bytes": "AA=="}}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:text/csv;base64,AA=="}, "citations": {"enabled": True}},
            {
                "document": {
                    "format": "csv",
                    "name": "document",
                    "source": {"bytes": "AA=="},
                    "citations": {"enabled": True},
                }
            },
        ),
        (
            {"type": "document", "title": "T", "source": {"type": "text", "data": "a"}},
            {"document": {"format": "txt", "name": "T", "source": {"bytes": "YQ=="}}},
        ),
        (
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="}},
            {"document": {"format": "pdf", "name": "document", "source": {"bytes": "AA=="}}},
        ),
        (
            {"type": "image_url", "image_url": "s3://b/a.webp"},
            {"image": {"format": "webp", "source": {"s3Location": {"uri": "s3://b/a.webp"}}}},
        ),
        (
            {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]},
            {"searchResult": {"source": "s", "title": "t", "content": [{"text": "x"}]}},
        ),
        ({"type": "refusal", "refusal": "no"}, {"text": "no"}),
        ({"type": "guardContent", "guardContent": {"text": {}}}, {"guardContent": {"text": {}}}),
    ],
)
def test_parts(part: Json, block: Json) -> None:
    assert built({"messages": [{"role": "user", "content": [part]}]})["messages"][0]["content"] == [block]


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "critic", "content": "x"}, "messages.0.role"),
        ({"role": "tool", "content": "x"}, "messages.0.tool_call_id"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "messages.0.content.0.type"),
        ({"role": "user", "content": [WEB_IMAGE]}, "messages.0.content.0.image_url.url"),
        (
            {"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]},
            "messages.0.content.0.file.file_data",
        ),
        (
            {"role": "user", "content": [{"type": "document", "source": {"type": "url"}}]},
            "messages.0.content.0.source.type",
        ),
        (
            {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{"}}]},
            "messages.0.tool_calls.0.function.arguments",
        ),
        (
            {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "[]"}}]},
            "messages.0.tool_calls.0.function.arguments",
        ),
    ],
)
def test_what_cannot_be_expressed_is_named(message: Json, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        built({"messages": [message]})
    assert caught.value.param == param


def test_tools_with_their_schema_strictness_and_cache_point() -> None:
    tool = {
        "type": "function",
        "function": {**TOOL["function"], "strict": True},
        "cache_control": {"type": "e", "ttl": "1h"},
    }
    schema = {"type": "object", "additionalProperties": False}
    spec = {"name": "f", "description": "d", "inputSchema": {"json": schema}, "strict": True}
    wanted = [{"toolSpec": spec}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    assert built({"tools": [tool]}, CLAUDE)["toolConfig"] == {"tools": wanted}


@pytest.mark.parametrize(
    ("model", "in_content", "at_tools"),
    [
        (CLAUDE, [HOUR], [HOUR]),
        ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", [POINT], [POINT]),
        ("anthropic.claude-3-haiku-20240307-v1:0", [], []),
        ("us.amazon.nova-pro-v1:0", [POINT], []),
        ("meta.llama3-3-70b-instruct-v1:0", [], []),
        ("mistral.mistral-large-2407-v1:0", [], []),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", [], []),
    ],
)
def test_cache_points_stand_only_where_the_model_takes_them(
    model: str, in_content: list[Json], at_tools: list[Json]
) -> None:
    marker: Json = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    text: Json = {"type": "text", "text": "a", **marker}
    history: list[Json] = [
        {"role": "system", "content": [text]},
        {"role": "user", "content": [text]},
        {"role": "assistant", "tool_calls": [{**CALL, **marker}]},
        {"role": "tool", "tool_call_id": "c/1", "content": "1", **marker},
    ]
    asked: Json = {"messages": history, "tools": [{**TOOL, **marker}]}
    body = built(asked, model)
    assert body["system"][1:] == in_content
    assert body["messages"][0]["content"][1:] == in_content
    assert [turn["content"][1:] for turn in body["messages"][1:]] == [at_tools, at_tools]
    assert body["toolConfig"]["tools"][1:] == at_tools
    assert BEDROCK.language(model).refuses(chat(asked), model) == []


def test_what_claude_signed_goes_to_claude_alone() -> None:
    thoughts: list[Json] = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "abc"},
    ]
    said: Json = {"role": "assistant", "content": "x", "thinking_blocks": thoughts}
    assert len(built({"messages": [said]}, CLAUDE)["messages"][0]["content"]) == 3
    assert built({"messages": [said]})["messages"][0]["content"] == [{"text": "x"}]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", {"auto": {}}),
        ("required", {"any": {}}),
        ({"type": "function", "function": {"name": "f"}}, {"tool": {"name": "f"}}),
    ],
)
def test_tool_choice(choice: Any, sent: Json) -> None:
    assert built({"tools": [TOOL], "tool_choice": choice})["toolConfig"]["toolChoice"] == sent


def test_tools_that_a_history_without_tools_names_are_declared() -> None:
    """Converse takes no calls and results without a toolConfig."""
    history: list[Json] = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [CALL, {**CALL, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c_1", "content": "1"},
        {"role": "tool", "tool_call_id": "c2", "content": "2"},
    ]
    spec: Json = {"name": "f", "inputSchema": {"json": {"type": "object", "properties": {}}}}
    assert built({"messages": history})["toolConfig"] == {"tools": [{"toolSpec": spec}]}
    assert built({"messages": history, "tools": [TOOL]})["toolConfig"]["tools"][0]["toolSpec"]["description"] == "d"
    assert "toolConfig" not in built({})


def test_claude_is_told_in_its_own_words_to_call_one_tool_at_a_time() -> None:
    """Its words and Converse's choice must not both be said."""
    for choice in ({}, {"tool_choice": "auto"}):
        asked: Json = {"tools": [TOOL], "parallel_tool_calls": False, **choice}
        assert BEDROCK.language(CLAUDE).refuses(chat(asked), CLAUDE) == []
        body = built(asked, CLAUDE)
        told = {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
        assert body["additionalModelRequestFields"] == told
        assert list(body["toolConfig"]) == ["tools"]
    assert BEDROCK.refuses(chat({"tools": [TOOL], "parallel_tool_calls": False}), NOVA) == ["parallel_tool_calls"]


def test_tool_choice_none_leaves_the_tools_out() -> None:
    assert "toolConfig" not in built({"tools": [TOOL], "tool_choice": "none"})


def test_a_schema_for_the_output_is_json_text() -> None:
    schema: Json = {"type": "object", "properties": {}}
    wanted: Json = {"type": "json_schema", "json_schema": {"name": "n", "description": "d", "schema": schema}}
    sent = built({"response_format": wanted}, CLAUDE)["outputConfig"]["textFormat"]
    inner = sent["structure"]["jsonSchema"]
    assert (sent["type"], inner["name"], inner["description"]) == ("json_schema", "n", "d")
    assert msgspec.json.decode(inner["schema"]) == {**schema, "additionalProperties": False}


def test_newer_claude_models_get_no_sampling_parameters_at_their_defaults() -> None:
    assert "inferenceConfig" not in built({"temperature": 1, "top_p": 1}, "us.anthropic.claude-opus-4-7")


def test_service_tiers() -> None:
    assert built({"service_tier": "flex"})["serviceTier"] == {"type": "flex"}
    assert "serviceTier" not in built({"service_tier": "auto"})


def _file(**file: str) -> Json:
    return {"type": "file", "file": file}


def _pixel(detail: str) -> Json:
    return {"type": "image_url", "image_url": {**PIXEL["image_url"], "detail": detail}}


@pytest.mark.parametrize("model", [CLAUDE, NOVA])
@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({}, []),
        ({"n": 1, "service_tier": "flex", "tool_choice": "auto"}, []),
        ({"n": 2}, ["n"]),
        ({"seed": 1}, ["seed"]),
        ({"user": "u"}, ["user"]),
        ({"logprobs": True}, ["logprobs"]),
        ({"service_tier": "scale"}, ["service_tier"]),
        ({"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False}, ["parallel_tool_calls"]),
        ({"parallel_tool_calls": False}, []),
        ({"response_format": {"type": "json_object"}}, ["response_format"]),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, ["tools.0.type"]),
        ({"messages": [{"role": "user", "content": [WEB_IMAGE]}]}, ["messages.0.content.0.type"]),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, ["messages.0.content.0.type"]),
        ({"messages": [{"role": "user", "content": [_pixel("low")]}]}, ["messages.0.content.0.image_url.detail"]),
        ({"messages": [{"role": "user", "content": [_pixel("high"), _pixel("auto")]}]}, []),
        (
            {"messages": [{"role": "user", "content": [_file(file_url="https://x.test/a.pdf")]}]},
            ["messages.0.content.0.type"],
        ),
        ({"messages": [{"role": "user", "content": [_file(file_id="f")]}]}, ["messages.0.content.0.type"]),
        (
            {"messages": [{"role": "user", "content": [_file(file_data="data:a/b;base64,AA==")]}]},
            ["messages.0.content.0.type"],
        ),
        ({"messages": [{"role": "user", "content": [_file(file_url="s3://b/a.pdf"), _file(file_data="AA==")]}]}, []),
        ({"messages": [{"role": "user", "content": [WEB_DOCUMENT]}]}, ["messages.0.content.0.type"]),
        ({"guardrailConfig": {}, "requestMetadata": {}}, []),
    ],
)
def test_what_cannot_be_honoured_is_named(model: str, given: Json, refused: list[str]) -> None:
    assert BEDROCK.language(model).refuses(chat(given), model) == refused


@pytest.mark.parametrize(
    ("model", "given", "refused"),
    [
        (NOVA, {"reasoning_effort": "high"}, ["reasoning_effort"]),
        (NOVA, {"thinking": {"type": "enabled"}}, ["thinking"]),
        (NOVA, {"response_format": {"type": "json_schema"}}, ["response_format"]),
        ("meta.llama3", {"top_k": 2}, ["top_k"]),
        ("qwen.qwen3", {"response_format": {"type": "json_schema"}}, []),
        (
            NOVA,
            {"tools": [{"type": "function", "function": {"name": "f", "strict": True}}]},
            ["tools.0.function.strict"],
        ),
        (
            NOVA,
            {"tools": [TOOL], "tool_choice": "none", "messages": [{"role": "assistant", "tool_calls": [CALL]}]},
            ["tool_choice"],
        ),
    ],
)
def test_what_a_model_cannot_honour_is_named(model: str, given: Json, refused: list[str]) -> None:
    assert BEDROCK.refuses(chat(given), model) == refused
