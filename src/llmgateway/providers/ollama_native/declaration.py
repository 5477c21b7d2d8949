"""Ollama by its own API: what its OpenAI-compatible surface cannot say, such as `options` and `keep_alive`."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec

from llmgateway.canon.call import Call, Operation
from llmgateway.errors import ProviderError
from llmgateway.providers.answers import answer_object
from llmgateway.providers.base import Answer, Decoder, Place, Provider, UpstreamReply, UpstreamRequest
from llmgateway.providers.ollama_native.answer import OllamaDecoder, canon_answer, embeddings_answer
from llmgateway.providers.ollama_native.request import chat_body, embed_body, embedding_refusals, refusals
from llmgateway.providers.openai_wire.errors import classify_error


@dataclass(frozen=True, slots=True, kw_only=True)
class Ollama(Provider):
    """The language of /api/chat: JSON lines, options apart, tool arguments as objects."""

    def refuses(self, call: Call, model: str) -> Sequence[str]:
        del model
        return embedding_refusals(call.canon) if call.operation is Operation.EMBEDDINGS else refusals(call.canon)

    def build(self, call: Call, place: Place) -> UpstreamRequest:
        body = (
            embed_body(call.canon, place.model)
            if call.operation is Operation.EMBEDDINGS
            else chat_body(call.canon, place.model, stream=place.stream, dropped=place.dropped)
        )
        url = self._root(place) + self.endpoints[call.operation]
        return UpstreamRequest(url, self._headers(place), msgspec.json.encode(body))

    def probe(self, place: Place) -> UpstreamRequest | None:
        return UpstreamRequest(f"{self._root(place)}/api/tags", self._headers(place), b"", "GET")

    def read(self, call: Call, reply: UpstreamReply) -> Answer:
        said = answer_object(reply, "Ollama")
        if said.get("error"):
            raise self.classify(reply)
        if call.operation is Operation.EMBEDDINGS:
            return embeddings_answer(said, call.model)
        return canon_answer(said, call.model)

    def decoder(self, call: Call, *, native: bool) -> Decoder:
        del native  # nobody speaks it
        return OllamaDecoder(call.model)

    def classify(self, reply: UpstreamReply) -> ProviderError:
        return classify_error(reply.status, reply.headers, reply.body)

    def _root(self, place: Place) -> str:
        """A base URL made for the compatible surface does as well."""
        return place.base_url.removesuffix("/v1").removesuffix("/api")

    def _headers(self, place: Place) -> dict[str, str]:
        key = place.secrets.get("api_key")
        return {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}


OLLAMA_NATIVE: Final = Ollama(
    id="ollama_native",
    title="Ollama (its own API)",
    docs="https://docs.ollama.com/api/chat",
    base_url="http://localhost:11434",
    credential=(),
    env=MappingProxyType({"api_key": ("OLLAMA_API_KEY",)}),
    endpoints=MappingProxyType({Operation.CHAT: "/api/chat", Operation.EMBEDDINGS: "/api/embed"}),
    quirks=(
        "Sampling goes into options, and options, keep_alive and think may be sent as they are: https://docs.ollama.com/api/chat",
        "Pictures come as data only; tool_choice takes auto and none: https://docs.ollama.com/capabilities/vision",
        "Tool calls have no id there, so the gateway makes one: https://docs.ollama.com/capabilities/tool-calling",
    ),
)
