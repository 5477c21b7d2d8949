"""OpenRouter."""

from typing import Final

from llmgateway.providers.openai_compatible import EVERYTHING, OpenAICompatible

OPENROUTER: Final = OpenAICompatible(
    id="openrouter",
    title="OpenRouter",
    docs="https://openrouter.ai/docs/api-reference/overview",
    base_url="https://openrouter.ai/api/v1",
    endpoints=EVERYTHING,
    keeps=frozenset({"cache_control", "reasoning_content", "reasoning_details", "images"}),
    responses="/responses",
    free_call="/key",
    quirks=(
        "An error may come inside a 200: https://openrouter.ai/docs/api-reference/errors",
        (
            "Reasoning comes as reasoning and reasoning_details; both travel on, and reasoning_content is added: "
            "https://openrouter.ai/docs/use-cases/reasoning-tokens"
        ),
    ),
)
