"""OpenAI's embeddings shape, typed."""

from typing import Literal, NotRequired, TypedDict

from llmgateway.canon.chat import Json


class EmbeddingsRequest(TypedDict):
    """The body of /v1/embeddings. `input` is a text, texts, or token ids."""

    model: str
    input: str | list[str] | list[int] | list[list[int]]
    encoding_format: NotRequired[Literal["float", "base64"] | None]
    dimensions: NotRequired[int | None]
    user: NotRequired[str | None]


class Embedding(TypedDict):
    """One vector; base64 of little-endian float32 when the caller asked for it."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingsAnswer(TypedDict):
    """The answer of /v1/embeddings."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: NotRequired[Json]
