"""Cloudflare Workers AI."""

from types import MappingProxyType
from typing import Final

from llmgateway.providers.openai_compatible import CHAT_AND_EMBEDDINGS, OpenAICompatible

CLOUDFLARE: Final = OpenAICompatible(
    id="cloudflare",
    title="Cloudflare Workers AI",
    docs="https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/",
    base_url="https://api.cloudflare.com/client/v4/accounts/{account_id}/ai/v1",
    needs=("account_id",),
    env=MappingProxyType(
        {"api_key": ("CLOUDFLARE_API_KEY", "CLOUDFLARE_API_TOKEN"), "account_id": ("CLOUDFLARE_ACCOUNT_ID",)}
    ),
    endpoints=CHAT_AND_EMBEDDINGS,
    renames={"max_completion_tokens": "max_tokens"},
    free_call="",
    quirks=(
        (
            "In JSON mode content may be an object; it is written as JSON text: "
            "https://developers.cloudflare.com/workers-ai/features/json-mode/"
        ),
    ),
)
