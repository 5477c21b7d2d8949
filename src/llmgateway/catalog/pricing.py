"""From usage to money: exact integers, one rounding at the end.

Prices are compiled once into atto-dollars (1e-18 USD) a token, so that no decimal is computed while a caller waits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from genai_prices.types import ModelPrice, TieredPrices

from llmgateway.canon.usage import Usage

_ATTO_PER_NANO: Final = 10**9
_ATTO_PER_USD: Final = Decimal(10**18)
_MILLION: Final = 10**6
_THOUSAND: Final = 10**3


@dataclass(frozen=True, slots=True)
class PriceOverride:
    """The operator's own price, USD per million tokens; cached input is priced as input where it is None."""

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Atto-dollars a token of each class, and a request and a search. A class without a price of its own has its kind's."""

    input: int
    cached: int
    cache_write: int
    cache_write_1h: int
    audio_input: int
    image_input: int
    output: int
    reasoning: int
    audio_output: int
    image_output: int
    request: int
    search: int

    def nanos(self, usage: Usage) -> int:
        """What the usage costs, in nano-dollars, rounded once, half to even."""
        written = usage.cache_write_tokens - usage.cache_write_1h_tokens
        special_input = (
            usage.cached_tokens + usage.cache_write_tokens + usage.audio_prompt_tokens + usage.image_prompt_tokens
        )
        special_output = usage.reasoning_tokens + usage.audio_completion_tokens + usage.image_completion_tokens
        atto = (
            max(0, usage.prompt_tokens - special_input) * self.input
            + max(0, usage.completion_tokens - special_output) * self.output
            + usage.cached_tokens * self.cached
            + written * self.cache_write
            + usage.cache_write_1h_tokens * self.cache_write_1h
            + usage.audio_prompt_tokens * self.audio_input
            + usage.image_prompt_tokens * self.image_input
            + usage.reasoning_tokens * self.reasoning
            + usage.audio_completion_tokens * self.audio_output
            + usage.image_completion_tokens * self.image_output
            + self.request
            + usage.searches * self.search
        )
        whole, rest = divmod(atto, _ATTO_PER_NANO)
        return whole + (2 * rest > _ATTO_PER_NANO or (2 * rest == _ATTO_PER_NANO and whole % 2 == 1))


@dataclass(frozen=True, slots=True)
class Tariff:
    """A model's rates by the length of the prompt: a tier holds for all tokens of a request beyond its start."""

    tiers: tuple[tuple[int, Rates], ...]
    """(tokens that the prompt must exceed, rates), ascending; the first one's start is -1."""

    def nanos(self, usage: Usage) -> int:
        """What the usage costs, in nano-dollars."""
        rates = self.tiers[0][1]
        for start, higher in self.tiers[1:]:
            if usage.prompt_tokens > start:
                rates = higher
        return rates.nanos(usage)


def tariff(prices: ModelPrice) -> Tariff:
    """Compile a model's prices."""
    named = {name: price for name, price in vars(prices).items() if isinstance(price, Decimal | TieredPrices)}
    starts = {tier.start for price in named.values() if isinstance(price, TieredPrices) for tier in price.tiers}
    return Tariff(
        tuple((start, _rates({n: _at(price, start) for n, price in named.items()})) for start in (-1, *sorted(starts)))
    )


def override_tariff(price: PriceOverride) -> Tariff:
    """Compile the operator's own price."""
    given = {"input_mtok": price.input, "output_mtok": price.output, "cache_read_mtok": price.cached_input}
    return Tariff(((-1, _rates({name: value for name, value in given.items() if value is not None})),))


def _at(price: Decimal | TieredPrices, start: int) -> Decimal:
    """The price of a class once the prompt exceeds `start`."""
    if isinstance(price, Decimal):
        return price
    tiers = [tier.price for tier in price.tiers if tier.start <= start]
    return tiers[-1] if tiers else price.base


def _rates(usd: Mapping[str, Decimal]) -> Rates:
    def rate(name: str, otherwise: int, per: int = _MILLION) -> int:
        price = usd.get(name)
        return otherwise if price is None else int(price * _ATTO_PER_USD / per)

    plain, out = rate("input_mtok", 0), rate("output_mtok", 0)
    written = rate("cache_write_mtok", plain)
    return Rates(
        input=plain,
        cached=rate("cache_read_mtok", plain),
        cache_write=written,
        cache_write_1h=rate("cache_write_1h_mtok", written),
        audio_input=rate("input_audio_mtok", plain),
        image_input=rate("input_image_mtok", plain),
        output=out,
        reasoning=rate("output_reasoning_mtok", out),
        audio_output=rate("output_audio_mtok", out),
        image_output=rate("output_image_mtok", out),
        request=rate("requests_kcount", 0, _THOUSAND),
        search=rate("web_searches_kcount", 0, _THOUSAND),
    )
