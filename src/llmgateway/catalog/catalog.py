"""The catalogue: which models exist, what they can do, how large they are and what they cost.

Built once, never changed, never online. What it remembers of callers' questions is bounded.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

from llmgateway.canon.call import USUAL, Terms
from llmgateway.canon.extras import NO_EXTRAS, Extras
from llmgateway.canon.usage import TOLD_BY, Usage
from llmgateway.catalog.abilities import Ability, Families, Traits, load_families
from llmgateway.catalog.price_book import PriceBook, price_book
from llmgateway.catalog.price_lists import PriceLists, Shares, load_price_lists
from llmgateway.catalog.pricing import (
    Custom,
    PriceOverride,
    TieredRates,
    UsageCost,
    has_tier,
    override_rates,
    prices_at,
    tiered_rates,
)
from llmgateway.kit.recent import Recent

_REMEMBERED: Final = 4096
LONGEST_NAME: Final = 256
"""Characters; no provider names a model longer, and callers may not."""
_TIER: Final = "its service tier"
"""Named in `lacking` where nobody published the tier's price, and the standard tier's was taken."""
_ANY: Final = re.compile("")
_BARE: Final[Sequence[tuple[str, re.Pattern[str]]]] = (
    # The makers, whose own host is meant first ...
    ("openai", re.compile("(?!gpt-oss)")),
    ("anthropic", _ANY),
    ("gemini", _ANY),
    ("deepseek", re.compile("deepseek")),
    ("mistral", re.compile("(?!deepseek|zai)")),
    ("cohere", _ANY),
    ("xai", _ANY),
    ("perplexity", re.compile("(?!perplexity/)")),
    ("moonshot", _ANY),
    ("zhipu", _ANY),
    ("qwen", _ANY),
    # ... then who hosts others' models, in this order, each only under names that it would take as they are.
    ("vertex", re.compile("gemini|claude")),
    ("groq", _ANY),
    ("cerebras", _ANY),
    ("sambanova", _ANY),
    ("together", re.compile(".+/")),
    ("fireworks", re.compile("accounts/")),
    ("cloudflare", re.compile("@")),
    ("databricks", re.compile("databricks-")),
    ("openrouter", re.compile(".+/")),
    ("azure", re.compile("gpt-(?!oss)|o[1-9]|text-embedding-")),
    ("bedrock", re.compile(r"(?:[a-z-]+\.)+[a-z]")),
)
"""Where a bare name can be had: provider, and the names that it takes (matched at their start)."""
_SANDBOX: Final[Mapping[str, frozenset[Ability]]] = {
    "chat": frozenset({Ability.CHAT, Ability.TOOLS}),
    "embed": frozenset({Ability.EMBEDDINGS}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model at one provider."""

    provider: str
    name: str
    maker: str | None = None
    context_window: int | None = None
    """Tokens of input it takes; None is unknown."""
    max_output: int | None = None
    """Tokens that one answer may have; None is unknown."""
    abilities: frozenset[Ability] | None = None
    """None is unknown."""
    prices: Mapping[str, Decimal] | None = None
    """Class -> USD, before tiers: `*_mtok` per million tokens, `*_kcount` per thousand. Empty is free, None unpriced."""
    tiers: Mapping[int, Mapping[str, Decimal]] = field(default_factory=dict[int, Mapping[str, Decimal]])
    """Tokens that a prompt must exceed -> the classes whose price changes then, for all tokens of the request."""
    sources: tuple[str, ...] = ()
    """Pages that say so."""


class Priced(msgspec.Struct, frozen=True):
    """Money with the version of the prices that made it."""

    nanos: int
    version: str
    lacking: tuple[str, ...] = ()
    """Parts of the usage that have no price and are not in `nanos`, such as `searches`.

    With `its service tier` among them, `nanos` is the price of the standard tier.
    """


@dataclass(slots=True)
class _Offer:
    """What is known of a model at a provider; the catalogue remembers these."""

    info: ModelInfo | None
    free: bool
    custom: Custom
    traits: Traits
    regional: Shares | None = None
    tiered: Shares | None = None
    usual: TieredRates | None = None
    """Compiled prices of the standard tier and speed, where they do not depend on the time; filled when first asked for."""


_NO_OFFER: Final = _Offer(None, free=False, custom=Custom(), traits=Traits())


