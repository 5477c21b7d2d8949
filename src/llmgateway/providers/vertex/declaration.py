"""Google Vertex AI: Gemini and Claude models of a Google Cloud project, each in its maker's language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec

from llmgateway.canon.call import Call, Operation
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, objects
from llmgateway.errors import BadRequest, ProviderError
from llmgateway.providers.base import Answer, Decoder, Grant, Place, Provider, UpstreamReply, UpstreamRequest
from llmgateway.providers.embeddings import texts_of, unhonoured, vectors_answer
from llmgateway.providers.gemini.declaration import read_answer, read_count, read_embeddings
from llmgateway.providers.gemini.errors import answer_error
from llmgateway.providers.gemini.refusals import refusals
from llmgateway.providers.gemini.request import generate_body, service_tier
from llmgateway.providers.gemini.stream import GeminiDecoder
from llmgateway.providers.vertex.addressing import HOST, bearer, location_of, model_url
from llmgateway.providers.vertex.claude import VertexClaude
from llmgateway.providers.vertex.credentials import GoogleGrant, read_credential_file

_COUNTED: Final = frozenset({"contents", "systemInstruction", "tools", "generationConfig"})
"""What countTokens takes of a request (https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/count-tokens)."""
_SINGLE: Final = "gemini-embedding-2"
"""Embedding models from here on have embedContent, one text a request; earlier ones have predict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vertex(Provider):
    """Gemini's language, and Anthropic's for models whose name holds `claude`."""

    claude: VertexClaude

    def grant(self, given: Mapping[str, str], files: Mapping[str, bytes]) -> Grant | None:
        del given
        content = files.get("service_account_file")
        return None if content is None else GoogleGrant(read_credential_file(content))

    def region(self, options: Mapping[str, str], base_url: str) -> str | None:
        del base_url
        return location_of(options)

    def language(self, model: str) -> Provider:
        return self.claude if is_claude(model) else self

    def refuses(self, call: Call, model: str) -> Sequence[str]:
        if call.operation is Operation.EMBEDDINGS:
            return unhonoured(call.canon, ())
        return refusals(call.canon, model, any_address=True)

    def build(self, call: Call, place: Place) -> UpstreamRequest:
        if call.operation is Operation.EMBEDDINGS:
            return _embeddings(call, place)
        body = generate_body(call, place)
        if call.operation is Operation.COUNT_TOKENS:
            counted = msgspec.json.encode({name: value for name, value in body.items() if name in _COUNTED})
            return UpstreamRequest(model_url(place, "google", "countTokens"), bearer(place), counted)
        method = "streamGenerateContent?alt=sse" if place.stream else "generateContent"
        headers = dict(bearer(place))
        if tier := service_tier(call.canon, place.dropped):
            headers["x-vertex-ai-llm-shared-request-type"] = tier
        return UpstreamRequest(model_url(place, "google", method), headers, msgspec.json.encode(body))

    def read(self, call: Call, reply: UpstreamReply) -> Answer:
        body = _object(reply.body)
        if "predictions" in body:
            return _predicted(call, body)
        if call.operation is Operation.EMBEDDINGS:
            return read_embeddings(call, reply)
        if call.operation is Operation.COUNT_TOKENS:
            return read_count(reply)
        return read_answer(call, reply)

    def decoder(self, call: Call, *, native: bool) -> Decoder:
        del native  # nobody speaks Google's language to us
        return GeminiDecoder(call)

    def classify(self, reply: UpstreamReply) -> ProviderError:
        return answer_error(reply.status, reply.headers, reply.body)


def is_claude(model: str) -> bool:
    """Whether Anthropic publishes the model."""
    return "claude" in model


def _embeddings(call: Call, place: Place) -> UpstreamRequest:
    texts, dimensions = texts_of(call.canon.get("input")), call.canon.get("dimensions")
    size: Json = {"outputDimensionality": dimensions} if dimensions else {}
    body: Json
    if place.model.rpartition("/")[2].startswith(_SINGLE):
        if len(texts) > 1:
            raise BadRequest(f"{place.model} embeds one text a request on Vertex AI: send them singly.", param="input")
        method, body, place_of_size = "embedContent", {"content": {"parts": [{"text": texts[0]}]}}, "embedContentConfig"
    else:
        method, body, place_of_size = "predict", {"instances": [{"content": text} for text in texts]}, "parameters"
    if size:
        body[place_of_size] = size
    return UpstreamRequest(model_url(place, "google", method), bearer(place), msgspec.json.encode(body))


def _predicted(call: Call, body: Json) -> Answer:
    found = [item["embeddings"] for item in objects(body["predictions"]) if is_object(item.get("embeddings"))]
    counts = [item["statistics"].get("token_count") for item in found if is_object(item.get("statistics"))]
    known = len(counts) == len(found) and all(isinstance(count, int | float) for count in counts)
    return vectors_answer([item.get("values") for item in found], call.model, int(sum(counts)) if known else None)


def _object(body: bytes) -> Json:
    """The body when it is a JSON object, else an empty one."""
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return value if is_object(value) else {}


VERTEX: Final = Vertex(
    id="vertex",
    title="Google Vertex AI",
    docs="https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference",
    base_url=HOST,
    credential=("token",),
    granted_by=("service_account_file",),
    claude=VertexClaude(
        id="vertex",
        title="Claude on Vertex AI",
        docs="https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai",
        base_url=HOST,
        endpoints=MappingProxyType({Operation.CHAT: ":rawPredict", Operation.COUNT_TOKENS: "/count-tokens:rawPredict"}),
    ),
    endpoints=MappingProxyType(
        {
            Operation.CHAT: "/v1/projects/{project}/locations/{location}/publishers/{publisher}/models/{model}:generateContent",
            Operation.EMBEDDINGS: "/v1/projects/{project}/locations/{location}/publishers/google/models/{model}:predict",
            Operation.COUNT_TOKENS: "/v1/projects/{project}/locations/{location}/publishers/google/models/{model}:countTokens",
        }
    ),
    env=MappingProxyType(
        {
            "token": ("VERTEX_ACCESS_TOKEN",),
            "service_account_file": ("GOOGLE_APPLICATION_CREDENTIALS",),
            "project": ("GOOGLE_CLOUD_PROJECT",),
            "location": ("GOOGLE_CLOUD_LOCATION",),
            "api_version": ("VERTEX_API_VERSION",),
        }
    ),
    quirks=(
        (
            "The token is fetched with the service account's JSON key: "
            "https://developers.google.com/identity/protocols/oauth2/service-account"
        ),
        (
            "Models whose name holds `claude` are asked in Anthropic's language: "
            "https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai"
        ),
        (
            "Without a location the global endpoint is asked: "
            "https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations"
        ),
        (
            "service_tier flex and priority become a header: "
            "https://cloud.google.com/vertex-ai/generative-ai/docs/priority-paygo"
        ),
        (
            "Of the embedding models gemini-embedding-2 takes one text a request: "
            "https://cloud.google.com/vertex-ai/generative-ai/docs/embeddings/get-text-embeddings"
        ),
    ),
)
