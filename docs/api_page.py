"""The reference of the control plane's API, written from its own OpenAPI document."""

from collections.abc import Mapping
from typing import Any, Final

Json = Mapping[str, Any]

_METHODS: Final = ("get", "post", "put", "patch", "delete")


def api_page(document: Json) -> str:
    """One page: every operation by its tag, with parameters, body and answers, then the shapes they name."""
    info = document["info"]
    lines = [f"# API of the control plane ({info['version']})", "", str(info.get("summary", "")), ""]
    lines += ["The same as a document for programs: `GET /api/v1/openapi.json`, or `llmgateway openapi`."]
    by_tag: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                operation: Json = operations[method]
                tag = str((operation.get("tags") or ["other"])[0])
                by_tag.setdefault(tag, []).extend(_operation(method, path, operation))
    for tag, described in by_tag.items():
        lines += ["", f"## {tag.capitalize()}", *described]
    lines += ["", "## Shapes"]
    for name, shape in sorted(document["components"]["schemas"].items()):
        if "ValidationError" not in name:
            lines += _shape(name, shape)
    return "\n".join([*lines, ""])


def _operation(method: str, path: str, operation: Json) -> list[str]:
    lines = ["", f"### `{method.upper()} {path}`", "", str(operation.get("description") or operation["summary"])]
    parameters = [one for one in operation.get("parameters", []) if one["in"] in {"query", "path"}]
    if parameters:
        lines.append("")
        lines += [
            _field(one["name"], one["schema"], f"in the {one['in']}", bool(one.get("required"))) for one in parameters
        ]
    body = _content(operation.get("requestBody", {}))
    if body:
        lines += ["", f"Body: {_kind(body)}"]
    for status, answer in operation.get("responses", {}).items():
        if status.startswith("2"):
            content = _content(answer)
            lines += ["", f"Answer: {status}" + (f", {_kind(content)}" if content else "")]
    return lines


def _shape(name: str, shape: Json) -> list[str]:
    lines = ["", f"### {name}", ""]
    if shape.get("description"):
        lines += [str(shape["description"]), ""]
    if "enum" in shape:
        lines.append("One of " + ", ".join(f"`{value}`" for value in shape["enum"]) + ".")
    required = set(shape.get("required", ()))
    for field, inner in shape.get("properties", {}).items():
        lines.append(_field(field, inner, str(inner.get("description", "")), field in required))
    return lines


def _field(name: str, schema: Json, words: str, required: bool) -> str:
    more = [part for part in (words.rstrip("."), "" if required else "optional") if part]
    return f"- `{name}`: {_kind(schema)}" + (f" ({'; '.join(more)})" if more else "")


def _content(part: Json) -> Json:
    return part.get("content", {}).get("application/json", {}).get("schema", {})


def _kind(schema: Json) -> str:
    """A type in words, with a link to the shape it names."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "anything")
