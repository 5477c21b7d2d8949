"""Hugging Face, by its router of inference providers."""

from types import MappingProxyType
from typing import Final

from llmgateway.providers.openai_compatible import CHAT, OpenAICompatible

HUGGINGFACE: Final = OpenAICompatible(
    id="huggingface",
    title="Hugging Face",
    docs="https://huggingface.co/docs/inference-providers/tasks/chat-completion",
    base_url="https://router.huggingface.co/v1",
    env=MappingProxyType({"api_key": ("HUGGINGFACE_API_KEY", "HF_TOKEN")}),
    endpoints=CHAT,
    free_call="",
    quirks=(
        (
            "A provider is chosen by a suffix of the model's name, as in MODEL:together: "
            "https://huggingface.co/docs/inference-providers/index"
        ),
    ),
)
