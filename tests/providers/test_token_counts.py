"""Tokens counted by those who know: Bedrock's CountTokens, Google's countTokens, Claude's counter on Vertex AI."""

import json

import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.base import Place, Provider, UpstreamReply, UpstreamRequest
from llmgateway.providers.bedrock.declaration import BEDROCK
from llmgateway.providers.gemini.declaration import GEMINI
from llmgateway.providers.vertex.declaration import VERTEX
from tests.providers.bedrock_building import CLAUDE, NOVA
from tests.providers.bedrock_building import PLACE as AWS
from tests.providers.gemini_building import PLACE as GOOGLE

DIALECT = AnthropicDialect()
BODY: Json = {
    "model": "m",
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "Hello"}],
    "tools": [{"name": "look", "input_schema": {"type": "object"}}],
}
CLOUD = replace(GOOGLE, base_url="https://x", secrets={"token": "t"}, options={"project": "p", "location": "eu"})


def counting() -> Call:
    return DIALECT.read(Operation.COUNT_TOKENS, json.dumps(BODY).encode(), Wishes())


def asked(request: UpstreamRequest) -> Json:
    body: Json = json.loads(request.body)
    return body


@pytest.mark.parametrize(
    ("model", "own"),
    [
        (CLAUDE, "anthropic.claude-sonnet-4-5-20250929-v1%3A0"),
        ("global.anthropic.claude-opus-4-6-v1", "anthropic.claude-opus-4-6-v1"),
        ("anthropic.claude-opus-4-6-v1", "anthropic.claude-opus-4-6-v1"),
    ],
)
def test_bedrock_counts_for_the_model_itself_what_converse_would_read(model: str, own: str) -> None:
    request = BEDROCK.language(model).build(counting(), replace(AWS, model=model))
    assert request.url.endswith(f".amazonaws.com/model/{own}/count-tokens")
    counted = asked(request)["input"]["converse"]
    assert counted["messages"] == [{"role": "user", "content": [{"text": "Hello"}]}]
    assert counted.keys() == {"messages", "system", "toolConfig"}


def test_what_bedrock_cannot_count_is_left_to_the_gateway() -> None:
    assert Operation.COUNT_TOKENS not in BEDROCK.language(NOVA).endpoints


def test_gemini_counts_the_whole_request() -> None:
    request = GEMINI.build(counting(), GOOGLE)
    assert request.url.endswith("/v1beta/models/gemini-2.5-flash:countTokens")
    whole = asked(request)["generateContentRequest"]
    assert whole["model"] == "models/gemini-2.5-flash"
    assert whole.keys() == {"model", "contents", "systemInstruction", "tools"}


def test_vertex_counts_for_gemini() -> None:
    request = VERTEX.build(counting(), CLOUD)
    assert request.url.endswith("/publishers/google/models/gemini-2.5-flash:countTokens")
    assert asked(request).keys() == {"contents", "systemInstruction", "tools"}


def test_vertex_counts_for_claude_by_one_counter() -> None:
    place: Place = replace(CLOUD, model="claude-sonnet-4-5@20250929")
    request = VERTEX.language(place.model).build(counting(), place)
    assert request.url.endswith("/publishers/anthropic/models/count-tokens:rawPredict")
    assert asked(request) == {**BODY, "model": place.model}


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        (BEDROCK.language(CLAUDE), {"inputTokens": 42}),
        (GEMINI, {"totalTokens": 42, "promptTokensDetails": []}),
        (VERTEX, {"totalTokens": 42, "totalBillableCharacters": 9}),
        (VERTEX.language("claude"), {"input_tokens": 42}),
    ],
    ids=["bedrock", "gemini", "vertex", "claude"],
)
def test_the_count_is_told_in_the_callers_words(provider: Provider, body: Json) -> None:
    call = counting()
    answer = provider.read(call, UpstreamReply(200, {}, json.dumps(body).encode()))
    assert json.loads(DIALECT.answer(call, answer)) == {"input_tokens": 42}
    with pytest.raises(ProviderError) as broken:
        provider.read(call, UpstreamReply(200, {}, b'{"x": 1}'))
    assert broken.value.kind is FailureKind.PROTOCOL
