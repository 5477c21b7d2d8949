"""From usage to money: exact integers, one rounding at the end.

Prices are compiled once into yocto-dollars (1e-24 USD) a token, so that no decimal is computed while a caller waits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final, NamedTuple

from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

from llmgateway.canon.extras import NO_EXTRAS, Extras
from llmgateway.canon.usage import Usage

_YOCTO_PER_NANO: Final = 10**15
_YOCTO_PER_USD: Final = Decimal(10**24)
_MILLION: Final = 10**6
_THOUSAND: Final = 10**3
_OWN_CLASSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "input": "input_mtok",
        "output": "output_mtok",
        "cached_input": "cache_read_mtok",
        "cache_write": "cache_write_mtok",
        "audio_input": "input_audio_mtok",
        "audio_output": "output_audio_mtok",
        "request": "requests_kcount",
        "search": "web_searches_kcount",
    }
)
"""The operator's name of a class -> its name in the price lists."""
_TOOLS: Final = ("web_searches_kcount", "storage_searches_kcount", "containers_kcount", "images_kcount")
_UNSURE: Final = ("searches", "searches in files", "containers", "made images", "sound", "spoken answers")
"""What may have no price although tokens have one, as `UsageCost.lacking` names it; in the order of `Rates._unsure`."""
_COVERED: Final[Mapping[str, Decimal]] = MappingProxyType(dict.fromkeys(_TOOLS, Decimal(0)))


@dataclass(frozen=True, slots=True)
class PriceOverride:
    """A price set by the operator or a tenant: USD per million tokens, and USD per thousand requests and searches.

    It covers everything that a request uses. A class of tokens that it leaves out costs what plain input or output does;
    requests and searches that it leaves out cost nothing.
    """

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    audio_input: Decimal | None = None
    audio_output: Decimal | None = None
    request: Decimal | None = None
    search: Decimal | None = None
    told_by: str = "gateway.yaml"
    """Where the price was set."""

    @property
    def classes(self) -> Mapping[str, Decimal]:
        """Class, as price lists call it -> USD; of those that were given."""
        given = {theirs: getattr(self, ours) for ours, theirs in _OWN_CLASSES.items()}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def version(self) -> str:
        """The price version stamped on events: the prices themselves, because the file may say others tomorrow."""
        told = [(name, price) for name in _OWN_CLASSES if (price := getattr(self, name)) is not None]
        words = [f"{'cached' if name == 'cached_input' else name} {price:f}" for name, price in told]
        return f"{self.told_by}: {' '.join(words)}"


