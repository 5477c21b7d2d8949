"""Which schemas OpenAI takes as strict: callers of /v1/messages ask for `strict` by Anthropic's rules, which are laxer.

Page: https://platform.openai.com/docs/guides/structured-outputs (supported schemas).
"""

from collections.abc import Iterator
from typing import Any, Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects

_KEYWORDS: Final = frozenset(
    {
        "type", "title", "description", "enum", "const", "anyOf", "$defs", "definitions",
        "properties", "required", "additionalProperties", "items", "minItems", "maxItems",
        "pattern", "format", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    }
)  # fmt: skip
_FORMATS: Final = (None, "date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")
_DEEPEST: Final = 10


def unkept_strictness(canon: Json) -> Iterator[str]:
    """Paths of the `strict` flags whose schemas break OpenAI's rules for strict ones."""
    if _breaks(_form(canon), "schema"):
        yield "response_format.json_schema.strict"
    for index, tool in enumerate(objects(canon.get("tools"))):
        if _breaks(tool.get("function"), "parameters"):
            yield f"tools.{index}.function.strict"


def relax(body: Json) -> None:
    """Set `strict` to false where OpenAI would refuse the schema as strict; the model still follows it."""
    form = _form(body)
    if is_object(form) and _breaks(form, "schema"):
        body["response_format"] = {**body["response_format"], "json_schema": {**form, "strict": False}}
    if tools := objects(body.get("tools")):
        body["tools"] = [_relaxed(tool) for tool in tools]


def _relaxed(tool: Json) -> Json:
    function = tool.get("function")
    if is_object(function) and _breaks(function, "parameters"):
        return {**tool, "function": {**function, "strict": False}}
    return tool


def _form(canon: Json) -> object:
    form = canon.get("response_format")
    return form.get("json_schema") if is_object(form) else None


def _breaks(wanted: object, schema: str) -> bool:
    """Whether an answer format or a function is strict with a schema that OpenAI would refuse as strict."""
    return is_object(wanted) and wanted.get("strict") is True and not _is_strict(wanted.get(schema))


def _is_strict(schema: object) -> bool:
    return is_object(schema) and schema.get("type") == "object" and "anyOf" not in schema and _keeps(schema, 1)


def _keeps(schema: object, depth: int) -> bool:
    """Whether a schema and all schemas in it keep the rules; False in doubt."""
    if not is_object(schema) or depth > _DEEPEST:
        return False
    if "$ref" in schema:
        return schema.keys() == {"$ref"}
    if schema.keys() - _KEYWORDS or not schema.keys() & {"type", "anyOf"} or schema.get("format") not in _FORMATS:
        return False
    return _is_closed(schema) and all(_keeps(inner, depth + 1) for inner in _below(schema))


def _is_closed(schema: Json) -> bool:
    """Whether an object schema requires all of its properties and allows no others; true of other schemas."""
    kind = schema.get("type")
    if kind != "object" and not (is_array(kind) and "object" in kind) and "properties" not in schema:
        return True
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if schema.get("additionalProperties") is not False or not is_object(properties) or not is_array(required):
        return False
    return len(required) == len(properties) and all(name in required for name in properties)


def _below(schema: Json) -> Iterator[Any]:
    for name in ("properties", "$defs", "definitions"):
        inner = schema.get(name, {})
        yield from inner.values() if is_object(inner) else (None,)
    if "items" in schema:
        yield schema["items"]
    yield from schema.get("anyOf") or ()
