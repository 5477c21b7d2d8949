"""Qwen, by DashScope's compatible mode."""

from types import MappingProxyType
from typing import Final

from llmgateway.providers.openai_compatible import CHAT_AND_EMBEDDINGS, OpenAICompatible
from llmgateway.providers.openai_wire.prefill import Prefill

QWEN: Final = OpenAICompatible(
    id="qwen",
    title="Qwen (DashScope)",
    docs="https://www.alibabacloud.com/help/en/model-studio/qwen-api-reference",
    base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    env=MappingProxyType({"api_key": ("QWEN_API_KEY", "DASHSCOPE_API_KEY")}),
    endpoints=CHAT_AND_EMBEDDINGS,
    prefill=Prefill("partial"),
    renames={"max_completion_tokens": "max_tokens"},
    unsupported=frozenset({"logit_bias"}),
    quirks=(
        (
            "A last message of the assistant is sent with `partial` for callers of /v1/messages, who mean it to be continued; thinking models refuse that: "
            "https://www.alibabacloud.com/help/en/model-studio/partial-mode"
        ),
        (
            "Other regions have other addresses, set by base_url: "
            "https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope"
        ),
    ),
)
