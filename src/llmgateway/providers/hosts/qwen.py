"""Qwen, by DashScope's compatible mode."""

from types import MappingProxyType
from typing import Final

from llmgateway.providers.openai_compatible import CHAT_AND_EMBEDDINGS, OpenAICompatible

QWEN: Final = OpenAICompatible(
    id="qwen",
    title="Qwen (DashScope)",
    docs="https://www.alibabacloud.com/help/en/model-studio/qwen-api-reference",
    base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    env=MappingProxyType({"api_key": ("QWEN_API_KEY", "DASHSCOPE_API_KEY")}),
    endpoints=CHAT_AND_EMBEDDINGS,
    renames={"max_completion_tokens": "max_tokens"},
    unsupported=frozenset({"logit_bias"}),
    quirks=(
        (
            "Other regions have other addresses, set by base_url: "
            "https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope"
        ),
    ),
)
