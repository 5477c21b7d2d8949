"""Moonshot AI (Kimi)."""

from typing import Final

from llmgateway.providers.openai_compatible import CHAT, OpenAICompatible
from llmgateway.providers.openai_wire.prefill import Prefill

MOONSHOT: Final = OpenAICompatible(
    id="moonshot",
    title="Moonshot AI",
    docs="https://platform.moonshot.ai/docs/api/chat",
    base_url="https://api.moonshot.ai/v1",
    endpoints=CHAT,
    prefill=Prefill("partial"),
    renames={"max_completion_tokens": "max_tokens"},
    keeps=frozenset({"reasoning_content"}),
    quirks=(
        (
            "A last message of the assistant is sent with `partial` for callers of /v1/messages, who mean it to be continued: "
            "https://platform.moonshot.ai/docs/api/partial"
        ),
        (
            "tool_choice=required is not known there; it is passed on and refused by the host: "
            "https://platform.moonshot.ai/docs/guide/migrating-from-openai-to-kimi"
        ),
    ),
)
