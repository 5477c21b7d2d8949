"""Embeddings, as the languages that are not OpenAI's share them: texts in, lists of numbers out."""

import base64
import struct
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array
from llmgateway.canon.usage import Usage
from llmgateway.errors import BadRequest, FailureKind, ProviderError
from llmgateway.providers.base import Answer


def unhonoured(canon: Mapping[str, Any], honoured: Collection[str]) -> list[str]:
    """Names of the given parameters that a provider does not honour. `encoding_format` is never one: the dialect encodes the vectors."""
    known = {"model", "input", "dimensions", "encoding_format", *honoured}
    return [name for name, value in canon.items() if name not in known and value not in (None, "")]


def texts_of(given: object) -> list[str]:
    """The texts to embed. Raises BadRequest for token ids, which only their own tokenizer can read."""
    texts = [given] if isinstance(given, str) else given
    if is_array(texts) and texts and all(isinstance(text, str) for text in texts):
        return texts
    raise BadRequest(
        "This model embeds texts: send `input` as a text or a list of texts, not token ids.", param="input"
    )


def vectors_answer(vectors: Sequence[object], model: str, tokens: int | None) -> Answer:
    """The answer of /v1/embeddings; `tokens` are the prompt's, None when not reported. Raises ProviderError when a vector is missing."""
    if not vectors or not all(is_array(vector) for vector in vectors):
        raise ProviderError(FailureKind.PROTOCOL, "The provider's answer holds no vectors.", status=200)
    body: Json = {
        "object": "list",
        "data": [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)],
        "model": model,
    }
    if tokens is None:
        return Answer(body=body, usage=None)
    body["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Answer(body=body, usage=Usage(prompt_tokens=tokens))


def numbers_of_int8(vector: Any) -> Any:
    """A vector of signed bytes in base64 as a list of numbers; any other vector unchanged."""
    if not isinstance(vector, str):
        return vector
    raw = base64.b64decode(vector)
    return [float(number) for number in struct.unpack(f"{len(raw)}b", raw)]
