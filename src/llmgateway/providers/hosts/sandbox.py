"""The sandbox: OpenAI's wire to the model that lives in the gateway itself, for first steps and for test keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.canon.chat import ChatRequest
from llmgateway.providers.base import Place, UpstreamRequest
from llmgateway.providers.openai_compatible import OpenAICompatible

_CHAT: Final = frozenset(ChatRequest.__annotations__) | {
    "audio", "function_call", "functions", "modalities", "moderation", "prediction", "prompt_cache_key",
    "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "verbosity", "web_search_options",
}  # fmt: skip
"""All that a chat can be asked (https://platform.openai.com/docs/api-reference/chat/create)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox(OpenAICompatible):
    """OpenAI's wire, with the faults that a test key may ask for."""

    def refuses(self, call: Call, model: str) -> Sequence[str]:
        """A misspelt parameter is told here, before it meets a provider; in another model's name it may be that one's."""
        refused = list(OpenAICompatible.refuses(self, call, model))
        if call.dialect is Dialect.OPENAI and call.operation is Operation.CHAT and call.model.startswith("sandbox/"):
            refused += [name for name in call.canon if name not in _CHAT]
        return refused

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
    inside=True,
    endpoints={Operation.CHAT: "/chat/completions", Operation.EMBEDDINGS: "/embeddings"},
    quirks=("It answers without a network, costs nothing, and counts a word as a token.",),
)
