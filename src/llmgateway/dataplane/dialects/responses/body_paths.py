"""Paths of the canon as paths of the Responses body that it came from, so that refusals name a field as the caller wrote it."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from llmgateway.dataplane.dialects.responses.request import LOGPROBS, ResponsesRequest

_SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "max_completion_tokens": "max_output_tokens",
        "reasoning_effort": "reasoning.effort",
        "response_format": "text.format",
        "response_format.json_schema": "text.format",
        "verbosity": "text.verbosity",
    }
)


def body_paths(request: ResponsesRequest, items: Mapping[str, str], field: str) -> Mapping[str, str]:
    """Paths in this field of the canon -> paths in the body; see `Call.body_paths`. `items` are the paths of the body's `input`."""
    match field:
        case "messages":
            first = {"messages.0": "instructions", "messages.0.content": "instructions"}
            return {**first, **items} if request.instructions else items
        case "tools":
            return dict(_of_tools(request))
        case "logprobs":
            return {field: "include" if LOGPROBS in (request.include or ()) else "top_logprobs"}
        case _:
            return _SETTINGS


def _of_tools(request: ResponsesRequest) -> Iterator[tuple[str, str]]:
    for index in range(len(request.tools or ())):
        yield from ((f"tools.{index}", f"tools[{index}]"), (f"tools.{index}.function", f"tools[{index}]"))
