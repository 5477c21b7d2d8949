"""Cohere: v2 chat and v2 embed, translated in both directions."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec

from llmgateway.canon.call import Call, Operation
from llmgateway.canon.chat import Json
from llmgateway.canon.extras import Extras, extras_of
from llmgateway.canon.shapes import figure_of, text_of
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.answers import answer_object
from llmgateway.providers.base import Answer, Decoder, Place, Provider, UpstreamReply, UpstreamRequest
from llmgateway.providers.cohere.answer import canon_answer, finish_of, usage_of
from llmgateway.providers.cohere.embeddings import (
    embed_body,
    embedding_refusals,
    tokens_of,
    vectors_of,
)
from llmgateway.providers.cohere.errors import answer_error, ending_error
from llmgateway.providers.cohere.request import chat_body, refusals
from llmgateway.providers.cohere.stream import CohereDecoder
from llmgateway.providers.embeddings import vectors_answer
from llmgateway.providers.rerank import canon_results, document_text, rerank_usage, wanted_results

_PIECE: Final = 500
_PIECES: Final = 100
_LONGEST_DOCUMENT: Final = 4_096
"""Tokens of a document that are read, unless the call says otherwise."""
_LEAST_BYTES: Final = 3
"""Bytes that a token has at least, in any language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohere(Provider):
    """The language of Cohere's API, version 2. No caller speaks it, so everything is translated."""

    def probe(self, place: Place) -> UpstreamRequest | None:
        headers = {"authorization": f"Bearer {place.secrets['api_key']}"}
        return UpstreamRequest(f"{place.base_url}/v1/models", headers, b"", "GET")

    def refuses(self, call: Call, model: str) -> Sequence[str]:
        if call.operation is Operation.RERANK:
            return ()
        if call.operation is Operation.EMBEDDINGS:
            return embedding_refusals(call.canon)
        return refusals(call.canon, model)

    def extras(self, call: Call) -> Extras:
        """A rerank is billed as searches: each ranks up to 100 pieces of documents, of 500 tokens with the question.

        Pages: https://docs.cohere.com/docs/how-does-cohere-pricing-work, https://docs.cohere.com/reference/rerank.
        """
        if call.operation is not Operation.RERANK:
            return extras_of(call.canon)
        question = _tokens(text_of(call.canon.get("query")))
        told = figure_of(call.canon.get("max_tokens_per_doc"))
        longest = _LONGEST_DOCUMENT if told is None else told
        documents = (min(_tokens(document_text(one)), longest) for one in call.canon["documents"])
        pieces = sum(-(-(question + tokens) // _PIECE) for tokens in documents)
        return Extras(searches=-(-pieces // _PIECES))

    def build(self, call: Call, place: Place) -> UpstreamRequest:
        if call.operation is Operation.EMBEDDINGS:
            body: Json = {"model": place.model, **embed_body(call.canon)}
        elif call.operation is Operation.RERANK:
            body = {"model": place.model, **_rerank_body(call.canon)}
        else:
            body = chat_body(call.canon, place.model, stream=place.stream, dropped=place.dropped)
        headers = {"content-type": "application/json", "authorization": f"Bearer {place.secrets['api_key']}"}
        return UpstreamRequest(place.base_url + self.endpoints[call.operation], headers, msgspec.json.encode(body))

    def read(self, call: Call, reply: UpstreamReply) -> Answer:
        answer = answer_object(reply, self.title)
        if call.operation is Operation.RERANK:
            return Answer(body=canon_results(call.canon, answer), usage=rerank_usage(answer))
        if call.operation is Operation.EMBEDDINGS:
            return vectors_answer(vectors_of(answer), call.model, tokens_of(answer))
        if failure := ending_error(text_of(answer.get("finish_reason")), answer.get("error")):
            raise failure
        if "message" not in answer or "finish_reason" not in answer:
            raise ProviderError(FailureKind.PROTOCOL, "Cohere's answer holds no message.", status=reply.status)
        usage = usage_of(answer.get("usage"))
        body = canon_answer(answer, call.model, usage)
        message = body["choices"][0]["message"]
        calls = [msgspec.json.encode(made["function"]).decode() for made in message.get("tool_calls", [])]
        said = [text_of(message.get("content")), text_of(message.get("reasoning_content"))]
        return Answer(
            body={**body}, usage=usage, finish=finish_of(answer["finish_reason"]), text="".join([*said, *calls])
        )

    def decoder(self, call: Call, *, native: bool) -> Decoder:
        del native  # nobody speaks it
        return CohereDecoder(call.model)

    def classify(self, reply: UpstreamReply) -> ProviderError:
        return answer_error(reply.status, reply.headers, reply.body)


def _tokens(text: str) -> int:
    """An upper estimate of the tokens of a text."""
    return len(text.encode("utf-8", "replace")) // _LEAST_BYTES + 1


def _rerank_body(canon: Json) -> Json:
    """Documents are texts there, and are given back by us (https://docs.cohere.com/reference/rerank)."""
    rest = {name: value for name, value in canon.items() if name in {"query", "max_tokens_per_doc", "priority"}}
    limit = wanted_results(canon)
    documents = [document_text(document) for document in canon["documents"]]
    return {**rest, "documents": documents, **({"top_n": limit} if limit else {})}


COHERE: Final = Cohere(
    id="cohere",
    title="Cohere",
    docs="https://docs.cohere.com/reference/chat",
    base_url="https://api.cohere.com",
    endpoints=MappingProxyType(
        {Operation.CHAT: "/v2/chat", Operation.EMBEDDINGS: "/v2/embed", Operation.RERANK: "/v2/rerank"}
    ),
    env=MappingProxyType({"api_key": ("COHERE_API_KEY", "CO_API_KEY")}),
    quirks=(
        (
            "A tool plan is reasoning_content, and so are thoughts; they go back where they came from: "
            "https://docs.cohere.com/v2/docs/tool-use-overview"
        ),
        (
            "tool_choice takes required and none; a named function is refused unless it is the only one: "
            "https://docs.cohere.com/v2/docs/tool-use-usage-patterns"
        ),
        (
            "strict functions become strict_tools, which counts for all tools and needs a required parameter in each: "
            "https://docs.cohere.com/v2/docs/structured-outputs"
        ),
        (
            "reasoning_effort becomes a thinking budget of 1,024 or 4,096 tokens, none for high: "
            "https://docs.cohere.com/v2/docs/reasoning"
        ),
        "Tool results that are JSON objects become documents that can be cited: https://docs.cohere.com/v2/docs/rag-citations",
        "top_p 1 is sent as 0.99, the most it takes: https://docs.cohere.com/reference/chat",
        (
            "Tokens are what the model saw; priced are the billed units, which leave Cohere's own prompt out: "
            "https://docs.cohere.com/docs/how-does-cohere-pricing-work"
        ),
        "Texts to embed are documents unless input_type says otherwise: https://docs.cohere.com/reference/embed",
    ),
)
