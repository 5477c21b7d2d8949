"""Schemas that OpenAI or a validator's library takes, as Claude's constrained output takes them: its own API, and Bedrock's."""

from typing import Any

import msgspec
import pytest

from llmgateway.canon.chat import Json
from llmgateway.errors import BadRequest
from llmgateway.providers.anthropic.schemas import constrained
from tests.providers.anthropic_building import built
from tests.providers.bedrock_building import built as built_for_bedrock

CLAUDE_ON_BEDROCK = "anthropic.claude-sonnet-4-5-20250929-v1:0"
GIVEN: Json = {
    "type": "object",
    "properties": {
        "minimum": {"type": "integer", "minimum": 1, "maximum": 10, "description": "A number"},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 5}, "minItems": 2, "maxItems": 3},
        "some": {"type": "array", "items": {"type": "string", "format": "date"}, "minItems": 1},
        "inner": {"type": ["object", "null"], "properties": {"path": {"type": "string", "format": "path"}}},
        "either": {"oneOf": [{"$ref": "#/$defs/Price"}, {"type": "null"}]},
    },
    "required": ["minimum"],
    "$defs": {"Price": {"type": "number", "exclusiveMinimum": 0, "default": 1}},
}
TAKEN: Json = {
    "type": "object",
    "properties": {
        "minimum": {"type": "integer", "description": "A number\n\n{minimum: 1, maximum: 10}"},
        "tags": {
            "type": "array",
            "items": {"type": "string", "description": "{maxLength: 5}"},
            "description": "{minItems: 2, maxItems: 3}",
        },
        "some": {"type": "array", "items": {"type": "string", "format": "date"}, "minItems": 1},
        "inner": {
            "type": ["object", "null"],
            "properties": {"path": {"type": "string", "description": '{format: "path"}'}},
            "additionalProperties": False,
        },
        "either": {"anyOf": [{"$ref": "#/$defs/Price"}, {"type": "null"}]},
    },
    "required": ["minimum"],
    "additionalProperties": False,
    "$defs": {"Price": {"type": "number", "default": 1, "description": "{exclusiveMinimum: 0}"}},
}


def tool(*, strict: bool) -> Json:
    return {"type": "function", "function": {"name": "f", "parameters": GIVEN, "strict": strict}}


FORM: Json = {"type": "json_schema", "json_schema": {"name": "n", "schema": GIVEN, "strict": True}}


def test_limits_are_told_in_words_and_objects_are_closed() -> None:
    before = msgspec.json.encode(GIVEN)
    assert built({"response_format": FORM})["output_config"]["format"]["schema"] == TAKEN
    assert msgspec.json.encode(GIVEN) == before


def test_the_same_on_bedrock() -> None:
    made: Any = built_for_bedrock({"response_format": FORM}, CLAUDE_ON_BEDROCK)
    assert msgspec.json.decode(made["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]) == TAKEN


@pytest.mark.parametrize(("strict", "wanted"), [(True, TAKEN), (False, GIVEN)])
def test_a_strict_tools_schema_is_held_to_the_same(wanted: Json, *, strict: bool) -> None:
    assert built({"tools": [tool(strict=strict)]})["tools"][0]["input_schema"] == wanted
    made: Any = built_for_bedrock({"tools": [tool(strict=strict)]}, CLAUDE_ON_BEDROCK)
    assert made["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"] == wanted


def test_a_tool_nested_too_deeply_is_refused() -> None:
    schema: Json = {"type": "string"}
    for _ in range(2000):
        schema = {"not": schema}
    with pytest.raises(BadRequest) as refused:
        constrained(schema, "tools.0.function.parameters")
    assert refused.value.param == "tools.0.function.parameters"


@pytest.mark.parametrize("keyword", ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"])
def test_what_is_named_like_a_limit_is_no_limit(keyword: str) -> None:
    schema: Json = {keyword: {"minimum": {"type": "integer", "minimum": 3}}}
    made: Any = constrained(schema, "response_format")
    assert made == {keyword: {"minimum": {"type": "integer", "description": "{minimum: 3}"}}}
