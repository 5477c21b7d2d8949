"""Where a Responses body says what its canon says in other words: refusals name a field as the caller wrote it."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from llmgateway.dataplane.dialects.responses.request import LOGPROBS, Request

_SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "max_completion_tokens": "max_output_tokens",
        "reasoning_effort": "reasoning.effort",
        "response_format": "text.format",
        "response_format.json_schema": "text.format",
        "verbosity": "text.verbosity",
    }
)


def places(request: Request, items: Mapping[str, str], field: str) -> Mapping[str, str]:
    """Path of the canon, in this field -> path of the body; `items`: those of the input."""
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


def _of_tools(request: Request) -> Iterator[tuple[str, str]]:
    for index in range(len(request.tools or ())):
        yield from ((f"tools.{index}", f"tools[{index}]"), (f"tools.{index}.function", f"tools[{index}]"))
