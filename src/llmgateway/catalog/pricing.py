"""From usage to money: exact decimals, one rounding at the end."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from genai_prices.types import ModelPrice, TieredPrices

from llmgateway.canon.usage import Usage
from llmgateway.kit.money import nanos

_MILLION = Decimal(1_000_000)
_THOUSAND = Decimal(1000)

Rate = Callable[[str], Decimal | None]
"""Name of a billable class -> USD, None when it has no price of its own."""


@dataclass(frozen=True, slots=True)
class PriceOverride:
    """The operator's own price, USD per million tokens; cached input is priced as input where it is None."""

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None


def cost_nanos(usage: Usage, prices: ModelPrice) -> int:
    """What the usage costs at these prices, in nano-dollars, rounded once, half to even."""

    def rate(name: str) -> Decimal | None:
        price: object = getattr(prices, name)
        if isinstance(price, TieredPrices):
            # A tier holds for all tokens of a request once its prompt is longer than the tier's start.
            tiers = [tier.price for tier in price.tiers if usage.prompt_tokens > tier.start]
            return tiers[-1] if tiers else price.base
        return price if isinstance(price, Decimal) else None

    return _total(usage, rate)


def override_nanos(usage: Usage, price: PriceOverride) -> int:
    """What the usage costs at the operator's own price."""
    rates = {"input_mtok": price.input, "output_mtok": price.output, "cache_read_mtok": price.cached_input}
    return _total(usage, rates.get)


def _total(usage: Usage, rate: Rate) -> int:
    dollars = (_input(usage, rate) + _output(usage, rate)) / _MILLION
    dollars += (rate("requests_kcount") or 0) / _THOUSAND
    dollars += usage.searches * (rate("web_searches_kcount") or 0) / _THOUSAND
    return nanos(dollars)


def _input(usage: Usage, rate: Rate) -> Decimal:
    """Each class at its own price; a class without one is priced as plain input."""
    plain = rate("input_mtok") or Decimal(0)
    written_long = usage.cache_write_1h_tokens
    written = usage.cache_write_tokens - written_long
    write_rate = _or(rate("cache_write_mtok"), plain)
    classes = (
        (usage.cached_tokens, _or(rate("cache_read_mtok"), plain)),
        (written, write_rate),
        (written_long, _or(rate("cache_write_1h_mtok"), write_rate)),
        (usage.audio_prompt_tokens, _or(rate("input_audio_mtok"), plain)),
        (usage.image_prompt_tokens, _or(rate("input_image_mtok"), plain)),
    )
    rest = max(0, usage.prompt_tokens - sum(count for count, _ in classes))
    return rest * plain + sum((count * price for count, price in classes), Decimal(0))


def _output(usage: Usage, rate: Rate) -> Decimal:
    plain = rate("output_mtok") or Decimal(0)
    classes = (
        (usage.reasoning_tokens, _or(rate("output_reasoning_mtok"), plain)),
        (usage.audio_completion_tokens, _or(rate("output_audio_mtok"), plain)),
        (usage.image_completion_tokens, _or(rate("output_image_mtok"), plain)),
    )
    rest = max(0, usage.completion_tokens - sum(count for count, _ in classes))
    return rest * plain + sum((count * price for count, price in classes), Decimal(0))


def _or(price: Decimal | None, otherwise: Decimal) -> Decimal:
    return otherwise if price is None else price
