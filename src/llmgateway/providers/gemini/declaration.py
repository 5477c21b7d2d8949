"""Google Gemini: generateContent of the Gemini API, translated in both directions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

import msgspec

from llmgateway.canon.call import Call, Operation
from llmgateway.canon.chat import Json
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.answers import answer_object
from llmgateway.providers.base import Answer, Decoder, Place, Provider, UpstreamReply, UpstreamRequest
from llmgateway.providers.embeddings import unhonoured
from llmgateway.providers.failures import error_object
from llmgateway.providers.gemini.answer import (
    Candidate,
    Response,
    canon_answer,
    searches_of,
    thoughts_as_summary,
    unreadable,
    usage_of,
)
from llmgateway.providers.gemini.embeddings import batch_body, embedded
from llmgateway.providers.gemini.errors import answer_error
from llmgateway.providers.gemini.refusals import refusals
from llmgateway.providers.gemini.request import generate_body, service_tier, wants_summary
from llmgateway.providers.gemini.stream import GeminiDecoder
from llmgateway.providers.lenient_json import REFUSED, lenient

_response = msgspec.json.Decoder(Response)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gemini(Provider):
    """The language of the Gemini API. No caller speaks it, so everything is translated."""

    def probe(self, place: Place) -> UpstreamRequest | None:
        headers = {"x-goog-api-key": place.secrets["api_key"]}
        return UpstreamRequest(f"{place.base_url}/v1beta/models", headers, b"", "GET")

    def refuses(self, call: Call, model: str) -> Sequence[str]:
        if call.operation is Operation.EMBEDDINGS:
            return unhonoured(call.canon, ())
        return refusals(call.canon, model)

    def build(self, call: Call, place: Place) -> UpstreamRequest:
        headers = {"content-type": "application/json", "x-goog-api-key": place.secrets["api_key"]}
        return UpstreamRequest(self.url(call, place), headers, msgspec.json.encode(self.body(call, place)))

    def url(self, call: Call, place: Place) -> str:
        """Where the request goes: model and method are part of the path."""
        model = place.model if "/" in place.model else f"models/{place.model}"
        path = self.endpoints[call.operation].format(model=quote(model, safe="/"))
        if call.operation is Operation.CHAT and place.stream:
            path = path.replace(":generateContent", ":streamGenerateContent") + "?alt=sse"
        return place.base_url + path

    def body(self, call: Call, place: Place) -> Json:
        """The request's body."""
        if call.operation is Operation.EMBEDDINGS:
            return batch_body(call.canon, place.model)
        body = generate_body(call, place)
        if call.operation is Operation.COUNT_TOKENS:
            named = place.model if "/" in place.model else f"models/{place.model}"
            return {"generateContentRequest": {"model": named, **body}}
        if tier := service_tier(call.canon, place.dropped):
            body["serviceTier"] = tier
        if len(body.get("tools", ())) > 1 and "functionDeclarations" in body["tools"][0]:
            body.setdefault("toolConfig", {})["includeServerSideToolInvocations"] = True
        return body

    def read(self, call: Call, reply: UpstreamReply) -> Answer:
        if call.operation is Operation.EMBEDDINGS:
            return read_embeddings(call, reply)
        if call.operation is Operation.COUNT_TOKENS:
            return read_count(reply)
        return read_answer(call, reply)

    def decoder(self, call: Call, *, native: bool) -> Decoder:
        del native  # nobody speaks it
        return GeminiDecoder(call)

    def classify(self, reply: UpstreamReply) -> ProviderError:
        return answer_error(reply.status, reply.headers, reply.body)


