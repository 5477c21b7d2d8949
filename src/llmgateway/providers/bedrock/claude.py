"""Claude on Amazon Bedrock: Converse, and for callers of Anthropic's dialect the Messages API behind InvokeModel.

Page: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object
from llmgateway.errors import ProviderError
from llmgateway.providers.anthropic.declaration import Anthropic
from llmgateway.providers.anthropic.request import native_body
from llmgateway.providers.anthropic.stream import CanonReader, NativeReader, SseDecoder
from llmgateway.providers.base import Answer, Decoder, Join, Place, UpstreamReply, UpstreamRequest
from llmgateway.providers.bedrock.addressing import model_request
from llmgateway.providers.bedrock.converse import Converse
from llmgateway.providers.bedrock.errors import answer_error
from llmgateway.providers.bedrock.stream import EventStreamDecoder, InvokeReader

_VERSION: Final = "bedrock-2023-05-31"
_BETAS: Final = frozenset(
    {
        "compact-2026-01-12", "computer-use-2024-10-22", "computer-use-2025-01-24", "computer-use-2025-11-24",
        "context-1m-2025-08-07", "context-management-2025-06-27", "dev-full-thinking-2025-05-14", "effort-2025-11-24",
        "fine-grained-tool-streaming-2025-05-14",
        "interleaved-thinking-2025-05-14", "output-128k-2025-02-19",
        "token-efficient-tools-2025-02-19", "tool-examples-2025-10-29", "tool-search-tool-2025-10-19",
    }
)  # fmt: skip
"""What InvokeModel takes of `anthropic_beta`; any other flag is a 400 there, `invalid beta flag`. Pages, below
https://docs.aws.amazon.com/bedrock/latest/userguide: model-parameters-anthropic-claude-messages-request-response.html,
model-parameters-anthropic-claude-messages-tool-use.html and claude-messages-compaction.html."""
_MARKED: Final = ("system", "messages", "tools", "content")
"""Fields of a body, block or tool that hold objects with cache markers."""
_USUAL_TIERS: Final = (None, "auto", "standard_only")
"""Values of `service_tier` that are honoured: Bedrock has only Anthropic's standard tier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokedClaude(Anthropic):
    """The Messages API with the model in the path, the version in the body and events in AWS's frames."""

    def build(self, call: Call, place: Place) -> UpstreamRequest:
        method = "invoke-with-response-stream" if place.stream else "invoke"
        return model_request(place, method, msgspec.json.encode(self.body(call, place)))

    def body(self, call: Call, place: Place) -> Json:
        body = native_body(call, place.model, stream=place.stream, dropped=place.dropped)
        for name in ("stream", "service_tier", "model"):
            body.pop(name, None)
        if _is_scoped(body):
            body = _unscoped(body)
        betas = [name for name in _betas(call.wishes.forward) if name in _BETAS]
        return {**body, "anthropic_version": _VERSION, **({"anthropic_beta": betas} if betas else {})}

    def refuses(self, call: Call, model: str) -> Sequence[str]:
        del model
        refused = [f"anthropic-beta.{name}" for name in _betas(call.wishes.forward) if name not in _BETAS]
        if call.body.get("service_tier") not in _USUAL_TIERS:
            refused.append("service_tier")
        return [*refused, "cache_control.scope"] if _is_scoped(call.body) else refused

    def decoder(self, call: Call, *, native: bool) -> Decoder:
        del call
        return EventStreamDecoder(InvokeReader(NativeReader() if native else CanonReader()))

    def rereads(self, call: Call) -> Decoder:
        del call
        return SseDecoder(CanonReader())

    def classify(self, reply: UpstreamReply) -> ProviderError:
        return answer_error(reply.status, reply.headers, reply.body)


def _betas(headers: Mapping[str, str]) -> list[str]:
    return [name.strip() for name in headers.get("anthropic-beta", "").split(",") if name.strip()]


def _is_scoped(value: Any) -> bool:
    """Whether a cache marker has a `scope`, which Bedrock does not take."""
    if is_array(value):
        return any(_is_scoped(item) for item in value)
    if not is_object(value):
        return False
    marker = value.get("cache_control")
    return (is_object(marker) and "scope" in marker) or any(_is_scoped(value.get(name)) for name in _MARKED)


def _unscoped(value: Any) -> Any:
    if is_array(value):
        return [_unscoped(item) for item in value]
    if not is_object(value):
        return value
    kept = {name: _unscoped(item) if name in _MARKED else item for name, item in value.items()}
    if is_object(marker := kept.get("cache_control")):
        kept["cache_control"] = {name: item for name, item in marker.items() if name != "scope"}
    return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class BedrockClaude(Converse):
    """Claude on Bedrock: InvokeModel for callers of /v1/messages, Converse for all others. A part of Bedrock, no provider of its own."""

    messages: InvokedClaude

    def speaks(self, call: Call) -> bool:
        return call.dialect is Dialect.ANTHROPIC and call.operation is Operation.CHAT

    def refuses(self, call: Call, model: str) -> Sequence[str]:
        return self.messages.refuses(call, model) if self.speaks(call) else Converse.refuses(self, call, model)

    def build(self, call: Call, place: Place) -> UpstreamRequest:
        return self.messages.build(call, place) if self.speaks(call) else Converse.build(self, call, place)

    def read(self, call: Call, reply: UpstreamReply) -> Answer:
        return self.messages.read(call, reply) if self.speaks(call) else Converse.read(self, call, reply)

    def decoder(self, call: Call, *, native: bool) -> Decoder:
        return (
            self.messages.decoder(call, native=native)
            if self.speaks(call)
            else Converse.decoder(self, call, native=native)
        )

    def rereads(self, call: Call) -> Decoder:
        return self.messages.rereads(call) if self.speaks(call) else Converse.rereads(self, call)

    def join(self, call: Call) -> Join | None:
        return self.messages.join(call) if self.speaks(call) else None
