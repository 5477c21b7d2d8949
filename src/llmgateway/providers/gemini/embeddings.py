"""Bodies and answers of Gemini's embeddings.

Page: https://ai.google.dev/api/embeddings.
"""

from collections.abc import Mapping
from typing import Any

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, objects
from llmgateway.providers.base import Answer
from llmgateway.providers.embeddings import texts_of, vectors_answer


def batch_body(canon: Mapping[str, Any], model: str) -> Json:
    """The body of batchEmbedContents."""
    name = model if "/" in model else f"models/{model}"
    size = {"outputDimensionality": canon["dimensions"]} if canon.get("dimensions") else {}
    return {
        "requests": [
            {"model": name, "content": {"parts": [{"text": text}]}, **size} for text in texts_of(canon.get("input"))
        ]
    }


def embedded(answer: Json, model: str) -> Answer:
    """The answer of embedContent or batchEmbedContents. Raises ProviderError when it holds no vectors."""
    single = answer.get("embedding")
    found = [single] if is_object(single) else objects(answer.get("embeddings"))
    usage = answer.get("usageMetadata")
    tokens = usage.get("promptTokenCount") if is_object(usage) else None
    return vectors_answer([item.get("values") for item in found], model, tokens if isinstance(tokens, int) else None)
