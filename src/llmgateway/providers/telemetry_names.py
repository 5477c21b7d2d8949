"""Names of our providers in OpenTelemetry's conventions for generative AI.

https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/ (gen_ai.provider.name)
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CONVENTIONAL_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "azure": "azure.ai.openai",
        "bedrock": "aws.bedrock",
        "gemini": "gcp.gemini",
        "mistral": "mistral_ai",
        "vertex": "gcp.vertex_ai",
        "xai": "x_ai",
    }
)
"""Our id -> theirs, where they differ. Those that the conventions do not list keep ours, as the conventions ask."""
