"""NVIDIA NIM."""

from types import MappingProxyType
from typing import Final

from llmgateway.providers.openai_compatible import CHAT_AND_EMBEDDINGS, OpenAICompatible

NVIDIA: Final = OpenAICompatible(
    id="nvidia",
    title="NVIDIA NIM",
    docs="https://docs.api.nvidia.com/nim/reference/llm-apis",
    base_url="https://integrate.api.nvidia.com/v1",
    env=MappingProxyType({"api_key": ("NVIDIA_API_KEY", "NGC_API_KEY")}),
    endpoints=CHAT_AND_EMBEDDINGS,
    renames={"max_completion_tokens": "max_tokens"},
    free_call="",
    quirks=(
        (
            "Some embedding models need input_type (query or passage), which is passed on: "
            "https://docs.nvidia.com/nim/nemo-retriever/text-embedding/latest/reference.html"
        ),
    ),
)
