"""Perplexity."""

from types import MappingProxyType
from typing import Final

from llmgateway.canon.call import Operation
from llmgateway.providers.openai_compatible import OpenAICompatible
from llmgateway.providers.openai_wire.order import Order

PERPLEXITY: Final = OpenAICompatible(
    id="perplexity",
    title="Perplexity",
    docs="https://docs.perplexity.ai/api-reference/chat-completions-post",
    base_url="https://api.perplexity.ai",
    endpoints=MappingProxyType({Operation.CHAT: "/chat/completions", Operation.EMBEDDINGS: "/v1/embeddings"}),
    renames={"max_completion_tokens": "max_tokens"},
    unsupported=frozenset({"logit_bias", "n", "seed", "logprobs", "top_logprobs"}),
    order=Order.ALTERNATING,
    int8_vectors=True,
    free_call="",
    quirks=(
        (
            "User and assistant must alternate there behind the system messages, so messages of one role in a row become one, and "
            "system messages go to the top, or as the user's at the end behind an answer: https://docs.perplexity.ai/api-reference/chat-completions-post"
        ),
        "Embeddings come as base64 of signed bytes and are given on as numbers: https://docs.perplexity.ai/docs/embeddings/quickstart",
        "Chunks carry an empty finish_reason until the last one; it is read as none.",
        "Citations and search results travel on beside the answer: https://docs.perplexity.ai/guides/chat-completions-guide",
    ),
)
