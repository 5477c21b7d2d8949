"""Claude on Amazon Bedrock: Converse, and for callers of Anthropic's dialect the Messages API behind InvokeModel.

Page: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.canon.chat import Json
from llmgateway.errors import ProviderError
from llmgateway.providers.anthropic.declaration import Anthropic
from llmgateway.providers.anthropic.request import native_body
from llmgateway.providers.anthropic.stream import NativeReader
from llmgateway.providers.base import Answer, Decoder, Place, Reply, UpstreamRequest
from llmgateway.providers.bedrock.converse import Converse
from llmgateway.providers.bedrock.errors import answer_error
from llmgateway.providers.bedrock.places import model_request
from llmgateway.providers.bedrock.stream import EventStreamDecoder, InvokeReader

_VERSION: Final = "bedrock-2023-05-31"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokedClaude(Anthropic):
    """The Messages API with the model in the path, the version in the body and events in AWS's frames."""

    def build(self, call: Call, place: Place) -> UpstreamRequest:
        method = "invoke-with-response-stream" if place.stream else "invoke"
        return model_request(place, method, msgspec.json.encode(self.body(call, place)))

    def body(self, call: Call, place: Place) -> Json:
        body = native_body(call, place.model, stream=place.stream, dropped=place.dropped)
        body.pop("stream", None)
        del body["model"]
        betas = _betas(call.wishes.forward)
        return {**body, "anthropic_version": _VERSION, **({"anthropic_beta": betas} if betas else {})}

    def decoder(self, call: Call, *, native: bool) -> Decoder:
        del call, native
        return EventStreamDecoder(InvokeReader(NativeReader()))

    def classify(self, reply: Reply) -> ProviderError:
        return answer_error(reply.status, reply.headers, reply.body)


def _betas(headers: Mapping[str, str]) -> list[str]:
    return [name.strip() for name in headers.get("anthropic-beta", "").split(",") if name.strip()]


@dataclass(frozen=True, slots=True, kw_only=True)
class BedrockClaude(Converse):
    """Two languages for the same models: the caller's dialect tells which. A part of Bedrock, no host of its own."""

    messages: InvokedClaude

    def speaks(self, call: Call) -> bool:
        return call.dialect is Dialect.ANTHROPIC and call.operation is Operation.CHAT

    def refuses(self, call: Call, model: str) -> Sequence[str]:
        return () if self.speaks(call) else Converse.refuses(self, call, model)

    def build(self, call: Call, place: Place) -> UpstreamRequest:
        return self.messages.build(call, place) if self.speaks(call) else Converse.build(self, call, place)

    def read(self, call: Call, reply: Reply) -> Answer:
        return self.messages.read(call, reply) if self.speaks(call) else Converse.read(self, call, reply)

    def decoder(self, call: Call, *, native: bool) -> Decoder:
        return self.messages.decoder(call, native=native) if native else Converse.decoder(self, call, native=native)
