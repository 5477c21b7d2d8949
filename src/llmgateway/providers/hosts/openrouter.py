"""OpenRouter: a host of hosts, whose calls may name further models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from llmgateway.canon.call import Call
from llmgateway.canon.shapes import is_array, is_object, objects, text_of
from llmgateway.providers.openai_compatible import EVERYTHING, OpenAICompatible
from llmgateway.providers.openai_wire.files import FileForm

_TOOLS: Final = "openrouter:"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRouter(OpenAICompatible):
    """OpenAI's wire, with models to fall back on and tools that ask models."""

    def others(self, call: Call) -> Sequence[str]:
        """Pages: https://openrouter.ai/docs/guides/routing/model-fallbacks, https://openrouter.ai/docs/guides/features/server-tools."""
        models = call.canon.get("models")
        tools = [tool for tool in objects(call.canon.get("tools")) if text_of(tool.get("type")).startswith(_TOOLS)]
        asked = [tool["parameters"].get("model") for tool in tools if is_object(tool.get("parameters"))]
        return [name for name in (*(models if is_array(models) else ()), *asked) if isinstance(name, str)]


OPENROUTER: Final = OpenRouter(
    id="openrouter",
    title="OpenRouter",
    docs="https://openrouter.ai/docs/api-reference/overview",
    base_url="https://openrouter.ai/api/v1",
    endpoints=EVERYTHING,
    keeps=frozenset({"cache_control", "reasoning_content", "reasoning_details", "images"}),
    files=FileForm.DATA_OR_ADDRESS,
    responses="/responses",
    free_call="/key",
    quirks=(
        "An error may come inside a 200: https://openrouter.ai/docs/api-reference/errors",
        (
            "Reasoning comes as reasoning and reasoning_details; both travel on, and reasoning_content is added: "
            "https://openrouter.ai/docs/use-cases/reasoning-tokens"
        ),
    ),
)
