"""What Claude models accept, read from their names: output limits, thinking, effort, sampling, structured outputs.

Pages: https://platform.claude.com/docs/en/about-claude/models/overview (output limits),
https://platform.claude.com/docs/en/build-with-claude/thinking, .../effort, .../structured-outputs and
https://platform.claude.com/docs/en/about-claude/models/migration-guide (sampling parameters).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

Version = tuple[int, int]

_NAME: Final = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?")
_LINES: Final = frozenset({"haiku", "sonnet", "opus", "fable", "mythos"})
_NEWEST: Final[Version] = (99, 0)

_FALLBACK_MAX_TOKENS: Final = 4096
_MAX_TOKENS: Final[tuple[tuple[Version, Mapping[str, int], int], ...]] = (
    # From this version on: output limit by line, and of the other lines.
    ((4, 6), MappingProxyType[str, int]({}), 128_000),
    ((4, 5), MappingProxyType[str, int]({}), 64_000),
    ((4, 0), MappingProxyType({"opus": 32_000}), 64_000),
    ((3, 7), MappingProxyType[str, int]({}), 64_000),
    ((3, 5), MappingProxyType[str, int]({}), 8_192),
)

THINKING_BUDGETS: Final[Mapping[str, int]] = MappingProxyType(
    {"minimal": 1_024, "low": 1_024, "medium": 4_096, "high": 16_384}
)
"""Tokens of thinking for an effort, for models that take only budgets: our choice. 1,024 is the least they accept."""

LEAST_BUDGET: Final = 1_024


@dataclass(frozen=True, slots=True)
class ClaudeModel:
    """A Claude model, as far as its name tells. One without a version (an alias, a preview) counts as the newest."""

    line: str
    version: Version
    named: bool
    """Whether the name told the version."""

    @property
    def max_tokens(self) -> int:
        """The documented output limit; 4,096, which every model accepts, where the name does not tell."""
        limits = (by_line.get(self.line, others) for since, by_line, others in _MAX_TOKENS if self.version >= since)
        return next(limits, _FALLBACK_MAX_TOKENS) if self.named else _FALLBACK_MAX_TOKENS

    @property
    def thinks(self) -> bool:
        return self.version >= (3, 7)

    @property
    def adaptive(self) -> bool:
        """Thinks by `{"type": "adaptive"}` and `output_config.effort`; older models by a budget of tokens."""
        return self.version >= (4, 6)

    @property
    def budgets(self) -> bool:
        """Takes `{"type": "enabled", "budget_tokens": ...}`; 4.7 was the first to refuse it, Opus 5 takes it."""
        return self.thinks and (
            not self.named or self.version < (4, 7) or (self.line, self.version) == ("opus", (5, 0))
        )

    @property
    def always_thinks(self) -> bool:
        """Thinking cannot be switched off, and no tool can be forced: Fable, Mythos, Opus from 5.5 on."""
        return self.line in {"fable", "mythos"} or (self.line == "opus" and self.named and self.version >= (5, 5))

    @property
    def off_switch(self) -> str | None:
        """The `thinking` type that switches thinking off; None where leaving it out does.

        Models before Claude 5 think only when asked to; Sonnet 5.5 has `between_tools` in place of `disabled`.
        """
        if self.version < (5, 0):
            return None
        return "between_tools" if self.line == "sonnet" and self.named and self.version >= (5, 5) else "disabled"

    @property
    def efforts(self) -> frozenset[str]:
        """Values of `output_config.effort`."""
        if self.version >= (4, 7):
            return frozenset({"low", "medium", "high", "xhigh", "max"})
        return frozenset({"low", "medium", "high", "max"}) if self.adaptive else frozenset()

    @property
    def samples(self) -> bool:
        """Whether temperature, top_p and top_k may be set; from 4.7 on only their defaults are accepted."""
        return not self.named or self.version < (4, 7)

    @property
    def one_sampling_parameter(self) -> bool:
        """From Claude 4.1 on temperature and top_p exclude each other."""
        return self.version >= (4, 1)

    @property
    def structured(self) -> bool:
        """Whether it knows `output_config.format` and strict tools."""
        return self.version >= (4, 5)


@lru_cache(maxsize=1024)
def claude_model(name: str) -> ClaudeModel:
    """Read a model's name, with or without a host's prefix: `claude-sonnet-4-5-20250929`, `anthropic.claude-3-haiku`."""
    found = _NAME.search(name)
    line = next((part for part in name.split("-") if part in _LINES), "")
    if found is None:
        return ClaudeModel(line, _NEWEST, named=False)
    return ClaudeModel(line, (int(found[1]), int(found[2] or 0)), named=True)
