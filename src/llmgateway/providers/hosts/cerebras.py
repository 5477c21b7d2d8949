"""Cerebras."""

from types import MappingProxyType
from typing import Final

from llmgateway.canon.call import Operation
from llmgateway.providers.openai_compatible import OpenAICompatible

CEREBRAS: Final = OpenAICompatible(
    id="cerebras",
    title="Cerebras",
    docs="https://inference-docs.cerebras.ai/api-reference/chat-completions",
    base_url="https://api.cerebras.ai/v1",
    endpoints=MappingProxyType({Operation.CHAT: "/chat/completions", Operation.COMPLETIONS: "/completions"}),
    unsupported=frozenset({"frequency_penalty", "presence_penalty", "logit_bias"}),
    message_fields=frozenset({"role", "content", "name", "reasoning", "tool_calls", "tool_call_id"}),
    quirks=(
        (
            "Unknown fields of messages are a 400 there, reasoning_content included; thinking goes back as reasoning alone: "
            "https://inference-docs.cerebras.ai/api-reference/chat-completions"
        ),
        (
            "frequency_penalty, presence_penalty and logit_bias are a 400 there: "
            "https://inference-docs.cerebras.ai/resources/openai"
        ),
        "Streams may end without [DONE]; one is written.",
    ),
)
