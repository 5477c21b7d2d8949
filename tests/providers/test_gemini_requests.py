"""Canon requests as bodies of generateContent."""

import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Dialect
from llmgateway.canon.chat import Json
from llmgateway.providers.gemini.declaration import GEMINI
from tests.providers.calls import chat, sent
from tests.providers.gemini_building import MODEL, NEWER, NOTHING, PLACE, WEATHER, built, config


def test_a_plain_request() -> None:
    request = GEMINI.build(chat({}), PLACE)
    assert request.url == "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
    assert request.headers["x-goog-api-key"] == "AIza-1"
    assert built({}) == {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}


def test_a_stream_is_asked_for_as_events() -> None:
    request = GEMINI.build(chat({}), replace(PLACE, stream=True))
    assert request.url.endswith("/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse")


def test_a_tuned_model_has_a_path_of_its_own() -> None:
    request = GEMINI.build(chat({}), replace(PLACE, model="tunedModels/mine"))
    assert request.url.endswith("/v1beta/tunedModels/mine:generateContent")


def test_a_model_s_name_cannot_leave_the_path() -> None:
    request = GEMINI.build(chat({}), replace(PLACE, model="a?key=b#c"))
    assert request.url.endswith("/v1beta/models/a%3Fkey%3Db%23c:generateContent")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"max_tokens": 5}, {"maxOutputTokens": 5}),
        ({"max_completion_tokens": 6, "max_tokens": 5}, {"maxOutputTokens": 6}),
        ({"temperature": 0}, {"temperature": 0}),
        ({"top_p": 1}, {"topP": 1}),
        ({"top_k": 3, "seed": 4}, {"topK": 3, "seed": 4}),
        ({"stop": "a"}, {"stopSequences": ["a"]}),
        ({"stop": ["a", "b"]}, {"stopSequences": ["a", "b"]}),
        ({"n": 2}, {"candidateCount": 2}),
        ({"n": 1, "logprobs": False, "presence_penalty": 0, "stop": None}, {}),
        ({"presence_penalty": 0.5, "frequency_penalty": -1}, {"presencePenalty": 0.5, "frequencyPenalty": -1}),
        ({"logprobs": True}, {"responseLogprobs": True}),
        ({"logprobs": True, "top_logprobs": 3}, {"responseLogprobs": True, "logprobs": 3}),
        ({"modalities": ["text", "image"]}, {"responseModalities": ["TEXT", "IMAGE"]}),
        ({"response_format": {"type": "text"}}, {}),
        ({"response_format": {"type": "json_object"}}, {"responseMimeType": "application/json"}),
    ],
)
def test_settings_have_their_counterpart(asked: Json, expected: Json) -> None:
    assert config(asked) == expected


def test_a_json_schema_is_sent_as_json_schema() -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "additionalProperties": False}
    named = {"name": "n", "description": "what it is", "schema": schema, "strict": True}
    assert config({"response_format": {"type": "json_schema", "json_schema": named}}) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {**schema, "description": "what it is"},
    }


@pytest.mark.parametrize(
    ("model", "asked", "expected"),
    [
        (MODEL, {"reasoning_effort": "minimal"}, {"thinkingBudget": 1024, "includeThoughts": True}),
        (MODEL, {"reasoning_effort": "medium"}, {"thinkingBudget": 8192, "includeThoughts": True}),
        (MODEL, {"reasoning_effort": "high"}, {"thinkingBudget": 24576, "includeThoughts": True}),
        (MODEL, {"reasoning_effort": "high", "max_tokens": 1000}, {"thinkingBudget": 500, "includeThoughts": True}),
        (
            "gemini-2.5-pro",
            {"reasoning_effort": "low", "max_tokens": 9},
            {"thinkingBudget": 128, "includeThoughts": True},
        ),
        (MODEL, {"reasoning_effort": "none"}, {"thinkingBudget": 0}),
        (MODEL, {"thinking": {"type": "disabled"}}, {"thinkingBudget": 0}),
        (
            MODEL,
            {"thinking": {"type": "enabled", "budget_tokens": 99999}},
            {"thinkingBudget": 24576, "includeThoughts": True},
        ),
        (
            MODEL,
            {"thinking": {"type": "adaptive"}, "reasoning_effort": "high"},
            {"thinkingBudget": -1, "includeThoughts": True},
        ),
        (
            "gemini-2.5-pro",
            {"thinking": {"type": "enabled", "budget_tokens": 5}},
            {"thinkingBudget": 128, "includeThoughts": True},
        ),
        ("gemini-2.5-pro", {"thinking": {"type": "disabled"}}, None),
        (NEWER, {"reasoning_effort": "minimal"}, {"thinkingLevel": "minimal", "includeThoughts": True}),
        (NEWER, {"reasoning_effort": "medium"}, {"thinkingLevel": "medium", "includeThoughts": True}),
        ("gemini-3.1-pro-preview", {"reasoning_effort": "minimal"}, {"thinkingLevel": "low", "includeThoughts": True}),
        ("gemini-3-pro-preview", {"reasoning_effort": "medium"}, {"thinkingLevel": "high", "includeThoughts": True}),
        ("gemini-flash-latest", {"reasoning_effort": "low"}, {"thinkingLevel": "low", "includeThoughts": True}),
        (NEWER, {"thinking": {"type": "adaptive"}}, {"includeThoughts": True}),
        (
            NEWER,
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            {"thinkingBudget": 2000, "includeThoughts": True},
        ),
        (
            NEWER,
            {"thinking": {"type": "enabled", "budget_tokens": 2000}, "reasoning_effort": "low"},
            {"thinkingLevel": "low", "includeThoughts": True},
        ),
        ("gemini-2.0-flash", {"thinking": {"type": "disabled"}, "reasoning_effort": "none"}, None),
        (MODEL, {}, None),
        (NEWER, {"extra_body": {"google": {"thinking_config": {"thinking_level": "low"}}}}, {"thinking_level": "low"}),
    ],
)
def test_thinking_is_asked_for_in_the_model_s_way(model: str, asked: Json, expected: Json | None) -> None:
    assert config(asked, model).get("thinkingConfig") == expected


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({}, False),
        ({"thinking": {"type": "adaptive"}}, True),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, False),
    ],
)
@pytest.mark.parametrize("model", [MODEL, NEWER])
def test_callers_of_messages_see_thoughts_only_where_they_ask_for_thinking(
    model: str, given: Json, *, seen: bool
) -> None:
    call = replace(chat({"reasoning_effort": "high", **given}), dialect=Dialect.ANTHROPIC)
    thinking = sent(GEMINI.build(call, replace(PLACE, model=model)))["generationConfig"]["thinkingConfig"]
    assert ("includeThoughts" in thinking) is seen
    assert thinking.keys() & {"thinkingBudget", "thinkingLevel"}


