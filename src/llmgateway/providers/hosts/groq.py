"""Groq."""

from typing import Final

from llmgateway.providers.openai_compatible import CHAT_AND_EMBEDDINGS, OpenAICompatible

GROQ: Final = OpenAICompatible(
    id="groq",
    title="Groq",
    docs="https://console.groq.com/docs/openai",
    base_url="https://api.groq.com/openai/v1",
    endpoints=CHAT_AND_EMBEDDINGS,
    unsupported=frozenset({"logprobs", "top_logprobs", "logit_bias", "n"}),
    message_fields=frozenset({"role", "content", "name", "tool_calls", "tool_call_id", "function_call"}),
    quirks=(
        "Unknown fields of messages are a 400 there, thinking included, so it is sent without: https://console.groq.com/docs/api-reference",
        "logprobs, top_logprobs, logit_bias and n above 1 are not supported: https://console.groq.com/docs/openai",
        "Streams carry usage in x_groq when it was not asked for; it is always asked for.",
    ),
)
