"""Strict schemas of callers of Messages at OpenAI, whose rules for them are narrower."""

import json

import pytest

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.providers.azure.declaration import AZURE
from llmgateway.providers.hosts.openai import OPENAI
from llmgateway.providers.openai_compatible import OpenAICompatible
from tests.providers.calls import chat, sent
from tests.providers.openai_building import LAB, PLACE

TEXT: Json = {"type": "string"}
FORM = "response_format.json_schema.strict"
TOOL = "tools.0.function.strict"


def closed(*names: str, of: Json = TEXT, **more: object) -> Json:
    return {
        "type": "object",
        "properties": dict.fromkeys(names, of),
        "required": [*names],
        "additionalProperties": False,
        **more,
    }


OPTIONAL: Json = {**closed("a", "b"), "required": ["a"]}
KEPT = [
    closed(),
    closed("a", of={"anyOf": [TEXT, {"type": "null"}]}),
    closed("a", of={"type": ["string", "null"], "description": "d"}),
    closed("a", of={"type": "array", "items": closed("b")}),
    closed("a", of={"$ref": "#/$defs/x"}, **{"$defs": {"x": closed("b")}}),
    closed("a", of={"type": "string", "format": "date"}),
    closed("properties", of=closed("required")),
]
BROKEN = [
    OPTIONAL,
    {"type": "object"},
    closed("a", of=OPTIONAL),
    closed("a", of={"type": "array", "items": OPTIONAL}),
    closed("a", of={"anyOf": [OPTIONAL, TEXT]}),
    closed("a", of={"$ref": "#/$defs/x"}, **{"$defs": {"x": OPTIONAL}}),
    closed("a", of={**TEXT, "default": "x"}),
    closed("a", of={"oneOf": [TEXT]}),
    closed("a", of={**TEXT, "format": "uri"}),
    closed("a", of={"$ref": "#/$defs/x", "description": "d"}, **{"$defs": {"x": TEXT}}),
    closed("a", of={}),
    {"anyOf": [closed("a")]},
    {**closed("a"), "additionalProperties": {"type": "string"}},
    {**closed("a"), "properties": 5},
]


def asked(schema: Json) -> Call:
    body: Json = {
        "model": "m",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "hello"}],
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
        "tools": [{"name": "f", "input_schema": {"type": "object", **schema}, "strict": True}],
    }
    return AnthropicDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())


def strictness(call: Call, host: OpenAICompatible) -> list[bool]:
    body = sent(host.build(call, PLACE))
    return [body["response_format"]["json_schema"]["strict"], body["tools"][0]["function"]["strict"]]


@pytest.mark.parametrize("host", [OPENAI, AZURE], ids=lambda host: host.id)
@pytest.mark.parametrize("schema", KEPT, ids=str)
def test_a_schema_that_keeps_openais_rules_is_strict(host: OpenAICompatible, schema: Json) -> None:
    assert list(host.refuses(asked(schema), "gpt-4.1")) == []
    assert strictness(asked(schema), host) == [True, True]


@pytest.mark.parametrize("host", [OPENAI, AZURE], ids=lambda host: host.id)
@pytest.mark.parametrize("schema", BROKEN, ids=str)
def test_another_schema_is_followed_without_being_strict_and_that_is_told(host: OpenAICompatible, schema: Json) -> None:
    assert list(host.refuses(asked(schema), "gpt-4.1")) == [FORM, TOOL]
    assert strictness(asked(schema), host) == [False, False]


def test_a_schema_deeper_than_openai_takes_is_not_strict() -> None:
    schema: Json = closed("a")
    for _ in range(10):
        schema = closed("a", of=schema)
    assert list(OPENAI.refuses(asked(schema), "gpt-4.1")) == [FORM, TOOL]


def test_other_hosts_are_asked_as_before() -> None:
    assert list(LAB.refuses(asked(OPTIONAL), "m")) == []
    assert strictness(asked(OPTIONAL), LAB) == [True, True]


def test_a_caller_of_chat_gets_what_it_wrote() -> None:
    form: Json = {"type": "json_schema", "json_schema": {"name": "n", "schema": OPTIONAL, "strict": True}}
    tool: Json = {"type": "function", "function": {"name": "f", "parameters": OPTIONAL, "strict": True}}
    call = chat({"response_format": form, "tools": [tool]})
    assert list(OPENAI.refuses(call, "gpt-4.1")) == []
    assert strictness(call, OPENAI) == [True, True]
