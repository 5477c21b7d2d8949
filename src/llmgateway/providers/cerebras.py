"""Cerebras."""

from typing import Final

from llmgateway.providers.openai_compatible import CHAT, OpenAICompatible

CEREBRAS: Final = OpenAICompatible(
    id="cerebras",
    title="Cerebras",
    docs="https://inference-docs.cerebras.ai/api-reference/chat-completions",
    base_url="https://api.cerebras.ai/v1",
    endpoints=CHAT,
    unsupported=frozenset({"frequency_penalty", "presence_penalty", "logit_bias"}),
    quirks=(
        (
            "frequency_penalty, presence_penalty and logit_bias are a 400 there: "
            "https://inference-docs.cerebras.ai/resources/openai"
        ),
        "Streams may end without [DONE]; one is written.",
    ),
)
