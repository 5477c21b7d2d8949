"""Rewrites JSON schemas for Claude's constrained output, of answers and of calls of strict tools.

Page: https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations. Objects must be closed, and
limits are not supported: they go into the description, as Anthropic's own SDKs do it.
"""

from typing import Any, Final

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, text_of
from llmgateway.providers.schema_walk import rewrite_schema, rewrite_value

_LIMITS: Final = frozenset(
    {
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems",
        "uniqueItems", "minProperties", "maxProperties",
    }
)  # fmt: skip
"""Keywords that are a 400 there (`For 'integer' type, property 'minimum' is not supported`)."""
_FORMATS: Final = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)


def constrained(schema: object, param: str) -> object:
    """The schema that Claude can be held to; an answer to it also answers the given one, as far as the words are heeded.

    What is no schema stays as it is, for the provider to say so. Raises BadRequest when it is nested too deeply to be read.
    """
    return rewrite_schema(schema, _constrained, param) if is_object(schema) else schema


def _constrained(schema: Json) -> Json:
    limits = {name: value for name, value in schema.items() if _is_limit(name, value)}
    made = {name: rewrite_value(name, value, _constrained) for name, value in schema.items() if name not in limits}
    if "oneOf" in made and "anyOf" not in made:
        made["anyOf"] = made.pop("oneOf")
    kind: object = schema.get("type")
    if (kind == "object" or (is_array(kind) and "object" in kind)) and "additionalProperties" not in schema:
        made["additionalProperties"] = False
    if limits:
        words = ", ".join(f"{name}: {msgspec.json.encode(value).decode()}" for name, value in limits.items())
        made["description"] = "\n\n".join(filter(None, (text_of(schema.get("description")), f"{{{words}}}")))
    return made


def _is_limit(name: str, value: Any) -> bool:
    if name == "minItems":
        return value not in (0, 1)
    return name in _LIMITS or (name == "format" and value not in _FORMATS)
