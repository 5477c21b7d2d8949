"""Fireworks AI."""

from typing import Final

from llmgateway.providers.openai_compatible import CHAT_EMBEDDINGS_COMPLETIONS, OpenAICompatible

FIREWORKS: Final = OpenAICompatible(
    id="fireworks",
    title="Fireworks AI",
    docs="https://docs.fireworks.ai/api-reference/post-chatcompletions",
    base_url="https://api.fireworks.ai/inference/v1",
    endpoints=CHAT_EMBEDDINGS_COMPLETIONS,
    renames={"max_completion_tokens": "max_tokens"},
    keeps=frozenset({"reasoning_content"}),
    quirks=("Models are named accounts/fireworks/models/NAME: https://docs.fireworks.ai/getting-started/quickstart",),
)
