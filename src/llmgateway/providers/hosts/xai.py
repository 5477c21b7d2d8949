"""xAI."""

from typing import Final

from llmgateway.providers.openai_compatible import CHAT, OpenAICompatible

XAI: Final = OpenAICompatible(
    id="xai",
    title="xAI",
    docs="https://docs.x.ai/docs/api-reference",
    base_url="https://api.x.ai/v1",
    endpoints=CHAT,
    unsupported=frozenset({"logit_bias"}),
    responses="/responses",
    quirks=(
        (
            "Reasoning tokens are counted beside completion_tokens, not inside; both are charged as output: "
            "https://docs.x.ai/docs/guides/reasoning"
        ),
    ),
)
