"""OpenAI's own specification (../shared/openai-openapi.yaml) as validators of what the gateway writes."""

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from llmgateway.canon.shapes import is_array, is_object

jsonschema: Any = import_module("jsonschema")
referencing: Any = import_module("referencing")
FILE = Path(__file__).parents[3] / "shared" / "openai-openapi.yaml"


@cache
def _registry() -> Any:
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    whole = cast("dict[str, Any]", yaml.load(FILE.read_text("utf-8"), Loader=loader))
    _allow_null(whole["components"])
    draft = import_module("referencing.jsonschema").DRAFT202012
    resource = referencing.Resource.from_contents({"components": whole["components"]}, default_specification=draft)
    return referencing.Registry().with_resource("urn:openai", resource)


def _allow_null(node: Any) -> None:
    """`nullable: true` is OpenAPI's older word for what JSON Schema says by a type."""
    if is_array(node):
        for item in node:
            _allow_null(item)
    elif is_object(node):
        for part in node.values():
            _allow_null(part)
        if node.pop("nullable", False):
            inner = dict(node)
            node.clear()
            node["anyOf"] = [inner, {"type": "null"}]


@cache
def _validator(schema: str) -> Any:
    if not FILE.exists():
        pytest.skip(f"NOT VALIDATED: {FILE} is absent, so answers cannot be held against OpenAI's specification.")
    reference = {"$ref": f"urn:openai#/components/schemas/{schema}"}
    return jsonschema.Draft202012Validator(reference, registry=_registry())


def complaint(schema: str, value: object) -> str | None:
    """What the specification objects to, None when nothing."""
    error = jsonschema.exceptions.best_match(_validator(schema).iter_errors(value))
    if error is None:
        return None
    return f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
