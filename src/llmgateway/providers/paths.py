"""A request without certain paths: what a caller allowed to be left out."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object
from llmgateway.providers.refusing import lost_choice


def leave_out(body: Mapping[str, Any], paths: frozenset[str]) -> Json:
    """The request without these paths; for the `type` of a part or tool the whole part or tool goes."""
    kept = {name: value for name, value in body.items() if name not in paths}
    nested = sorted((path.split(".") for path in paths if "." in path), key=_deep_and_late_first)
    for head in {path[0] for path in nested if path[0] in kept}:
        kept[head] = deepcopy(kept[head])
    for path in nested:
        _remove(kept, path[:-1] if path[-1] == "type" else path)
    if any(path[0] == "tools" for path in nested) and lost_choice(kept):
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
