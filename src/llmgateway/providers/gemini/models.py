"""What Gemini models accept, read from their names: how they think, and which inputs they take.

Pages: https://ai.google.dev/gemini-api/docs/thinking (budgets, levels), .../openai (efforts),
.../file-input-methods (addresses) and .../function-calling (multimodal results).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

Version = tuple[int, int]

_NAME: Final = re.compile(r"gemini-(?:[a-z]+-)*(\d{1,2})(?:\.(\d{1,2}))?(?!\d)")
_NEWEST: Final[Version] = (99, 0)
_BUDGETS: Final[Mapping[str, int]] = MappingProxyType({"minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576})
"""Tokens of thinking for an effort, as on Google's OpenAI-compatible surface."""
EFFORTS: Final = frozenset({"none", *_BUDGETS})


@dataclass(frozen=True, slots=True)
class GeminiModel:
    """A Gemini model, as far as its name tells. One without a version (an alias such as gemini-flash-latest) counts as the newest."""

    version: Version
    pro: bool
    lite: bool

    @property
    def thinks(self) -> bool:
        return self.version >= (2, 5)

    @property
    def by_level(self) -> bool:
        """Thinks by `thinkingLevel`; Gemini 2.5 by `thinkingBudget`."""
        return self.version >= (3, 0)

    @property
    def always_thinks(self) -> bool:
        """Thinking cannot be switched off."""
        return self.by_level or (self.thinks and self.pro)

    @property
    def signs_calls(self) -> bool:
        """Refuses a history whose function calls lack their thought signature."""
        return self.by_level

    @property
    def takes_media_results(self) -> bool:
        """Reads images and documents inside a function's response."""
        return self.by_level

    @property
    def fetches_addresses(self) -> bool:
        """Reads files from any https address; older ones only what the Files API holds."""
        return self.version >= (2, 5)

    def level(self, effort: str) -> str:
        """`thinkingLevel` for an effort."""
        if self.pro and effort == "minimal":
            return "low"
        if self.pro and effort == "medium" and self.version == (3, 0):
            return "high"  # it knows low and high only
        return effort

    def budget(self, effort: str, limit: int | None) -> int:
        """`thinkingBudget` in tokens for an effort, at most half of the output limit: thoughts count as output."""
        wanted = _BUDGETS.get(effort, _BUDGETS["high"])
        return self.within(wanted if limit is None else min(wanted, limit // 2))

    def within(self, budget: int) -> int:
        """A budget in tokens, moved into the range documented for the model."""
        least = 128 if self.pro else 512 if self.lite else 1
        return max(least, min(budget, 32_768 if self.pro else 24_576))


@lru_cache(maxsize=1024)
def gemini_model(name: str) -> GeminiModel:
    """Read a model's name, with or without a path before it: `gemini-2.5-flash`, `models/gemini-3-pro-preview`."""
    words = name.lower().rpartition("/")[2]
    found = _NAME.match(words)
    parts = re.split(r"[-.@]", words)
    version = (int(found[1]), int(found[2] or 0)) if found else (0, 0) if words.startswith("gemma") else _NEWEST
    return GeminiModel(version, pro="pro" in parts, lite="lite" in parts)
