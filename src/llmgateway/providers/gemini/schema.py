"""JSON schemas as Gemini's structured outputs read them: the same meaning in the keywords it knows.

Page: https://ai.google.dev/api/generate-content#FIELDS.response_json_schema.
"""

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object
from llmgateway.providers.schema_walk import rewrite_schema, rewrite_value


def response_schema(schema: Json, param: str) -> Json:
    """The schema for `responseJsonSchema`. Raises BadRequest when it is nested too deeply to be read.

    Beside `$ref` no other keyword may stand, so a described reference becomes a choice of one; `const` is not known,
    and says the same as an `enum` of one value.
    """
    return rewrite_schema(schema, _translated, param)


def takes_nothing(schema: object) -> bool:
    """Whether a function with these parameters has none: then Gemini wants no schema at all."""
    if not is_object(schema):
        return True
    return (
        schema.get("type", "object") == "object"
        and not schema.keys()
        - {
            "type",
            "properties",
            "additionalProperties",
            "required",
            "$schema",
            "title",
        }
        and not schema.get("properties")
        and schema.get("additionalProperties") in (None, False)
    )


def _translated(schema: Json) -> Json:
    made: Json = {name: rewrite_value(name, value, _translated) for name, value in schema.items() if name != "const"}
    if "const" in schema and "enum" not in schema:
        made["enum"] = [schema["const"]]
    beside = {name: value for name, value in made.items() if not name.startswith("$")}
    if "$ref" in made and beside:
        kept = {name: value for name, value in made.items() if name.startswith("$") and name != "$ref"}
        return {**kept, "anyOf": [{"$ref": made["$ref"]}], **beside}
    return made
