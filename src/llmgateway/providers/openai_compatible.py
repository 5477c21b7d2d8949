"""OpenAI's API as a language: builds its requests and reads its answers. A provider that speaks it is a declaration of differences.

Page: https://platform.openai.com/docs/api-reference.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import msgspec

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.canon.chat import Json
from llmgateway.canon.extras import NO_EXTRAS, Extras, extras_of
from llmgateway.canon.shapes import is_array, is_object, objects, text_of
from llmgateway.canon.usage import Usage
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.answers import answer_object
from llmgateway.providers.base import Answer, Decoder, Join, Place, Provider, UpstreamReply, UpstreamRequest
from llmgateway.providers.call_ids import CallIds
from llmgateway.providers.embeddings import numbers_of_int8
from llmgateway.providers.openai_wire.efforts import cannot_stop_thinking, fit_effort
from llmgateway.providers.openai_wire.errors import classify_error
from llmgateway.providers.openai_wire.files import FileForm, with_files
from llmgateway.providers.openai_wire.history import (
    HistoryReader,
    as_openai_knows,
    as_system,
    media_after_results,
    refusals_as_text,
    short_label,
)
from llmgateway.providers.openai_wire.logprobs import ask_in_old_form
from llmgateway.providers.openai_wire.omissions import foreign_parts, is_set, without_idle_tools, without_refused
from llmgateway.providers.openai_wire.order import Order, in_order
from llmgateway.providers.openai_wire.prefill import ContinuingReader, Prefill, last_said, without_repetition
from llmgateway.providers.openai_wire.repairs import Repairs, failure_in
from llmgateway.providers.openai_wire.responses import ResponsesReader, last_event, read_response, without_keepsakes
from llmgateway.providers.openai_wire.sampling import refused_sampling
from llmgateway.providers.openai_wire.schemas import relax, unkept_strictness
from llmgateway.providers.openai_wire.stream import NativeReader, RepairingReader, SseDecoder, counted_text
from llmgateway.providers.openai_wire.usage import read_usage
from llmgateway.providers.refusing import message_fields
from llmgateway.providers.rerank import canon_results, document_text, rerank_usage
from llmgateway.providers.server_tools import SERVER_TOOL_PREFIX, blocks_without_words

CHAT_AND_EMBEDDINGS: Final = MappingProxyType(
    {Operation.CHAT: "/chat/completions", Operation.EMBEDDINGS: "/embeddings"}
)
CHAT_EMBEDDINGS_COMPLETIONS: Final = MappingProxyType({**CHAT_AND_EMBEDDINGS, Operation.COMPLETIONS: "/completions"})
EVERYTHING: Final = MappingProxyType({**CHAT_EMBEDDINGS_COMPLETIONS, Operation.RERANK: "/rerank"})
CHAT: Final = MappingProxyType({Operation.CHAT: "/chat/completions"})
OPENAI_CALL_IDS: Final = CallIds(re.compile(".{1,40}", re.DOTALL), 40)
"""OpenAI refuses longer ids of tool calls (400 `string_above_max_length`); vLLM writes some."""
_NOT_IN_CHAT: Final = frozenset(
    {
        "cache_warming", "container", "context_management", "diagnostics", "inference_geo", "mcp_servers", "speed",
        "previous_response_id", "background", "conversation", "prompt", "truncation", "max_tool_calls", "include",
        "reasoning.summary",
    }
)  # fmt: skip
"""Fields of the other dialects that a chat request has no field for."""
_CACHES_PROMPTS: Final = Extras(cache_write="minutes")
_UNTRANSLATED: Final = frozenset({Operation.COMPLETIONS})
"""Operations whose bodies pass untranslated, since every host that has them takes OpenAI's."""
_CHAT_TOOLS: Final = frozenset({"function", "custom"})
"""A tool of chat has one of these fields; tools that only another dialect has do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAICompatible(Provider):
    """A host of OpenAI's API. The fields are the differences between hosts."""

    endpoints: Mapping[Operation, str] = field(default_factory=lambda: CHAT)
    native: bool = False
    """It takes and answers exactly what OpenAI does, so bodies and answers of OpenAI's dialect pass untouched."""
    auth_header: str = "authorization"
    """`authorization` carries `Bearer KEY`, any other header the key alone."""
    unsupported: frozenset[str] = frozenset()
    """Parameters that it cannot honour, by name."""
    renames: Mapping[str, str] = field(default_factory=dict[str, str])
    """Name of a parameter in canon -> the host's name of it."""
    strict_schemas: bool = False
    """Strict tools and answers must keep OpenAI's rules for schemas there; other hosts are laxer."""
    usage_in_streams: bool = True
    """It understands stream_options.include_usage."""
    keeps: frozenset[str] = frozenset()
    """Extensions of messages that it understands and is sent: `cache_control`, `reasoning_content`, `reasoning_details`,
    `images`, `extra_content`."""
    message_fields: frozenset[str] = frozenset()
    """All fields that its messages may have, where it refuses any other; empty where it ignores others."""
    order: Order = Order.FREE
    """The orders of messages that it takes."""
    prefill: Prefill | None = None
    """How it is asked to continue a last message of the assistant; None where it needs no asking, or cannot."""
    files: FileForm = FileForm.DATA
    """The form in which it takes files."""
    responses: str = ""
    """The path of its own Responses API; where empty, /v1/responses is translated to chat."""
    encodings: frozenset[str] = frozenset({"float"})
    """Values of `encoding_format` that are sent to it: some hosts refuse base64, others shorten it."""
    texts_only: bool = False
    """Its rerank takes texts alone; of documents that are objects their text is sent."""
    int8_vectors: bool = False
    """Its embeddings come as base64 of signed bytes, and are turned into numbers."""
    counts_logprobs: bool = False
    """Its `logprobs` is a number, that of the alternatives wanted."""
    call_ids: CallIds | None = None
    """The form of tool call ids that it takes; None takes any."""
    free_call: str = "/models"
    """The path of a free GET that needs a valid key, to check credentials; empty where there is none."""
    joins_path: str = ""
    """The end of the documented base URL, appended to a configured one that lacks it."""

    def speaks(self, call: Call) -> bool:
        if call.dialect is Dialect.RESPONSES:
            return bool(self.responses)
        if call.operation in _UNTRANSLATED:
            return True
        return self.native and call.dialect is Dialect.OPENAI

    def refuses(self, call: Call, model: str) -> Sequence[str]:
        if call.dialect is Dialect.RESPONSES and self.speaks(call):
            return ("background",) if call.canon.get("background") else ()  # nothing could be fetched later
        messages = objects(call.canon.get("messages"))
        refused = [*(name for name in self.unsupported if is_set(call.canon, name)), *blocks_without_words(messages)]
        if self.message_fields:
            refused += message_fields(messages, self.message_fields)
        if call.dialect is Dialect.OPENAI:
            return refused
        refused += [
            name for name in call.canon if name in _NOT_IN_CHAT or name.startswith(("input[", SERVER_TOOL_PREFIX))
        ]
        if call.dialect is Dialect.RESPONSES and call.canon.get("store"):
            refused.append("store")  # nothing could be fetched again
        if self.strict_schemas and call.dialect is Dialect.ANTHROPIC:
            refused += unkept_strictness(call.canon)
        if cannot_stop_thinking(model, call.canon.get("thinking")):
            refused.append("thinking")
        if self.native:
            refused += [*refused_sampling(call.canon, model), *(["top_k"] if is_set(call.canon, "top_k") else ())]
        tools = objects(call.canon.get("tools"))
        refused += [f"tools.{index}" for index, tool in enumerate(tools) if not _CHAT_TOOLS & tool.keys()]
        refused += foreign_parts(messages, self.files)
        return refused

    def doubts(self, call: Call, model: str) -> Sequence[str]:
        if call.dialect is Dialect.ANTHROPIC and not self.continues and last_said(call):
            return (f"messages.{len(call.canon['messages']) - 1}",)
        chats = call.dialect is Dialect.OPENAI and call.operation is Operation.CHAT
        return [*refused_sampling(call.canon, model)] if self.native and chats else ()

    def extras(self, call: Call) -> Extras:
        """OpenAI writes prompts to its cache without being asked, and bills that from gpt-5.6 on.

        Page: https://developers.openai.com/api/docs/guides/prompt-caching.
        """
        told = extras_of(call.canon)
        if not self.native:
            return told
        return _CACHES_PROMPTS if told is NO_EXTRAS else msgspec.structs.replace(told, cache_write="minutes")

    def build(self, call: Call, place: Place) -> UpstreamRequest:
        body = msgspec.json.encode(self.body(call, place))
        return UpstreamRequest(self.url(self._base(place), call, place), self.headers(place), body)

    def url(self, base: str, call: Call, place: Place) -> str:
        """Where the request goes; hosts with the model in their path say so here."""
        del place
        native = call.dialect is Dialect.RESPONSES and self.speaks(call)
        return base + (self.responses if native else self.endpoints[call.operation])

    def headers(self, place: Place) -> Mapping[str, str]:
        """Content type and credential; a server without a key gets none."""
        headers = {"content-type": "application/json"}
        key = place.secrets.get("api_key")
        if key is not None:
            headers[self.auth_header] = f"Bearer {key}" if self.auth_header == "authorization" else key
        return headers

    def probe(self, place: Place) -> UpstreamRequest | None:
        if not self.free_call:
            return None
        return UpstreamRequest(self._base(place) + self.free_call, self.headers(place), b"", "GET")

    def body(self, call: Call, place: Place) -> Json:
        """The request's body: the caller's, with only what must change."""
        whole = call.body if call.dialect is Dialect.RESPONSES and self.speaks(call) else call.canon
        body = without_refused(whole, place.dropped) if place.dropped else dict(whole)
        body["model"] = place.model
        if whole is not call.canon:
            body["stream"] = place.stream
            if "input" in body:
                body["input"] = without_keepsakes(body["input"])
        elif call.operation in (Operation.CHAT, Operation.COMPLETIONS):
            self._ask_for_stream(body, place)
            if not self.speaks(call):
                self._translate(body, call)
                if self.prefill is not None:
                    body["messages"] = self.prefill.marked(call, body["messages"], place.base_url)
            elif "messages" in body:
                body["messages"] = self._with_own_ids(as_openai_knows(body["messages"]))
        elif not self.native:
            self._fit_to_host(body)
        return body

    def read(self, call: Call, reply: UpstreamReply) -> Answer:
        body = answer_object(reply, self.title)
        if body.get("error") and not body.get("choices") and not body.get("data"):
            raise self.classify(UpstreamReply(200, reply.headers, reply.body))
        raw = reply.body if self.speaks(call) else None
        if raw is not None and call.dialect is Dialect.RESPONSES:
            return read_response(body, raw)
        if call.operation is Operation.CHAT:
            return self._chat(call, body, raw, reply)
        if call.operation is Operation.RERANK and raw is None:
            return Answer(body=canon_results(call.canon, body), usage=rerank_usage(body))
        usage = read_usage(body.get("usage"))
        if call.operation is Operation.EMBEDDINGS:
            if not is_array(body.get("data")):
                raise self._no_answer(reply)
            return Answer(body=body if raw else self._embeddings(body, usage), usage=usage, raw=raw)
        text = "".join(text_of(choice.get("text")) for choice in objects(body.get("choices")))
        return Answer(body=body, usage=usage, raw=raw, text=text)

    def decoder(self, call: Call, *, native: bool) -> Decoder:
        if native and call.dialect is Dialect.RESPONSES:
            return SseDecoder(ResponsesReader())
        if native:
            return SseDecoder(NativeReader(call.choices))
        if said := self._repeats(call):
            return SseDecoder(ContinuingReader(call.choices, said))
        return SseDecoder(RepairingReader(call.choices, strict=self.native))

    def join(self, call: Call) -> Join | None:
        return last_event if call.dialect is Dialect.RESPONSES and self.speaks(call) else None

    def classify(self, reply: UpstreamReply) -> ProviderError:
        return classify_error(reply.status, reply.headers, reply.body)

    def _base(self, place: Place) -> str:
        """The place's base URL, with the end of the documented one."""
        base = place.base_url
        return base if base.endswith(self.joins_path) else base + self.joins_path

    def _chat(self, call: Call, body: Json, raw: bytes | None, reply: UpstreamReply) -> Answer:
        choices = objects(body.get("choices"))
        if not choices:
            raise self._no_answer(reply)
        if raw is None:
            failure = failure_in(body)
            if failure is not None:
                raise failure
            body = without_repetition(Repairs().answer(body), self._repeats(call))
        messages = [message for choice in choices if is_object(message := choice.get("message"))]
        return Answer(
            body=body,
            usage=read_usage(body.get("usage"), body.get("service_tier")),
            finish=choices[0].get("finish_reason"),
            text="".join(counted_text(message) for message in messages),
            raw=raw,
        )

    def _repeats(self, call: Call) -> str:
        """The text with which the host's answer begins though the caller sent it; empty where none does."""
        return self.prefill.repeats(call) if self.prefill is not None else ""

    def _no_answer(self, reply: UpstreamReply) -> ProviderError:
        said = reply.body[:500].decode("utf-8", "replace")
        return ProviderError(FailureKind.PROTOCOL, f"{self.title} sent no answer: {said}", status=reply.status)

    def _embeddings(self, body: Json, usage: Usage | None) -> Json:
        """Usage and vectors of an embeddings answer in OpenAI's form."""
        data = objects(body.get("data"))
        if self.int8_vectors:
            data = [{**item, "embedding": numbers_of_int8(item.get("embedding"))} for item in data]
        figures = body.get("usage")
        if is_object(figures) and "prompt_tokens" not in figures:
            body = {**body, "usage": {**figures, "prompt_tokens": usage.prompt_tokens if usage else 0}}
        return {**body, "data": data}

    def _fit_to_host(self, body: Json) -> None:
        """Fit a body of embeddings or rerank to the host: its names, and an encoding that it has. The dialect encodes for the caller."""
        if body.get("encoding_format") not in self.encodings:
            body.pop("encoding_format", None)
        if self.texts_only and is_array(documents := body.get("documents")):
            body["documents"] = [document_text(document) for document in documents]
        for ours, theirs in self.renames.items():
            if ours in body:
                body[theirs] = body.pop(ours)

    def _ask_for_stream(self, body: Json, place: Place) -> None:
        """Ask every stream for its usage; a caller who did not ask for it is not sent it."""
        if not place.stream:
            body.pop("stream_options", None)
            if body.get("stream"):
                body["stream"] = False
            return
        body["stream"] = True
        if self.usage_in_streams:
            body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
        else:
            body.pop("stream_options", None)

    def _translate(self, body: Json, call: Call) -> None:
        """Fit a chat body to a host that does not take it as it is, or that came in another dialect."""
        foreign = call.dialect is not Dialect.OPENAI
        if foreign:
            self._adapt_settings(body, call)
        for name in self.unsupported:
            body.pop(name, None)  # at its default: honoured by leaving it out
        for ours, theirs in self.renames.items():
            if ours in body:
                body[theirs] = body.pop(ours)
        if self.counts_logprobs:
            ask_in_old_form(body)
        messages = self._with_own_ids(self._fit_messages(objects(body.get("messages")), foreign=foreign))
        body["messages"] = in_order(media_after_results(messages) if foreign else messages, self.order)
        if foreign and not body.get("tools"):
            without_idle_tools(body)
        elif foreign:
            kept = ("type", "function", "custom", *(self.keeps & {"cache_control"}))
            body["tools"] = [{n: tool[n] for n in kept if n in tool} for tool in objects(body["tools"])]

    def _adapt_settings(self, body: Json, call: Call) -> None:
        """Rewrite the settings of another dialect as chat has them."""
        if call.dialect is Dialect.ANTHROPIC:
            fit_effort(body)
            if self.strict_schemas:
                relax(body)
        body.pop("cache_control", None)
        if "user" in body:
            body["user"] = short_label(body["user"])
        if self.native and "max_tokens" in body:
            body["max_completion_tokens"] = body.pop("max_tokens")

    def _fit_messages(self, messages: Sequence[Json], *, foreign: bool) -> Sequence[Json]:
        """The messages with roles, parts and fields that the host knows."""
        if not self.native:
            messages = [refusals_as_text(as_system(message)) for message in messages]
        if foreign or self.files is FileForm.DOCUMENT_URL:
            messages = [with_files(message, self.files) for message in messages]
        reader = HistoryReader(self.keeps, self.message_fields, foreign)
        return [reader.fit(message) for message in messages]

    def _with_own_ids(self, messages: Sequence[Json]) -> Sequence[Json]:
        return self.call_ids.in_history(messages) if self.call_ids else messages


def compatible_host(name: str, base_url: str) -> OpenAICompatible:
    """A server of the operator's own: vLLM, llama.cpp, LM Studio, or any other that speaks OpenAI's wire.

    Google's surface of that wire wants its thought signatures back: https://ai.google.dev/gemini-api/docs/thought-signatures.
    """
    signatures: set[str] = {"extra_content"} if ".googleapis.com" in base_url else set()
    return OpenAICompatible(
        id=name,
        title=name,
        docs="https://platform.openai.com/docs/api-reference",
        base_url=base_url,
        endpoints=EVERYTHING,
        keeps=frozenset({"reasoning_content", "reasoning_details"} | signatures),
    )