class UsageCost(NamedTuple):
    """What a request's usage costs."""

    nanos: int
    lacking: tuple[str, ...]
    """Parts of the usage that nobody published a price for; `nanos` leaves them out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Yocto-dollars per token of each class, per request, and per use of a tool.

    A class without a published price has the price of plain input or output.
    """

    input: int
    cached: int
    cached_audio: int
    cached_image: int
    cache_write: int
    cache_write_1h: int
    audio_input: int | None
    image_input: int
    output: int
    reasoning: int
    audio_output: int | None
    image_output: int
    request: int
    search: int | None
    """None, for tools and audio: nobody published a price."""
    file_search: int | None
    container: int | None
    image: int | None
    searches_once: bool
    """A request pays for one search, however many it makes."""

    def bill(self, usage: Usage, percent: int) -> UsageCost:
        """What the usage costs at `percent` of the token prices, rounded once, half to even."""
        tokens = (self._prompt(usage) + self._completion(usage)) * percent // 100
        if usage.without_extras:
            return UsageCost(_nanos(tokens + self.request), ())
        nanos = _nanos(tokens + self.request + self._tools(usage))
        return UsageCost(nanos, self._lacking(usage) if None in self._unsure else ())

    def prompt_at_most(self, tokens: int, extras: Extras) -> int:
        """Yocto-dollars of a prompt if every token of it has the dearest class that the request allows."""
        if extras is NO_EXTRAS:
            return tokens * self.input
        text = self.input
        if extras.cache_write:
            text = max(text, self.cache_write_1h if extras.cache_write == "hour" else self.cache_write)
        audio_tokens = min(extras.audio_prompt_tokens, tokens)
        return (tokens - audio_tokens) * text + audio_tokens * max(text, self.audio_input or 0)

    def answer_at_most(self, tokens: int, extras: Extras) -> int:
        """Yocto-dollars of an answer if every token of it has the dearest class.

        Reasoning and images always count, since models that have prices for them produce them unasked.
        """
        audio = (self.audio_output or 0) if extras.audio_answer else 0
        return tokens * max(self.output, self.reasoning, self.image_output, audio)

    def tools_at_most(self, extras: Extras) -> int:
        """Yocto-dollars of all the uses that the request allows its tools."""
        return self._tools(extras) if extras.uses_tools else 0

    def _tools(self, used: Usage | Extras) -> int:
        """Yocto-dollars of the tools' uses; a tool without a published price adds nothing."""
        searches = min(used.searches, 1) if self.searches_once else used.searches
        file_searches = used.file_searches * (self.file_search or 0)
        return searches * (self.search or 0) + file_searches + used.containers * (self.container or 0)

    @property
    def _unsure(self) -> tuple[int | None, ...]:
        return self.search, self.file_search, self.container, self.image, self.audio_input, self.audio_output

    def _lacking(self, usage: Usage) -> tuple[str, ...]:
        used = (
            *(usage.searches, usage.file_searches, usage.containers, usage.images),
            *(usage.audio_prompt_tokens, usage.audio_completion_tokens),
        )
        names = zip(_UNSURE, self._unsure, used, strict=True)
        return tuple(name for name, rate, count in names if rate is None and count)

    def _prompt(self, usage: Usage) -> int:
        """Yocto-dollars of the prompt.

        Where the provider does not say which tokens were cached, audio and images count as uncached, up to the number of
        uncached tokens.
        """
        cached, written, long = usage.cached_tokens, usage.cache_write_tokens, usage.cache_write_1h_tokens
        text = max(0, usage.prompt_tokens - cached - written)
        yocto = (written - long) * self.cache_write + long * self.cache_write_1h
        if usage.audio_prompt_tokens or usage.image_prompt_tokens:
            audio = min(max(0, usage.audio_prompt_tokens - min(usage.cached_audio_tokens or 0, cached)), text)
            image = min(max(0, usage.image_prompt_tokens - min(usage.cached_image_tokens or 0, cached)), text - audio)
            cached_audio = min(usage.audio_prompt_tokens - audio, cached)
            cached_image = min(usage.image_prompt_tokens - image, cached - cached_audio)
            text -= audio + image
            cached -= cached_audio + cached_image
            yocto += audio * (self.audio_input or 0) + image * self.image_input
            yocto += cached_audio * self.cached_audio + cached_image * self.cached_image
        return yocto + text * self.input + cached * self.cached

    def _completion(self, usage: Usage) -> int:
        special = usage.reasoning_tokens + usage.audio_completion_tokens + usage.image_completion_tokens
        return (
            max(0, usage.completion_tokens - special) * self.output
            + usage.reasoning_tokens * self.reasoning
            + usage.audio_completion_tokens * (self.audio_output or 0)
            + usage.image_completion_tokens * self.image_output
        )


@dataclass(frozen=True, slots=True)
class TieredRates:
    """A model's rates by the length of the prompt: once a prompt exceeds a tier's start, all of its tokens cost that tier's rates."""

    tiers: tuple[tuple[int, Rates], ...]
    """(tokens that the prompt must exceed, rates), ascending; the first one's start is -1."""

    def bill(self, usage: Usage, percent: int = 100) -> UsageCost:
        """What the usage costs.

        `percent` is the share of the published token prices that holds in the request's region or service tier.
        """
        return self._rates(usage.prompt_tokens).bill(usage, percent)

    def bid(self, tokens: tuple[int, int], percent: int = 100, extras: Extras = NO_EXTRAS) -> tuple[int, int]:
        """The most that a request can cost, in nanos: its prompt alone, and its prompt, answer and tools together.

        `tokens` are the prompt's and the longest answer's. Nothing is assumed to be in the provider's cache.
        """
        rates = self._rates(tokens[0])
        prompt, answer = rates.prompt_at_most(tokens[0], extras), rates.answer_at_most(tokens[1], extras)
        sums = prompt * percent // 100, (prompt + answer) * percent // 100
        return _nanos(sums[0] + rates.request), _nanos(sums[1] + rates.request + rates.tools_at_most(extras))

    def _rates(self, prompt_tokens: int) -> Rates:
        rates = self.tiers[0][1]
        for start, higher in self.tiers[1:]:
            if prompt_tokens > start:
                rates = higher
        return rates


def _nanos(yocto: int) -> int:
    """Rounded half to even."""
    whole, rest = divmod(yocto, _YOCTO_PER_NANO)
    return whole + (2 * rest > _YOCTO_PER_NANO or (2 * rest == _YOCTO_PER_NANO and whole % 2 == 1))


