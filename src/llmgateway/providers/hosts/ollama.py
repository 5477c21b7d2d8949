"""Ollama, by its OpenAI-compatible surface."""

from types import MappingProxyType
from typing import Final

from llmgateway.providers.openai_compatible import CHAT_EMBEDDINGS_COMPLETIONS, OpenAICompatible

OLLAMA: Final = OpenAICompatible(
    id="ollama",
    title="Ollama",
    docs="https://docs.ollama.com/api/openai-compatibility",
    base_url="http://localhost:11434/v1",
    credential=(),
    env=MappingProxyType({"api_key": ("OLLAMA_API_KEY",)}),
    endpoints=CHAT_EMBEDDINGS_COMPLETIONS,
    renames={"max_completion_tokens": "max_tokens"},
    joins_path="/v1",
    keeps=frozenset({"reasoning_content"}),
    unsupported=frozenset({"logit_bias", "n"}),
    quirks=(
        "n and logit_bias are not known there, and would be passed over in silence: https://docs.ollama.com/api/openai-compatibility",
        "A local server needs no key; ollama.com takes one as a bearer token: https://docs.ollama.com/cloud",
    ),
)
