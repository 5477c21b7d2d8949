"""Jina AI: embeddings and rerank."""

from types import MappingProxyType
from typing import Final

from llmgateway.canon.call import Operation
from llmgateway.providers.openai_compatible import OpenAICompatible

JINA: Final = OpenAICompatible(
    id="jina",
    title="Jina AI",
    docs="https://jina.ai/reranker/",
    base_url="https://api.jina.ai/v1",
    endpoints=MappingProxyType({Operation.EMBEDDINGS: "/embeddings", Operation.RERANK: "/rerank"}),
    renames={"top_k": "top_n"},
    encodings=frozenset(),
    free_call="",
    quirks=("It returns documents unless return_documents is false: https://jina.ai/reranker/",),
)
