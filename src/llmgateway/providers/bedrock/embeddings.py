"""Embeddings on Amazon Bedrock, by InvokeModel: Titan's and Cohere's models, each in its maker's shape.

Pages: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html and
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html.
"""

from collections.abc import Mapping
from typing import Any

from llmgateway.canon.call import Call
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import objects
from llmgateway.errors import BadRequest
from llmgateway.providers.answers import answer_object
from llmgateway.providers.base import Answer, Reply
from llmgateway.providers.cohere.embeddings import (
    embed_body,
    embedding_refusals,
    vectors_of,
)
from llmgateway.providers.vectors import texts_of, vectors_answer


def refusals(canon: Mapping[str, Any], model: str) -> list[str]:
    """What has no counterpart, by name."""
    named = embedding_refusals(canon)
    if "titan" in model:
        if canon.get("input_type"):
            named.append("input_type")
        if canon.get("dimensions") and "text-v2" not in model:
            named.append("dimensions")
    return named


def invoke_body(canon: Mapping[str, Any], model: str) -> Json:
    """The body of InvokeModel. Raises BadRequest for what cannot be expressed."""
    if "cohere." in model:
        return embed_body(canon)
    if "titan" not in model:
        raise BadRequest(
            f"{model} is no embedding model that is known here: use one of Titan's or Cohere's.", param="model"
        )
    texts = texts_of(canon.get("input"))
    if len(texts) > 1:
        raise BadRequest(f"{model} embeds one text a request on Bedrock: send them singly.", param="input")
    return {"inputText": texts[0], **({"dimensions": canon["dimensions"]} if canon.get("dimensions") else {})}


def read_vectors(call: Call, reply: Reply) -> Answer:
    """Vectors in either shape. Tokens are in a header where the body does not say them. Raises ProviderError."""
    answer = answer_object(reply, "Amazon Bedrock")
    single, counted = answer.get("embedding"), answer.get("inputTextTokenCount")
    vectors = [single] if single is not None else vectors_of(answer)
    if not vectors:
        vectors = [item.get("embedding") for item in objects(answer.get("data"))]
    header = reply.headers.get("x-amzn-bedrock-input-token-count", "")
    tokens = counted if isinstance(counted, int) else int(header) if header.isdecimal() else None
    return vectors_answer(vectors, call.model, tokens)
