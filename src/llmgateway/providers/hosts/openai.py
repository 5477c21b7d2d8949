"""OpenAI: the owner of the dialect; everything passes untouched."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from llmgateway.providers.openai_compatible import CHAT_EMBEDDINGS_COMPLETIONS, OPENAI_CALL_IDS, OpenAICompatible

_RESIDENCE: Final = re.compile(r"https://([a-z]+)\.api\.openai\.com(?:[:/]|$)")
"""Addresses of regions: https://developers.openai.com/api/docs/guides/data-residency."""


@dataclass(frozen=True, kw_only=True)
class OpenAI(OpenAICompatible):
    """The original; its address tells where it works."""

    def region(self, options: Mapping[str, str], base_url: str) -> str | None:
        del options
        found = _RESIDENCE.match(base_url)
        return None if found is None else found[1]


OPENAI: Final = OpenAI(
    id="openai",
    title="OpenAI",
    docs="https://platform.openai.com/docs/api-reference",
    base_url="https://api.openai.com/v1",
    env=MappingProxyType({"api_key": ("OPENAI_API_KEY",), "service_tier": ("OPENAI_SERVICE_TIER",)}),
    endpoints=CHAT_EMBEDDINGS_COMPLETIONS,
    native=True,
    strict_schemas=True,
    continues=False,
    responses="/responses",
    call_ids=OPENAI_CALL_IDS,
    quirks=(
        (
            "A project of which every request gets another service tier is told here by service_tier, so that enough is reserved: "
            "https://developers.openai.com/api/docs/guides/priority-processing"
        ),
        "Bodies and answers pass untouched, so every parameter OpenAI adds works on the day it appears.",
        (
            "Callers of other dialects have max_tokens sent as max_completion_tokens, which reasoning models require: "
            "https://platform.openai.com/docs/api-reference/chat/create"
        ),
    ),
)