def test_functions_are_declared_with_their_json_schema() -> None:
    assert built({"tools": [WEATHER, NOTHING]})["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "weather",
                    "description": "Tells the weather",
                    "parametersJsonSchema": WEATHER["function"]["parameters"],
                },
                {"name": "nothing"},
            ]
        }
    ]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", {"mode": "AUTO"}),
        ("required", {"mode": "ANY"}),
        ("none", {"mode": "NONE"}),
        ({"type": "function", "function": {"name": "weather"}}, {"mode": "ANY", "allowedFunctionNames": ["weather"]}),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "weather"}}]},
            },
            {"mode": "ANY", "allowedFunctionNames": ["weather"]},
        ),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "weather"}}]},
            },
            {"mode": "VALIDATED", "allowedFunctionNames": ["weather"]},
        ),
    ],
)
def test_a_tool_choice_is_a_mode_of_calling(choice: object, expected: Json) -> None:
    body = built({"tools": [WEATHER], "tool_choice": choice})
    assert body["toolConfig"] == {"functionCallingConfig": expected}


def test_a_strict_function_is_called_by_its_schema() -> None:
    strict = {**WEATHER, "function": {**WEATHER["function"], "strict": True}}
    assert built({"tools": [strict]})["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
    body = built({"tools": [strict], "tool_choice": "required"})
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}


def test_a_choice_among_no_tools_says_nothing() -> None:
    assert "toolConfig" not in built({"tool_choice": "auto"})


def test_google_s_own_tools_stand_beside_functions() -> None:
    body = built({"tools": [{"type": "google_search"}, WEATHER]})
    assert [next(iter(tool)) for tool in body["tools"]] == ["functionDeclarations", "google_search"]
    assert body["toolConfig"] == {"includeServerSideToolInvocations": True}
    assert built({"tools": [{"type": "file_search", "file_search": {"file_search_store_names": ["a"]}}]})["tools"] == [
        {"file_search": {"file_search_store_names": ["a"]}}
    ]


@pytest.mark.parametrize(("tier", "expected"), [("flex", "flex"), ("priority", "priority"), ("auto", None)])
def test_a_service_tier_is_asked_for(tier: str, expected: str | None) -> None:
    assert built({"service_tier": tier}).get("serviceTier") == expected


def test_google_s_own_settings_travel_under_extra_body() -> None:
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    body = built({"extra_body": {"google": {"cached_content": "cachedContents/1", "safety_settings": safety}}})
    assert body["cachedContent"] == "cachedContents/1"
    assert body["safetySettings"] == safety


def test_what_may_be_left_out_is_left_out() -> None:
    asked: Json = {"seed": 1, "service_tier": "flex", "temperature": 0.5, "logit_bias": {"1": 2}}
    body = built(asked, dropped=frozenset({"seed", "service_tier", "logit_bias"}))
    assert body["generationConfig"] == {"temperature": 0.5}
    assert "serviceTier" not in body


def test_the_call_is_not_changed() -> None:
    schema: Json = {"$ref": "#/$defs/a", "description": "d", "$defs": {"a": {"const": 1}}}
    given = chat({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}})
    before = repr(given.canon)
    GEMINI.build(given, PLACE)
    assert repr(given.canon) == before
