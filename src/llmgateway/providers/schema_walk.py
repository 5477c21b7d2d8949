"""Rewrites JSON schemas for providers that know only some of the keywords: one rule, applied to every schema at any depth.

Page: https://json-schema.org/understanding-json-schema/keywords.
"""

from collections.abc import Callable
from typing import Any, Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object
from llmgateway.errors import BadRequest

Rewrite = Callable[[Json], Json]
"""The rule: a schema in the provider's words. It calls `rewrite_value` for the keywords that it keeps."""

_DATA: Final = frozenset({"enum", "const", "default", "examples", "required"})
"""Keywords whose value is data, no schema."""
_NAMED: Final = frozenset({"properties", "$defs", "definitions", "patternProperties", "dependentSchemas"})
"""Keywords whose value maps names to schemas: a property may be called as a keyword is."""


def rewrite_schema(schema: Json, rewrite: Rewrite, param: str) -> Json:
    """The whole schema by the rule. Raises BadRequest for `param` when it is nested too deeply to be read."""
    try:
        return rewrite(schema)
    except RecursionError as error:
        raise BadRequest("The schema is nested too deeply. Send a flatter one.", param=param) from error


def rewrite_value(keyword: str, value: Any, rewrite: Rewrite) -> Any:
    """The value of a keyword, with the schemas in it by the rule; data stays as it is."""
    if keyword in _DATA:
        return value
    if keyword in _NAMED and is_object(value):
        return {name: rewrite(item) if is_object(item) else item for name, item in value.items()}
    if is_array(value):
        return [rewrite(item) if is_object(item) else item for item in value]
    return rewrite(value) if is_object(value) else value