def read_answer(call: Call, reply: UpstreamReply) -> Answer:
    """A whole answer of generateContent. Raises ProviderError when it cannot be read, or is an error after all."""
    try:
        response = lenient(_response.decode, reply.body)
    except REFUSED as error:
        raise ProviderError(FailureKind.PROTOCOL, f"Google's answer cannot be read: {error}.", status=200) from error
    if response.error is not None:
        raise answer_error(reply.status, reply.headers, reply.body)
    if not response.candidates and not response.prompt_feedback:
        raise ProviderError(FailureKind.PROTOCOL, "Google's answer holds no candidates.", status=200)
    for candidate in response.candidates:
        if failure := unreadable(candidate):
            raise failure
    usage = usage_of(response, sum(searches_of(candidate) for candidate in response.candidates))
    body = canon_answer(response, call.model, usage)
    if wants_summary(call.canon):
        thoughts_as_summary(body)
    finish = body["choices"][0]["finish_reason"] if body["choices"] else None
    text = "".join(_written(candidate) for candidate in response.candidates)
    return Answer(body={**body}, usage=usage, finish=finish, text=text)


def read_embeddings(call: Call, reply: UpstreamReply) -> Answer:
    """Vectors of embedContent or batchEmbedContents. Raises ProviderError when there are none."""
    return embedded(answer_object(reply, "Google"), call.model)


def read_count(reply: UpstreamReply) -> Answer:
    """The answer of countTokens (https://ai.google.dev/api/tokens). Raises ProviderError when it tells no number."""
    count = error_object(reply.body).get("totalTokens")
    if not isinstance(count, int):
        raise ProviderError(FailureKind.PROTOCOL, "Google's answer holds no count of tokens.", status=reply.status)
    return Answer(body={"input_tokens": count}, usage=None)


def _written(candidate: Candidate) -> str:
    """All that the model wrote, for counting: thoughts, text and calls."""
    calls = [part["functionCall"] for part in candidate.parts if "functionCall" in part]
    text = "".join(part["text"] for part in candidate.parts if isinstance(part.get("text"), str))
    return text + "".join(msgspec.json.encode(call).decode() for call in calls)


_ENDPOINTS: Final[Mapping[Operation, str]] = MappingProxyType(
    {
        Operation.CHAT: "/v1beta/{model}:generateContent",
        Operation.EMBEDDINGS: "/v1beta/{model}:batchEmbedContents",
        Operation.COUNT_TOKENS: "/v1beta/{model}:countTokens",
    }
)

GEMINI: Final = Gemini(
    id="gemini",
    title="Google Gemini",
    docs="https://ai.google.dev/api/generate-content",
    base_url="https://generativelanguage.googleapis.com",
    endpoints=_ENDPOINTS,
    env=MappingProxyType({"api_key": ("GOOGLE_API_KEY", "GEMINI_API_KEY")}),
    quirks=(
        (
            "reasoning_effort becomes a thinking level from Gemini 3 on and a budget of 1,024, 8,192 or 24,576 tokens for "
            "2.5, of which at most half of max_tokens, with thoughts asked for; without it the model thinks as it likes and "
            "keeps its thoughts, as it does from callers of /v1/messages who ask for an effort alone: "
            "https://ai.google.dev/gemini-api/docs/openai"
        ),
        (
            "Thought signatures come as extra_content.google.thought_signature of calls and messages and are to be sent "
            "back with them; for calls that lost theirs Gemini 3 gets the documented stand-in: "
            "https://ai.google.dev/gemini-api/docs/thought-signatures"
        ),
        (
            "Images and files by https address are fetched by Google, from Gemini 2.5 on: "
            "https://ai.google.dev/gemini-api/docs/file-input-methods"
        ),
        (
            "strict functions are called in mode VALIDATED; parallel calls cannot be switched off: "
            "https://ai.google.dev/gemini-api/docs/function-calling"
        ),
        (
            "System messages anywhere in the history are joined into the system instruction: "
            "https://ai.google.dev/api/generate-content"
        ),
        (
            "extra_body.google takes thinking_config, cached_content and safety_settings: "
            "https://ai.google.dev/gemini-api/docs/openai"
        ),
    ),
)
