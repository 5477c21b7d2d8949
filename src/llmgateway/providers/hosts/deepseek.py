"""DeepSeek."""

from typing import Final

from llmgateway.providers.openai_compatible import CHAT, OpenAICompatible

DEEPSEEK: Final = OpenAICompatible(
    id="deepseek",
    title="DeepSeek",
    docs="https://api-docs.deepseek.com/",
    base_url="https://api.deepseek.com",
    endpoints=CHAT,
    renames={"max_completion_tokens": "max_tokens"},
    keeps=frozenset({"reasoning_content"}),
    responses="/responses",
    quirks=(
        "A thinking model wants its reasoning_content back on the turns of a tool call: https://api-docs.deepseek.com/guides/thinking_mode",
        "Prompt caching is automatic; its hits are read from prompt_cache_hit_tokens: https://api-docs.deepseek.com/guides/kv_cache",
    ),
)