class Catalog:
    """Immutable data, with a bounded memory of look-ups."""

    def __init__(self, lists: PriceLists, families: Families) -> None:
        self._lists = lists
        self._families = families
        self._offers = Recent[tuple[str, str], _Offer](_REMEMBERED)
        self._bare = Recent[str, tuple[str, ...]](_REMEMBERED)
        self._compiled: dict[tuple[Custom | int, ...], TieredRates | None] = {}
        self._overrides = Recent[PriceOverride, TieredRates](_REMEMBERED)
        self._listed: dict[str, Sequence[tuple[str, _Offer]]] = {}

    @property
    def version(self) -> str:
        """The version of the prices, as stamped on what they priced."""
        return self._lists.version

    def price_book(self) -> PriceBook:
        """All prices of this version, to be kept."""
        return price_book(self._lists)

    def find(self, provider: str, model: str) -> Model | None:
        """The model as the catalogue knows it, by its name, an alias or a dated name; None when it does not."""
        if provider == "sandbox" and model in _SANDBOX:
            return _sandbox(model)
        offer = self._offer(provider, model)
        return None if offer.info is None else self._model(provider, model, offer)

    def listed_name(self, provider: str, model: str) -> str | None:
        """The one name under which the catalogue lists the model, also for its aliases; None when it does not know it."""
        if provider == "sandbox" and model in _SANDBOX:
            return model
        info = self._offer(provider, model).info
        return None if info is None else info.id

    def traits(self, provider: str, model: str) -> Traits:
        """What the model's name tells of its abilities, also where the catalogue has no price for it."""
        if provider == "sandbox" and model in _SANDBOX:
            return Traits("llmgateway", _SANDBOX[model])
        return self._offer(provider, model).traits

    def resolve(self, name: str) -> Sequence[Model]:
        """Where a bare name can be had: its maker's own host first, then the others in a fixed order."""
        if len(name) > LONGEST_NAME:
            return ()
        found = [(host, self._offer(host, name)) for host in self._bare.get(name, self._hosts_of)]
        return [self._model(host, name, offer) for host, offer in found]

    def price(
        self,
        provider: str,
        model: str,
        usage: Usage,
        at: datetime,
        *,
        override: PriceOverride | None = None,
        tier: str | None = None,
    ) -> Priced | None:
        """What the usage cost at that moment; None is unpriced, which is not the same as free.

        `tier` is the service tier that the provider said it served (`priority`, `flex`); None is the standard one.
        """
        usage = usage.as_billed()
        if override is not None:
            return Priced(self._override(override).bill(usage).nanos, override.version)
        if usage.told_nanos is not None and provider in self._lists.tellers:
            return Priced(usage.told_nanos, TOLD_BY + provider)
        offer = self._offer(provider, model)
        if offer.free:
            return Priced(0, "free")
        if usage.rounds and sum(one.usage.total_tokens for one in usage.rounds) == usage.total_tokens:
            bill = _summed(self._bills_of_rounds(provider, model, usage, at, tier))
        else:
            bill = self._bill(offer, usage, at, tier)
        return None if bill is None else Priced(bill.nanos, self._lists.version, bill.lacking)

    def _bills_of_rounds(
        self, provider: str, model: str, usage: Usage, at: datetime, tier: str | None
    ) -> Sequence[UsageCost | None]:  # fmt: skip
        """One bill per round, each by its own model and length. What belongs to the whole request is in the first."""
        rounds = usage.rounds
        shared: dict[str, Any] = {"speed": usage.speed, "region": usage.region}
        parts = [msgspec.structs.replace(one.usage, **shared) for one in rounds]
        parts[0] = msgspec.structs.replace(parts[0], searches=usage.searches)
        return [
            self._bill(self._offer(provider, one.model or model), part, at, tier)
            for one, part in zip(rounds, parts, strict=True)
        ]

    def _bill(self, offer: _Offer, usage: Usage, at: datetime, tier: str | None) -> UsageCost | None:
        usual = tier is None and usage.speed is None
        compiled = offer.usual if usual and offer.usual is not None else self._compile(offer, at, tier, usage.speed)
        percent = _share(offer.regional, usage.region)
        if compiled is None or percent is None:
            return None
        share = _tier_share(offer, at, tier)
        bill = compiled.bill(usage, percent * (100 if share is None else share) // 100)
        return bill if share is not None else bill._replace(lacking=(*bill.lacking, _TIER))

    def bid(
        self,
        provider: str,
        model: str,
        tokens: tuple[int, int],
        at: datetime,
        *,
        override: PriceOverride | None = None,
        terms: Terms = USUAL,
        extras: Extras = NO_EXTRAS,
    ) -> tuple[int, int] | None:
        """The most that a request can cost, in nanos: its prompt alone, and all of it; None is unpriced.

        `tokens` are the prompt's and the longest answer's. The provider may serve a request in the standard tier and speed
        whatever `terms` ask for, so a cheaper tier bids no less than the standard one.
        """
        if override is not None:
            return self._override(override).bid(tokens, extras=extras)
        offer = self._offer(provider, model)
        if offer.free:
            return 0, 0
        compiled = offer.usual or self._compile(offer, at, None, None)
        percent = _share(offer.regional, terms.region)
        if compiled is None or percent is None:
            return None
        usual = compiled.bid(tokens, percent, extras)
        if terms.tier is None and terms.speed is None:
            return usual
        wished = self._compile(offer, at, terms.tier, terms.speed)
        if wished is None:
            return None
        share = _tier_share(offer, at, terms.tier)
        prompt, whole = wished.bid(tokens, percent * (100 if share is None else share) // 100, extras)
        dearer = max(usual[0], prompt)
        return dearer, dearer + max(usual[1] - usual[0], whole - prompt)

    def models(self, provider: str | None = None) -> Sequence[Model]:
        """All models of a provider, or of all; those that their provider withdrew are left out."""
        if provider is None:
            return [model for name in ("sandbox", *self._lists.priced) for model in self.models(name)]
        if provider == "sandbox":
            return [_sandbox(name) for name in _SANDBOX]
        return [self._model(provider, name, offer) for name, offer in self._offers_of(provider)]

    def _offer(self, provider: str, model: str) -> _Offer:
        return _NO_OFFER if len(model) > LONGEST_NAME else self._offers.get((provider, model), self._look_up)

    def _look_up(self, asked: tuple[str, str], listed: ModelInfo | None = None) -> _Offer:
        info = listed or self._lists.find(*asked)
        return _Offer(
            info,
            free=self._lists.is_free(*asked),
            custom=self._lists.custom(*asked),
            traits=self._families.traits(*asked),
            regional=self._lists.regional(*asked),
            tiered=self._lists.tiered(*asked),
        )

    def _offers_of(self, provider: str) -> Sequence[tuple[str, _Offer]]:
        if provider not in self._lists.priced:
            return []
        if provider not in self._listed:
            self._listed[provider] = [
                (info.id, self._look_up((provider, info.id), info)) for info in self._lists.models(provider)
            ]
        return self._listed[provider]

    def _hosts_of(self, name: str) -> tuple[str, ...]:
        return tuple(host for host, names in _BARE if names.match(name) and self._lists.find(host, name) is not None)

    def _override(self, price: PriceOverride) -> TieredRates:
        """A price of gateway.yaml or of a tenant's route, compiled."""
        return self._overrides.get(price, override_rates)

    def _compile(self, offer: _Offer, at: datetime, tier: str | None, speed: str | None) -> TieredRates | None:
        """The compiled prices of a tier and speed; price lists live as long as the catalogue, so their `id` is a safe key."""
        if offer.info is None:
            return None
        lists = prices_at(offer.info, at, tier, speed)
        key = (offer.custom, *map(id, lists))
        if key not in self._compiled:
            self._compiled[key] = tiered_rates(lists, offer.custom)
        if tier is None and speed is None and isinstance(offer.info.prices, ModelPrice):
            offer.usual = self._compiled[key]
        return self._compiled[key]

    def _model(self, provider: str, name: str, offer: _Offer) -> Model:
        listed, traits = self._lists.priced.get(provider), offer.traits
        prices = _price_list(None if offer.free else offer.info)
        base = {name: price.base if isinstance(price, TieredPrices) else price for name, price in prices.items()}
        pages = listed.pricing_urls if listed is not None and listed.pricing_urls else ()
        return Model(
            provider=provider,
            name=name,
            maker=traits.maker,
            context_window=(offer.info and offer.info.context_window) or traits.context,
            max_output=traits.max_output,
            abilities=traits.abilities,
            prices=base if base or offer.free else None,
            tiers=_tiers(prices),
            sources=(*pages, *((traits.source,) if traits.source else ())),
        )


def _summed(bills: Sequence[UsageCost | None]) -> UsageCost | None:
    """The bills added up; None where one of them has no price."""
    priced = [bill for bill in bills if bill is not None]
    if len(priced) < len(bills):
        return None
    return UsageCost(
        sum(bill.nanos for bill in priced), tuple(dict.fromkeys(n for bill in priced for n in bill.lacking))
    )


def load_catalog() -> Catalog:
    """Build the catalogue from genai-prices' wheel and our own data; nothing is fetched."""
    return Catalog(load_price_lists(), load_families())


def _share(shares: Shares | None, word: str | None) -> int | None:
    """Percent of the list price; None where nobody published it."""
    return 100 if shares is None or word is None else shares.of(word)


def _tier_share(offer: _Offer, at: datetime, tier: str | None) -> int | None:
    """Percent of the compiled prices that the tier costs; None where nobody published it.

    Where the tier has prices of its own, those were compiled, and all of them hold.
    """
    known = tier is None or offer.info is None or has_tier(offer.info, at, tier)
    return 100 if known else _share(offer.tiered, tier)


def _price_list(info: ModelInfo | None) -> Mapping[str, Decimal | TieredPrices]:
    """The prices that hold now."""
    if info is None:
        return {}
    prices = info.prices if isinstance(info.prices, ModelPrice) else info.get_prices(datetime.now(UTC))
    return {name: price for name, price in vars(prices).items() if isinstance(price, Decimal | TieredPrices)}


def _tiers(prices: Mapping[str, Decimal | TieredPrices]) -> Mapping[int, Mapping[str, Decimal]]:
    tiers: dict[int, dict[str, Decimal]] = {}
    for name, price in prices.items():
        for tier in price.tiers if isinstance(price, TieredPrices) else ():
            tiers.setdefault(tier.start, {})[name] = tier.price
    return tiers


def _sandbox(name: str) -> Model:
    return Model(provider="sandbox", name=name, maker="llmgateway", abilities=_SANDBOX[name], prices={})
