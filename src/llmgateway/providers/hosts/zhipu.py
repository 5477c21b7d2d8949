"""Z.ai (Zhipu)."""

from types import MappingProxyType
from typing import Final

from llmgateway.providers.openai_compatible import CHAT, OpenAICompatible

ZHIPU: Final = OpenAICompatible(
    id="zhipu",
    title="Z.ai (Zhipu)",
    docs="https://docs.z.ai/api-reference/llm/chat-completion",
    base_url="https://api.z.ai/api/paas/v4",
    env=MappingProxyType({"api_key": ("ZHIPU_API_KEY", "ZAI_API_KEY")}),
    endpoints=CHAT,
    renames={"max_completion_tokens": "max_tokens"},
    keeps=frozenset({"reasoning_content"}),
    quirks=(
        "Thinking is switched by its own field, thinking, which is passed on: https://docs.z.ai/guides/capabilities/thinking",
    ),
)
