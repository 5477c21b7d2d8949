"""Voyage AI: embeddings and rerank."""

from types import MappingProxyType
from typing import Final

from llmgateway.canon.call import Operation
from llmgateway.providers.openai_compatible import OpenAICompatible

VOYAGE: Final = OpenAICompatible(
    id="voyage",
    title="Voyage AI",
    docs="https://docs.voyageai.com/reference/reranker-api",
    base_url="https://api.voyageai.com/v1",
    endpoints=MappingProxyType({Operation.EMBEDDINGS: "/embeddings", Operation.RERANK: "/rerank"}),
    renames={"dimensions": "output_dimension", "top_n": "top_k"},
    encodings=frozenset({"base64"}),
    texts_only=True,
    free_call="",
    quirks=(
        "top_n is top_k there, and results are data: https://docs.voyageai.com/reference/reranker-api",
        "encoding_format is base64 or absent there: https://docs.voyageai.com/reference/embeddings-api",
    ),
)
