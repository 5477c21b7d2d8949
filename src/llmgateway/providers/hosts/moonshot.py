"""Moonshot AI (Kimi)."""

from typing import Final

from llmgateway.providers.openai_compatible import CHAT, OpenAICompatible

MOONSHOT: Final = OpenAICompatible(
    id="moonshot",
    title="Moonshot AI",
    docs="https://platform.moonshot.ai/docs/api/chat",
    base_url="https://api.moonshot.ai/v1",
    endpoints=CHAT,
    renames={"max_completion_tokens": "max_tokens"},
    keeps=frozenset({"reasoning_content"}),
    quirks=(
        (
            "tool_choice=required is not known there; it is passed on and refused by the host: "
            "https://platform.moonshot.ai/docs/guide/migrating-from-openai-to-kimi"
        ),
    ),
)
