"""Claude on Vertex AI: the Messages API behind rawPredict and streamRawPredict.

Page: https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from llmgateway.canon.call import Call, Operation
from llmgateway.canon.chat import Json
from llmgateway.providers.anthropic.declaration import Anthropic
from llmgateway.providers.anthropic.request import messages_body, native_body
from llmgateway.providers.base import Place
from llmgateway.providers.vertex.addressing import bearer, model_url

_VERSION: Final = "vertex-2023-10-16"
_COUNTER: Final = "count-tokens"
"""Where tokens of all Claude models are counted, free of charge
(https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/count-tokens)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VertexClaude(Anthropic):
    """The Messages API with the model in the path and the version in the body. A part of Vertex AI, no host of its own."""

    def url(self, call: Call, place: Place) -> str:
        if call.operation is Operation.COUNT_TOKENS:
            return model_url(msgspec.structs.replace(place, model=_COUNTER), "anthropic", "rawPredict")
        return model_url(place, "anthropic", "streamRawPredict" if place.stream else "rawPredict")

    def headers(self, call: Call, place: Place) -> Mapping[str, str]:
        forwarded = {name: value for name, value in call.wishes.forward.items() if name != "anthropic-version"}
        return {**forwarded, **bearer(place)}

    def body(self, call: Call, place: Place) -> Json:
        write = native_body if self.speaks(call) else messages_body
        body = write(call, place.model, stream=place.stream, dropped=place.dropped)
        if call.operation is Operation.COUNT_TOKENS:
            return body  # there the path names the counter
        del body["model"]
        return {**body, "anthropic_version": _VERSION}
