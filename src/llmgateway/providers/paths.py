"""Leaves fields out of a request by their paths: what a target cannot honour and the caller allowed to be dropped."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object
from llmgateway.providers.refusing import forces_a_missing_tool


def leave_out(body: Mapping[str, Any], paths: frozenset[str]) -> Json:
    """The request without these paths (`a.0.b`); the path of the `type` of a part or tool takes the whole part or tool out."""
    kept = {name: value for name, value in body.items() if name not in paths}
    nested = sorted((path.split(".") for path in paths if "." in path), key=_deep_and_late_first)
    for head in {path[0] for path in nested if path[0] in kept}:
        kept[head] = deepcopy(kept[head])
    for path in nested:
        _remove(kept, path[:-1] if path[-1] == "type" else path)
    if any(path[0] == "tools" for path in nested) and forces_a_missing_tool(kept):
        del kept["tool_choice"]
    return kept


def _deep_and_late_first(path: list[str]) -> list[tuple[int, str]]:
    return [(-int(part), "") if part.isdecimal() else (0, part) for part in path]


def _remove(body: Any, path: list[str]) -> None:
    for step in path[:-1]:
        if is_array(body) and step.isdecimal() and int(step) < len(body):
            body = body[int(step)]
        elif is_object(body):
            body = body.get(step)
    last = path[-1]
    if is_array(body) and last.isdecimal() and int(last) < len(body):
        del body[int(last)]
    elif is_object(body):
        body.pop(last, None)
