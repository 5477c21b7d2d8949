"""The sandbox: OpenAI's wire to the model that lives in the gateway itself, for first steps and for test keys."""

from collections.abc import Mapping
from dataclasses import dataclass

from llmgateway.canon.call import Call, Operation
from llmgateway.providers.base import Place, UpstreamRequest
from llmgateway.providers.openai_compatible import OpenAICompatible


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox(OpenAICompatible):
    """OpenAI's wire, with the faults that a test key may ask for."""

    def build(self, call: Call, place: Place) -> UpstreamRequest:
        request = OpenAICompatible.build(self, call, place)
        if call.wishes.fault is None:
            return request
        headers: Mapping[str, str] = {**request.headers, "x-llmgateway-fault": call.wishes.fault}
        return UpstreamRequest(request.url, headers, request.body)


SANDBOX = Sandbox(
    id="sandbox",
    title="Sandbox",
    docs="https://github.com/llmgateway/llmgateway/blob/main/docs/guides/sandbox.md",
    base_url="sandbox://local/v1",
    credential=(),
    endpoints={Operation.CHAT: "/chat/completions", Operation.EMBEDDINGS: "/embeddings"},
    quirks=("It answers without a network, costs nothing, and counts a word as a token.",),
)
