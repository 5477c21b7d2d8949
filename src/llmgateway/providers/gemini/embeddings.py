"""Embeddings by Gemini: texts in, vectors out.

Page: https://ai.google.dev/api/embeddings.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects
from llmgateway.canon.usage import Usage
from llmgateway.errors import BadRequest, FailureKind, ProviderError
from llmgateway.providers.base import Answer

_HONOURED: Final = frozenset({"model", "input", "dimensions", "encoding_format"})


def embedding_refusals(canon: Mapping[str, Any]) -> list[str]:
    """What has no counterpart, by name."""
    return [name for name, value in canon.items() if name not in _HONOURED and value not in (None, "")]


def texts_of(given: object) -> list[str]:
    """The texts to embed. Raises BadRequest for token ids, which only their own tokenizer can read."""
    texts = [given] if isinstance(given, str) else given
    if is_array(texts) and texts and all(isinstance(text, str) for text in texts):
        return texts
    raise BadRequest("Google embeds texts: send `input` as a text or a list of texts, not token ids.", param="input")


def batch_body(canon: Mapping[str, Any], model: str) -> Json:
    """The body of batchEmbedContents."""
    name = model if "/" in model else f"models/{model}"
    size = {"outputDimensionality": canon["dimensions"]} if canon.get("dimensions") else {}
    return {
        "requests": [
            {"model": name, "content": {"parts": [{"text": text}]}, **size} for text in texts_of(canon.get("input"))
        ]
    }


def vectors_answer(vectors: Sequence[object], model: str, tokens: int | None) -> Answer:
    """The answer of /v1/embeddings. Raises ProviderError when a vector is missing."""
    if not vectors or not all(is_array(vector) for vector in vectors):
        raise ProviderError(FailureKind.PROTOCOL, "Google's answer holds no vectors.", status=200)
    body: Json = {
        "object": "list",
        "data": [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)],
        "model": model,
    }
    if tokens is None:
        return Answer(body=body, usage=None)
    body["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Answer(body=body, usage=Usage(prompt_tokens=tokens))


def embedded(answer: Json, model: str) -> Answer:
    """What embedContent or batchEmbedContents answered. Raises ProviderError when it cannot be read."""
    single = answer.get("embedding")
    found = [single] if is_object(single) else objects(answer.get("embeddings"))
    usage = answer.get("usageMetadata")
    tokens = usage.get("promptTokenCount") if is_object(usage) else None
    return vectors_answer([item.get("values") for item in found], model, tokens if isinstance(tokens, int) else None)
