"""Embeddings on Amazon Bedrock, by InvokeModel: Titan's, Nova's and Cohere's models, each in its maker's shape.

Pages: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html,
https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html and
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from llmgateway.canon.call import Call
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, objects, text_of
from llmgateway.errors import BadRequest
from llmgateway.providers.answers import answer_object
from llmgateway.providers.base import Answer, UpstreamReply
from llmgateway.providers.cohere.embeddings import (
    embed_body,
    embedding_refusals,
    vectors_of,
)
from llmgateway.providers.embeddings import texts_of, vectors_answer

_PURPOSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "search_document": "GENERIC_INDEX",
        "search_query": "GENERIC_RETRIEVAL",
        "classification": "CLASSIFICATION",
        "clustering": "CLUSTERING",
    }
)
"""Cohere's `input_type` -> Nova's `embeddingPurpose`; Nova's own values pass unchanged."""


def refusals(canon: Mapping[str, Any], model: str) -> list[str]:
    """Names of the parameters that the model cannot honour."""
    named = embedding_refusals(canon)
    if "titan" in model:
        if canon.get("input_type"):
            named.append("input_type")
        if canon.get("dimensions") and "text-v2" not in model:
            named.append("dimensions")
    if "nova" in model:
        named += [name for name in ("priority", "max_tokens") if canon.get(name) is not None]
    return named


def invoke_body(canon: Mapping[str, Any], model: str) -> Json:
    """The body of InvokeModel. Raises BadRequest for what cannot be expressed."""
    if "cohere." in model:
        return embed_body(canon)
    if "titan" not in model and "nova" not in model:
        raise BadRequest(
            f"{model} is no embedding model that is known here: use one of Titan's, Nova's or Cohere's.", param="model"
        )
    texts = texts_of(canon.get("input"))
    if len(texts) > 1:
        raise BadRequest(f"{model} embeds one text a request on Bedrock: send them singly.", param="input")
    if "nova" in model:
        return _nova_body(canon, texts[0])
    return {"inputText": texts[0], **({"dimensions": canon["dimensions"]} if canon.get("dimensions") else {})}


def _nova_body(canon: Mapping[str, Any], text: str) -> Json:
    """Without `input_type` the texts are documents; without `dimensions` the vectors have the model's own number."""
    purpose = text_of(canon.get("input_type")) or "search_document"
    params: Json = {
        "embeddingPurpose": _PURPOSES.get(purpose, purpose),
        "text": {"truncationMode": canon.get("truncate") or "END", "value": text},
    }
    if canon.get("dimensions"):
        params["embeddingDimension"] = canon["dimensions"]
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params}


def read_vectors(call: Call, reply: UpstreamReply) -> Answer:
    """The vectors in any of the shapes; tokens from the body, else from a header. Raises ProviderError when there are none."""
    answer = answer_object(reply, "Amazon Bedrock")
    single, counted = answer.get("embedding"), answer.get("inputTextTokenCount")
    vectors = [single] if single is not None else vectors_of(answer)
    if not vectors:
        vectors = objects(answer.get("data"))
    vectors = [item.get("embedding") if is_object(item) else item for item in vectors]
    header = reply.headers.get("x-amzn-bedrock-input-token-count", "")
    tokens = counted if isinstance(counted, int) else int(header) if header.isdecimal() else None
    return vectors_answer(vectors, call.model, tokens)
