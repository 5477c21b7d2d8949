"""Schemas keep their meaning in the keywords that Gemini knows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object
from llmgateway.errors import BadRequest
from llmgateway.providers.gemini.schema import response_schema, takes_nothing


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"const": "a"}, {"enum": ["a"]}),
        ({"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}),
        ({"$ref": "#/$defs/a", "description": "d"}, {"anyOf": [{"$ref": "#/$defs/a"}], "description": "d"}),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": {"const": 1}}, "title": "t"},
            {"$defs": {"a": {"enum": [1]}}, "anyOf": [{"$ref": "#/$defs/a"}], "title": "t"},
        ),
        (
            {"type": "object", "properties": {"const": {"const": 1}, "$ref": {"type": "string"}}},
            {"type": "object", "properties": {"const": {"enum": [1]}, "$ref": {"type": "string"}}},
        ),
        ({"anyOf": [{"const": 1}, {"type": "null"}]}, {"anyOf": [{"enum": [1]}, {"type": "null"}]}),
        ({"default": {"const": 1}, "enum": [{"const": 2}]}, {"default": {"const": 1}, "enum": [{"const": 2}]}),
        (
            {"items": {"const": 1}, "additionalProperties": False},
            {"items": {"enum": [1]}, "additionalProperties": False},
        ),
    ],
)
def test_schemas_are_said_in_known_words(given: Json, expected: Json) -> None:
    assert response_schema(given, "p") == expected


_LEAVES: st.SearchStrategy[Json] = st.sampled_from(
    [{"type": "string"}, {"const": 1}, {"enum": ["a"]}, {"$ref": "#/$defs/x"}, {"$ref": "#/$defs/x", "title": "t"}]
)


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _array(items: Json) -> Json:
    return {"type": "array", "items": items}


def _choice(options: list[Json]) -> Json:
    return {"anyOf": options}


def _deeper(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    names = st.sampled_from(["a", "const", "$ref", "enum"])
    return (
        st.dictionaries(names, inner, max_size=3).map(_object)
        | inner.map(_array)
        | st.lists(inner, min_size=1, max_size=2).map(_choice)
    )


@given(st.recursive(_LEAVES, _deeper, max_leaves=8))
def test_any_schema_ends_up_in_known_words_and_stays_so(schema: Json) -> None:
    before = repr(schema)
    made = response_schema(schema, "p")
    assert repr(schema) == before
    assert response_schema(made, "p") == made
    _check(made)


def _check(schema: Any) -> None:
    if is_array(schema):
        for item in schema:
            _check(item)
    if not is_object(schema):
        return
    assert "const" not in schema
    assert "$ref" not in schema or all(name.startswith("$") for name in schema)
    for name, value in schema.items():
        if name == "properties":
            for inner in value.values():
                _check(inner)
        elif name in {"items", "anyOf"}:
            _check(value)


def test_a_bottomless_schema_is_refused() -> None:
    schema: Json = {}
    for _ in range(100_000):
        schema = {"items": schema}
    with pytest.raises(BadRequest, match="nested too deeply"):
        response_schema(schema, "p")
    while schema:
        schema = schema["items"]  # taken apart by hand: letting go of it whole would exhaust the stack


@pytest.mark.parametrize(
    ("parameters", "nothing"),
    [
        (None, True),
        (Json(), True),
        ({"type": "object", "properties": Json(), "additionalProperties": False, "required": list[str]()}, True),
        ({"type": "object", "additionalProperties": True}, False),
        ({"type": "object", "properties": {"a": Json()}}, False),
        ({"type": "object", "anyOf": [Json()]}, False),
        ({"type": "string"}, False),
    ],
)
def test_a_function_without_parameters_has_no_schema(parameters: object, nothing: bool) -> None:
    assert takes_nothing(parameters) is nothing
