"""OpenAI: the owner of the dialect; everything passes untouched."""

from types import MappingProxyType
from typing import Final

from llmgateway.providers.openai_compatible import CHAT_EMBEDDINGS_COMPLETIONS, OPENAI_CALL_IDS, OpenAICompatible

OPENAI: Final = OpenAICompatible(
    id="openai",
    title="OpenAI",
    docs="https://platform.openai.com/docs/api-reference",
    base_url="https://api.openai.com/v1",
    env=MappingProxyType({"api_key": ("OPENAI_API_KEY",)}),
    endpoints=CHAT_EMBEDDINGS_COMPLETIONS,
    native=True,
    strict_schemas=True,
    continues=False,
    responses="/responses",
    call_ids=OPENAI_CALL_IDS,
    quirks=(
        "Bodies and answers pass untouched, so every parameter OpenAI adds works on the day it appears.",
        (
            "Callers of other dialects have max_tokens sent as max_completion_tokens, which reasoning models require: "
            "https://platform.openai.com/docs/api-reference/chat/create"
        ),
    ),
)