def prices_at(info: ModelInfo, at: datetime, tier: str | None, speed: str | None = None) -> Sequence[ModelPrice]:
    """The price lists that hold at a moment for a service tier and a speed; of each class the first list with it counts.

    Empty where nobody published what the speed costs. The lists are the catalogue's own objects, never copies.
    """
    standard = info.prices if isinstance(info.prices, ModelPrice) else info.get_prices(at)
    quick = () if speed is None else _variant(info, at, "speed", speed)
    if speed is not None and not quick:
        return ()
    return (*quick, *(() if tier is None else _variant(info, at, "service_tier", tier)), standard)


def has_tier(info: ModelInfo, at: datetime, tier: str) -> bool:
    """Whether somebody published what the service tier costs."""
    return bool(_variant(info, at, "service_tier", tier))


def _variant(info: ModelInfo, at: datetime, name: str, value: str) -> Sequence[ModelPrice]:
    return [
        variant.prices
        for variant in info.price_variants or ()
        if variant.when == {name: value} and (variant.constraint is None or variant.constraint.active(at))
    ]


@dataclass(frozen=True, slots=True)
class Custom:
    """How a host changes what a model costs, beyond its price list."""

    sound_as_text: bool = False
    """Audio without a published price costs what text does; otherwise it is unpriced."""
    searches_once: bool = False
    """A request pays for one search, however many it makes."""
    fees: tuple[tuple[str, Decimal], ...] = ()
    """(class, USD per thousand) that the price lists lack."""


_PLAIN: Final = Custom()


def tiered_rates(lists: Sequence[ModelPrice], custom: Custom = _PLAIN) -> TieredRates | None:
    """Compile a model's price lists; None when they have no price per token (but per page or hour, or none at all)."""
    named: dict[str, Decimal | TieredPrices] = dict(custom.fees)
    for prices in reversed(lists):
        named |= {name: price for name, price in vars(prices).items() if isinstance(price, Decimal | TieredPrices)}
    if not any(name.endswith("_mtok") for name in named):
        return None
    starts = {tier.start for price in named.values() if isinstance(price, TieredPrices) for tier in price.tiers}
    return TieredRates(
        tuple(
            (start, _rates({n: _at(price, start) for n, price in named.items()}, custom))
            for start in (-1, *sorted(starts))
        )
    )


def override_rates(price: PriceOverride) -> TieredRates:
    """Compile the operator's own price."""
    return TieredRates(((-1, _rates({**_COVERED, **price.classes}, Custom(sound_as_text=True))),))


def _at(price: Decimal | TieredPrices, start: int) -> Decimal:
    """The price of a class once the prompt exceeds `start`."""
    if isinstance(price, Decimal):
        return price
    tiers = [tier.price for tier in price.tiers if tier.start <= start]
    return tiers[-1] if tiers else price.base


def _rates(usd: Mapping[str, Decimal], custom: Custom) -> Rates:
    def rate(name: str, otherwise: int, per: int = _MILLION) -> int:
        price = usd.get(name)
        return otherwise if price is None else int(price * _YOCTO_PER_USD / per)

    def sound(name: str, text: int) -> int | None:
        return rate(name, text) if name in usd or custom.sound_as_text else None

    def tool(name: str) -> int | None:
        return rate(name, 0, _THOUSAND) if name in usd else None

    plain, out = rate("input_mtok", 0), rate("output_mtok", 0)
    cached, written = rate("cache_read_mtok", plain), rate("cache_write_mtok", plain)
    audio_input = sound("input_audio_mtok", plain)
    return Rates(
        input=plain,
        cached=cached,
        cached_audio=rate("cache_audio_read_mtok", cached if custom.sound_as_text else audio_input or 0),
        cached_image=rate("cache_image_read_mtok", cached),
        cache_write=written,
        cache_write_1h=rate("cache_write_1h_mtok", written),
        audio_input=audio_input,
        image_input=rate("input_image_mtok", plain),
        output=out,
        reasoning=rate("output_reasoning_mtok", out),
        audio_output=sound("output_audio_mtok", out),
        image_output=rate("output_image_mtok", out),
        request=rate("requests_kcount", 0, _THOUSAND),
        search=0 if "web_searches_kcount" not in usd and "requests_kcount" in usd else tool("web_searches_kcount"),
        file_search=tool("storage_searches_kcount"),
        container=tool("containers_kcount"),
        image=tool("images_kcount"),
        searches_once=custom.searches_once,
    )
