"""What the suite needs of a family of wires."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of
from llmgateway.errors import FailureKind
from llmgateway.providers.base import Provider, UpstreamReply, UpstreamRequest
from tests.conformance.meaning import Asked, Said

WORDS = "These words are the provider's own."


class Wire(ABC):
    """One language: what its provider says, and how its provider understands."""

    lacks: frozenset[str] = frozenset()
    """What it has no words for: `cached`, `reasoned`, `ids`, `content_filter`, `reasoning`."""
    model: str = "a-model"
    """A model whose name shows no special abilities, or the family where names decide."""
    reasoner: str = "a-model"
    """A model that thinks."""
    embedder: str = "a-model"
    """A model that embeds."""

    @abstractmethod
    def answer(self, said: Said) -> UpstreamReply:
        """A whole answer."""

    @abstractmethod
    def stream(self, said: Said) -> bytes:
        """The same as a stream."""

    @abstractmethod
    def failure(self, kind: FailureKind, status: int) -> UpstreamReply:
        """An error answer of this kind, in the documented shape, saying WORDS."""

    @abstractmethod
    def broken(self) -> bytes:
        """An error in the middle of a stream, saying WORDS."""

    @abstractmethod
    def asked(self, provider: Provider, request: UpstreamRequest) -> Asked:
        """What a request asks."""

    def sent(self, request: UpstreamRequest) -> Json:
        """The body of a request."""
        body: Json = json.loads(request.body)
        return body

    def vectors(self, request: UpstreamRequest, vectors: list[list[float]], tokens: int) -> UpstreamReply:
        """An answer to a request for embeddings; only for wires whose providers embed."""
        raise NotImplementedError


def reply(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> UpstreamReply:
    """An answer as JSON."""
    return UpstreamReply(status, dict(headers or {}), json.dumps(body, ensure_ascii=False).encode())


def events(bodies: Iterable[Json], *, named: bool = False, done: bool = False) -> bytes:
    """Server-sent events; `named` repeats the body's `type` as the event's name."""
    written = b""
    for body in bodies:
        name = f"event: {body['type']}\n" if named else ""
        written += f"{name}data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()
    return written + (b"data: [DONE]\n\n" if done else b"")


def pieces(text: str, size: int = 5) -> list[str]:
    """The text in pieces, as models speak."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def texts(content: object, name: str = "text") -> str:
    """The text of a content: a string, or the texts of its parts."""
    if isinstance(content, str):
        return content
    return "".join(text_of(part.get(name)) for part in objects(content))


def inline(url: str) -> str:
    """The base64 of a data: URL; any other address as it is."""
    return url.partition(",")[2] if url.startswith("data:") else url


def inner(body: Json, name: str) -> Json:
    """The object in a field; an empty one where there is none."""
    found = body.get(name)
    return found if is_object(found) else {}


def stops(value: object) -> list[Any] | None:
    """Stop sequences as a list; None when there are none."""
    if value is None:
        return None
    return value if is_array(value) else [value]


def outline(schema: object) -> tuple[str, ...]:
    """The names of an object schema's properties."""
    properties = schema.get("properties") if is_object(schema) else None
    return tuple(sorted(properties)) if is_object(properties) else ()


def known(settings: Mapping[str, Any]) -> Json:
    """The settings that are set."""
    return {name: value for name, value in settings.items() if value not in (None, [], {})}
