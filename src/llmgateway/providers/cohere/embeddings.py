"""Bodies and answers of Cohere's embeddings, at Cohere's own API and at hosts of its models.

Page: https://docs.cohere.com/reference/embed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object
from llmgateway.providers.embeddings import texts_of, unhonoured

_OWN_FIELDS: Final = ("truncate", "priority", "max_tokens")
_HONOURED: Final = frozenset({"input_type", *_OWN_FIELDS})


def embedding_refusals(canon: Mapping[str, Any]) -> list[str]:
    """Names of the parameters that Cohere cannot honour."""
    return unhonoured(canon, _HONOURED)


def embed_body(canon: Mapping[str, Any]) -> Json:
    """The body of /v2/embed, but for the model. Documents are meant where the caller does not say `input_type`."""
    body: Json = {
        "texts": texts_of(canon.get("input")),
        "input_type": canon.get("input_type") or "search_document",
        "embedding_types": ["float"],
    }
    if canon.get("dimensions"):
        body["output_dimension"] = canon["dimensions"]
    return body | {name: canon[name] for name in _OWN_FIELDS if canon.get(name) is not None}


def vectors_of(answer: Json) -> Sequence[object]:
    """The vectors of an answer, which are by type where types were asked for."""
    found = answer.get("embeddings")
    if is_object(found):
        found = found.get("float")
    return found if is_array(found) else ()


def tokens_of(answer: Json) -> int | None:
    """Tokens of the texts, where the answer says them."""
    meta = answer.get("meta")
    for name in ("tokens", "billed_units"):
        part = meta.get(name) if is_object(meta) else None
        tokens = part.get("input_tokens") if is_object(part) else None
        if isinstance(tokens, int | float):
            return int(tokens)
    return None
