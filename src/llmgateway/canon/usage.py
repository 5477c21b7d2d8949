"""What a request used, in OpenAI's meaning of the words."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Self

import msgspec

MOST_TOKENS: Final = 100_000_000
"""More than any model reads or writes in one request: a figure beyond it is a provider's mistake."""
_MOST_CALLS: Final = 10_000
"""The same of what tools did: searches, containers, pictures."""


_DETAILS: Final = (
    *("cache_write_1h_tokens", "audio_prompt_tokens", "audio_completion_tokens", "image_prompt_tokens"),
    *(
        "image_completion_tokens",
        "cached_audio_tokens",
        "cached_image_tokens",
        "searches",
        "file_searches",
        "containers",
    ),
    *("images", "billed_prompt_tokens", "billed_completion_tokens", "speed", "region", "tier"),
)


class UsageSource(StrEnum):
    """Who said the figures."""

    PROVIDER = "provider"
    """The provider's own usage figures."""
    COUNTED = "counted"
    """Counted by the gateway from what it saw, because the provider's figures never came."""
    ESTIMATED = "estimated"
    """Guessed from the prompt alone, after a crash."""


class Usage(msgspec.Struct, frozen=True):
    """Token counts of one request.

    `prompt_tokens` includes what was read from and written to the provider's prompt cache; `completion_tokens` includes
    reasoning. The further fields are parts of those two, never additions.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt: read from the provider's cache."""
    cache_write_tokens: int = 0
    """Of the prompt: written to the provider's cache (all lifetimes together)."""
    cache_write_1h_tokens: int = 0
    """Of `cache_write_tokens`: written for an hour (Anthropic)."""
    reasoning_tokens: int = 0
    """Of the completion: thinking."""
    audio_prompt_tokens: int = 0
    audio_completion_tokens: int = 0
    image_prompt_tokens: int = 0
    image_completion_tokens: int = 0
    cached_audio_tokens: int | None = None
    """Of the cached: sound; None where the provider does not say what was cached."""
    cached_image_tokens: int | None = None
    searches: int = 0
    """Server-side searches that the provider bills each."""
    file_searches: int = 0
    """The same in files that were uploaded."""
    containers: int = 0
    """Sandboxes in which the model ran code."""
    images: int = 0
    """Pictures that a tool made, beside the answer."""
    billed_prompt_tokens: int | None = None
    """Where the provider bills other tokens than the model saw; None is the same ones."""
    billed_completion_tokens: int | None = None
    told_nanos: int | None = None
    """The bill, nano-dollars, where the provider tells it."""
    rounds: tuple["Round", ...] = ()
    """What each sampling within the request used, where the provider tells them apart; all of it is in the sums above."""
    speed: str | None = None
    """The speed that the provider says it served (`fast`), for the price; None where it is the usual one or says none."""
    region: str | None = None
    """Where it worked, by the provider's word (Anthropic's `inference_geo`) or its host's settings, for the price; else None."""
    tier: str | None = None
    """The service tier that the provider says it served (`flex`, `priority`), for the price; None where it says none."""

    prompt_told: bool = True
    """Whether the provider told the prompt's tokens; what it left out is counted here."""
    completion_told: bool = True
    """Whether it told the completion's."""

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    @property
    def in_words(self) -> bool:
        """Nothing but words, read, cached and written: no sound, and nothing that tools did."""
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
        """Whether a model can have used so much."""
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
        """The same with no part larger than its whole, as some hosts tell it; what is too much is nobody's."""
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
        """What a price is made of beside the tokens that every request has, by name; None where that is nothing."""
        told = {name: value for name in _DETAILS if (value := getattr(self, name)) not in (None, 0)}
        return told or None

    def as_billed(self) -> Self:
        """The same with the tokens that the provider bills."""
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
        """The same with these figures where the provider told none."""
        supplemented = self
        if not self.prompt_told:
            supplemented = msgspec.structs.replace(supplemented, prompt_tokens=prompt_tokens, prompt_told=True)
        if not self.completion_told:
            supplemented = msgspec.structs.replace(
                supplemented, completion_tokens=completion_tokens, completion_told=True
            )
        return supplemented


class Round(msgspec.Struct, frozen=True):
    """One sampling of a model within a request."""

    model: str | None
    """None is the request's own."""
    usage: Usage
