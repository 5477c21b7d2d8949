"""What a request used: token counts in OpenAI's sense, and the uses of tools."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Self

import msgspec

from llmgateway.canon.chat import Json

MOST_TOKENS: Final = 100_000_000
"""More than any model reads or writes in one request: a figure beyond it is a provider's mistake."""
TOLD_BY: Final = "told by "
"""How the version of a price begins when the provider reported the cost itself (`told_nanos`): `told by openrouter`."""
_MOST_CALLS: Final = 10_000
"""More searches, containers or images than one request has: a figure beyond it is a provider's mistake."""


_DETAILS: Final = (
    "cache_write_1h_tokens",
    "audio_prompt_tokens",
    "audio_completion_tokens",
    "image_prompt_tokens",
    "image_completion_tokens",
    "cached_audio_tokens",
    "cached_image_tokens",
    "searches",
    "file_searches",
    "containers",
    "images",
    "billed_prompt_tokens",
    "billed_completion_tokens",
    "speed",
    "region",
    "tier",
)
"""Fields that `details` names; the usual ones have columns of their own."""


class UsageSource(StrEnum):
    """Where a usage comes from."""

    PROVIDER = "provider"
    """The provider's own usage figures."""
    COUNTED = "counted"
    """Counted by the gateway from what passed through it, because the provider reported no usage."""
    ESTIMATED = "estimated"
    """Estimated from the prompt alone, after the process died."""


class Usage(msgspec.Struct, frozen=True):
    """What one request used.

    `prompt_tokens` includes tokens read from and written to the provider's prompt cache; `completion_tokens` includes
    reasoning. The other token counts are parts of these two, never additions.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Prompt tokens read from the provider's cache."""
    cache_write_tokens: int = 0
    """Prompt tokens written to the provider's cache, for whatever lifetime."""
    cache_write_1h_tokens: int = 0
    """The part of `cache_write_tokens` that was written for an hour (Anthropic)."""
    reasoning_tokens: int = 0
    """Completion tokens of the model's reasoning."""
    audio_prompt_tokens: int = 0
    audio_completion_tokens: int = 0
    image_prompt_tokens: int = 0
    image_completion_tokens: int = 0
    cached_audio_tokens: int | None = None
    """Cached tokens that are audio; None when the provider does not say what was cached."""
    cached_image_tokens: int | None = None
    searches: int = 0
    """Web searches by the provider's own tool, each of which it bills."""
    file_searches: int = 0
    """Searches in uploaded files by the provider's own tool."""
    containers: int = 0
    """Sandboxes in which the model ran code."""
    images: int = 0
    """Images that a tool made, besides the answer."""
    billed_prompt_tokens: int | None = None
    """Prompt tokens that the provider bills, where these are not `prompt_tokens`; else None."""
    billed_completion_tokens: int | None = None
    told_nanos: int | None = None
    """The cost in nano-dollars, where the provider reports it."""
    rounds: tuple["Round", ...] = ()
    """The usage of each sampling within the request, where the provider tells them apart; the counts above include them."""
    speed: str | None = None
    """The speed that the provider says it served (`fast`); None for the standard one. Prices may depend on it."""
    region: str | None = None
    """Where the model ran, as the provider (Anthropic's `inference_geo`) or the host's settings say. Prices may depend on it."""
    tier: str | None = None
    """The service tier that the provider says it served (`flex`, `priority`). Prices may depend on it."""

    prompt_told: bool = True
    """Whether the provider reported prompt tokens; if not, the gateway counts them."""
    completion_told: bool = True
    """Whether the provider reported completion tokens; if not, the gateway counts them."""

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    @property
    def without_extras(self) -> bool:
        """Whether the request used neither audio nor tools that are billed by their uses (see `Extras`)."""
        return not (
            self.searches
            or self.file_searches
            or self.containers
            or self.images
            or self.audio_prompt_tokens
            or self.audio_completion_tokens
        )

    @property
    def credible(self) -> bool:
        """Whether a request can have used so much."""
        figures = (
            self.prompt_tokens, self.completion_tokens, self.cached_tokens, self.cache_write_tokens,
            self.cache_write_1h_tokens, self.reasoning_tokens, self.audio_prompt_tokens, self.audio_completion_tokens,
            self.image_prompt_tokens, self.image_completion_tokens, self.billed_prompt_tokens or 0, self.billed_completion_tokens or 0,
            self.cached_audio_tokens or 0, self.cached_image_tokens or 0,
        )  # fmt: skip
        calls = (self.searches, self.file_searches, self.containers, self.images)
        rounds = all(one.usage.credible for one in self.rounds)
        return rounds and min(*figures, *calls) >= 0 and max(figures) <= MOST_TOKENS and max(calls) <= _MOST_CALLS

    def coherent(self) -> Self:
        """The usage with no part larger than its whole: some hosts report such parts, which are cut down here."""
        if (
            self.cached_tokens + self.cache_write_tokens <= self.prompt_tokens
            and self.cache_write_1h_tokens <= self.cache_write_tokens
            and self.audio_prompt_tokens + self.image_prompt_tokens <= self.prompt_tokens
            and self.reasoning_tokens + self.audio_completion_tokens + self.image_completion_tokens
            <= self.completion_tokens
        ):
            return self
        cached = min(self.cached_tokens, self.prompt_tokens)
        written = min(self.cache_write_tokens, self.prompt_tokens - cached)
        heard = min(self.audio_prompt_tokens, self.prompt_tokens)
        reasoning = min(self.reasoning_tokens, self.completion_tokens)
        spoken = min(self.audio_completion_tokens, self.completion_tokens - reasoning)
        return msgspec.structs.replace(
            self,
            cached_tokens=cached,
            cache_write_tokens=written,
            cache_write_1h_tokens=min(self.cache_write_1h_tokens, written),
            audio_prompt_tokens=heard,
            image_prompt_tokens=min(self.image_prompt_tokens, self.prompt_tokens - heard),
            reasoning_tokens=reasoning,
            audio_completion_tokens=spoken,
            image_completion_tokens=min(self.image_completion_tokens, self.completion_tokens - reasoning - spoken),
        )

    def details(self) -> Mapping[str, int | str] | None:
        """Further figures that the price depends on, by name; None when there are none."""
        told = {name: value for name in _DETAILS if (value := getattr(self, name)) not in (None, 0)}
        return told or None

    def as_billed(self) -> Self:
        """The usage with the token counts that the provider bills."""
        prompt, completion = self.billed_prompt_tokens, self.billed_completion_tokens
        if prompt is None and completion is None:
            return self
        billed = msgspec.structs.replace(
            self,
            prompt_tokens=self.prompt_tokens if prompt is None else prompt,
            completion_tokens=self.completion_tokens if completion is None else completion,
        )
        return billed.coherent()

    def supplemented(self, prompt_tokens: int, completion_tokens: int) -> Self:
        """The usage with these counts in place of those that the provider did not report."""
        supplemented = self
        if not self.prompt_told:
            supplemented = msgspec.structs.replace(supplemented, prompt_tokens=prompt_tokens, prompt_told=True)
        if not self.completion_told:
            supplemented = msgspec.structs.replace(
                supplemented, completion_tokens=completion_tokens, completion_told=True
            )
        return supplemented


def usage_object(usage: Usage) -> Json:
    """OpenAI's usage object, with the parts that every provider tells."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


class Round(msgspec.Struct, frozen=True):
    """One sampling of a model within a request."""

    model: str | None
    """None when it is the request's own."""
    usage: Usage
