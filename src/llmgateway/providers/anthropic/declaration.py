"""Anthropic: the Messages API, native for callers who speak it, translated for all others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec

from llmgateway.canon.call import USUAL, Call, Dialect, Operation, Terms
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, objects, text_of, word_of
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.answers import answer_object
from llmgateway.providers.anthropic.answer import canon_answer, counted_text, finish_of, reported_usage, usage_of
from llmgateway.providers.anthropic.errors import answer_error
from llmgateway.providers.anthropic.joining import joined
from llmgateway.providers.anthropic.refusals import refusals
from llmgateway.providers.anthropic.request import messages_body, native_body
from llmgateway.providers.anthropic.stream import CanonReader, NativeReader, SseDecoder
from llmgateway.providers.base import Answer, Decoder, Join, Place, Provider, UpstreamReply, UpstreamRequest

_VERSION: Final = "2023-06-01"
"""The version whose parameters `messages_body` writes: later ones have no temperature, top_p and top_k
(https://platform.claude.com/docs/en/api/versioning)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anthropic(Provider):
    """The language of the Messages API. Hosts differ in `url`, `headers` and `body`."""

    def speaks(self, call: Call) -> bool:
        return call.dialect is Dialect.ANTHROPIC

    def refuses(self, call: Call, model: str) -> Sequence[str]:
        return () if self.speaks(call) else refusals(call.canon, model)

    def terms(self, call: Call) -> Terms:
        """Its fast mode, and where it works; its tiers cost the same.

        Pages: https://platform.claude.com/docs/en/build-with-claude/fast-mode,
        https://platform.claude.com/docs/en/manage-claude/data-residency.
        """
        speed, region = call.canon.get("speed"), call.canon.get("inference_geo")
        if speed is None and region is None:
            return USUAL
        return Terms(speed=None if speed == "standard" else word_of(speed), region=word_of(region))

    def others(self, call: Call) -> Sequence[str]:
        """Its advisors, and who answers in its place.

        Page: https://platform.claude.com/docs/en/agents-and-tools/tool-use/advisor-tool.
        """
        advisors = [
            tool for tool in objects(call.canon.get("tools")) if text_of(tool.get("type")).startswith("advisor")
        ]
        named = (text_of(one.get("model")) for one in (*advisors, *objects(call.canon.get("fallbacks"))))
        return [name for name in named if name]

    def build(self, call: Call, place: Place) -> UpstreamRequest:
        body = msgspec.json.encode(self.body(call, place))
        return UpstreamRequest(self.url(call, place), self.headers(call, place), body)

    def probe(self, place: Place) -> UpstreamRequest | None:
        headers = {"x-api-key": place.secrets["api_key"], "anthropic-version": _VERSION}
        return UpstreamRequest(f"{place.base_url}/v1/models", headers, b"", "GET")

    def url(self, call: Call, place: Place) -> str:
        """Where the request goes."""
        return place.base_url + self.endpoints[call.operation]

    def headers(self, call: Call, place: Place) -> Mapping[str, str]:
        """Credential, version and the caller's own Anthropic headers."""
        forwarded = {name: value for name, value in call.wishes.forward.items() if name.startswith("anthropic-")}
        if not self.speaks(call):
            forwarded.pop("anthropic-version", None)  # the version of a body that the caller did not write is ours
        return {
            "content-type": "application/json",
            "anthropic-version": _VERSION,
            **forwarded,
            "x-api-key": place.secrets["api_key"],
        }

    def body(self, call: Call, place: Place) -> Json:
        """The request's body."""
        write = native_body if self.speaks(call) else messages_body
        return write(call, place.model, stream=place.stream, dropped=place.dropped)

    def read(self, call: Call, reply: UpstreamReply) -> Answer:
        answer = answer_object(reply, self.title)
        if answer.get("type") == "error":
            raise self.classify(reply)
        raw = reply.body if self.speaks(call) else None
        if call.operation is Operation.COUNT_TOKENS:
            if not isinstance(answer.get("input_tokens"), int):
                raise ProviderError(FailureKind.PROTOCOL, f"{self.title} sent no count.", status=reply.status)
            return Answer(body=answer, usage=None, raw=raw)
        if not is_array(answer.get("content")):
            raise ProviderError(FailureKind.PROTOCOL, f"{self.title} sent no message.", status=reply.status)
        blocks = objects(answer.get("content"))
        usage = usage_of(reported_usage(answer))
        return Answer(
            body=answer if raw else {**canon_answer(answer, usage)},
            usage=usage,
            finish=finish_of(answer.get("stop_reason")),
            text=counted_text(blocks),
            raw=raw,
        )

    def decoder(self, call: Call, *, native: bool) -> Decoder:
        del call
        return SseDecoder(NativeReader() if native else CanonReader())

    def join(self, call: Call) -> Join | None:
        return joined if self.speaks(call) else None

    def classify(self, reply: UpstreamReply) -> ProviderError:
        return answer_error(reply.status, reply.headers, reply.body)


ANTHROPIC: Final = Anthropic(
    id="anthropic",
    title="Anthropic",
    docs="https://platform.claude.com/docs/en/api/messages",
    base_url="https://api.anthropic.com",
    endpoints=MappingProxyType({Operation.CHAT: "/v1/messages", Operation.COUNT_TOKENS: "/v1/messages/count_tokens"}),
    env=MappingProxyType({"api_key": ("ANTHROPIC_API_KEY",)}),
    quirks=(
        (
            "max_tokens is required: a request without one gets the documented maximum of the model, "
            "https://platform.claude.com/docs/en/about-claude/models/overview"
        ),
        (
            "reasoning_effort becomes adaptive thinking with output_config.effort from Claude 4.6 on, and a thinking budget "
            "of 1,024, 4,096 or 16,384 tokens before, at most half of max_tokens: https://platform.claude.com/docs/en/build-with-claude/thinking"
        ),
        (
            "Claude 4.7 and later take temperature, top_p and top_k only at their defaults, earlier ones either temperature "
            "or top_p: https://platform.claude.com/docs/en/about-claude/models/migration-guide"
        ),
        (
            "response_format json_schema becomes output_config.format from Claude 4.5 on; json_object has no counterpart: "
            "https://platform.claude.com/docs/en/build-with-claude/structured-outputs"
        ),
        (
            "System messages anywhere in the history are joined at the top: "
            "https://platform.claude.com/docs/en/cli-sdks-libraries/libraries/openai-sdk"
        ),
        (
            "Thinking without a signature, which another model wrote, is left out of a history, also of a native one: "
            "https://platform.claude.com/docs/en/build-with-claude/extended-thinking"
        ),
    ),
)
