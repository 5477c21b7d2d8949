"""DeepSeek."""

from typing import Final

from llmgateway.providers.openai_compatible import CHAT, OpenAICompatible
from llmgateway.providers.openai_wire.prefill import Prefill

DEEPSEEK: Final = OpenAICompatible(
    id="deepseek",
    title="DeepSeek",
    docs="https://api-docs.deepseek.com/",
    base_url="https://api.deepseek.com",
    endpoints=CHAT,
    renames={"max_completion_tokens": "max_tokens"},
    keeps=frozenset({"reasoning_content"}),
    prefill=Prefill("prefix", only_at="/beta"),
    responses="/responses",
    quirks=(
        (
            "A last message of the assistant is continued only where base_url is https://api.deepseek.com/beta; elsewhere it is a "
            "400 for callers of /v1/messages, who mean that: https://api-docs.deepseek.com/guides/chat_prefix_completion"
        ),
        "A thinking model wants its reasoning_content back on the turns of a tool call: https://api-docs.deepseek.com/guides/thinking_mode",
        "Prompt caching is automatic; its hits are read from prompt_cache_hit_tokens: https://api-docs.deepseek.com/guides/kv_cache",
    ),
)
