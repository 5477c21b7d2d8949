"""What each provider can do, found by asking its declaration: the table of docs/reference/providers.md."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.providers.base import Provider

MODEL = "a-model"
_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_TOOL = {"type": "function", "function": {"name": "weather", "parameters": _SCHEMA}}
_IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}

FEATURES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "tools": {"tools": [_TOOL]},
        "one tool at a time": {"tools": [_TOOL], "parallel_tool_calls": False},
        "images": {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, _IMAGE]}]},
        "JSON schema": {
            "response_format": {"type": "json_schema", "json_schema": {"name": "place", "schema": _SCHEMA}}
        },
        "reasoning effort": {"reasoning_effort": "low"},
        "stop": {"stop": ["END"]},
        "seed": {"seed": 7},
        "penalties": {"presence_penalty": 0.5, "frequency_penalty": 0.5},
        "n": {"n": 2},
        "logprobs": {"logprobs": True, "top_logprobs": 2},
    }
)


def can(provider: Provider, feature: str) -> bool:
    """Whether the provider honours the parameters of the feature."""
    body: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], **FEATURES[feature]}
    call = Call(operation=Operation.CHAT, dialect=Dialect.OPENAI, model=MODEL, stream=False, body=body, canon=body)
    return Operation.CHAT in provider.endpoints and not provider.refuses(call, MODEL)
