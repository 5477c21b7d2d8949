"""The price list of each provider: genai-prices' and our own additions, under our providers' ids."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from importlib.metadata import version
from typing import Final

import msgspec
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, Provider, Tier, TieredPrices

from llmgateway.catalog.own_data import own_data
from llmgateway.catalog.pricing import Custom

_PRICED_AS: Final[Mapping[str, str]] = {
    "openai": "openai",
    "anthropic": "anthropic",
    "gemini": "google",
    "vertex": "google",
    "azure": "azure",
    "bedrock": "aws",
    "groq": "groq",
    "together": "together",
    "fireworks": "fireworks",
    "mistral": "mistral",
    "cohere": "cohere",
    "perplexity": "perplexity",
    "openrouter": "openrouter",
    "deepseek": "deepseek",
    "xai": "x-ai",
    "cerebras": "cerebras",
    "moonshot": "moonshotai",
    "zhipu": "zai",
    "cloudflare": "cloudflare",
    "databricks": "databricks",
    "voyage": "voyageai",
}
"""Our id of a provider -> its id in genai-prices."""
_ROUTED: Final = "huggingface"
"""Hugging Face's router charges what the host charges. `model:host` names the host; without it the price is unknown."""
_CLOUDS: Final = frozenset({"azure", "bedrock", "vertex"})
"""Clouds that sell other makers' models at the makers' prices, where they list none of their own."""
_NO_GUESTS: Final[Mapping[str, str]] = {"gemini": "claude"}
"""Provider -> how the names of models begin that genai-prices lists there and the provider does not have.

genai-prices lists all models of Vertex AI under Google; the Gemini API has only Google's own.
"""


class _Matching(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A provider's models whose names match a pattern."""

    provider: str
    match: str
    source: str


class _Classes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Prices that genai-prices lacks for one of its models; `house` is genai-prices' id of the provider."""

    house: str
    model: str
    prices: dict[str, str]
    source: str


class _Shares(_Matching, frozen=True, forbid_unknown_fields=True):
    """What tokens cost in percent of the list price, by the region or service tier that the provider names."""

    percent: dict[str, int]
    elsewhere: int | None = None


class _Fees(_Matching, frozen=True, forbid_unknown_fields=True):
    """USD per thousand."""

    request: str | None = None
    file_search: str | None = None
    container: str | None = None

    def prices(self) -> tuple[tuple[str, Decimal], ...]:
        given = {
            "requests_kcount": self.request,
            "storage_searches_kcount": self.file_search,
            "containers_kcount": self.container,
        }
        return tuple((name, Decimal(price)) for name, price in given.items() if price is not None)


class _Teller(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    provider: str
    source: str


class _Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    input: str
    output: str
    cached_input: str | None = None
    cache_write: str | None = None

    def prices(self) -> Mapping[str, Decimal]:
        given = {
            "input_mtok": self.input,
            "output_mtok": self.output,
            "cache_read_mtok": self.cached_input,
            "cache_write_mtok": self.cache_write,
        }
        return {name: Decimal(price) for name, price in given.items() if price is not None}


class _OwnPrice(_Level, frozen=True, forbid_unknown_fields=True):
    searches: str | None = None
    """USD per thousand."""
    context: int | None = None
    over: dict[int, _Level] = {}
    """Tokens that a prompt must exceed -> the prices of all of its classes beyond them."""


class _OwnPriceList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: str
    models: dict[str, _OwnPrice]


class _Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    free: tuple[_Matching, ...]
    classes: tuple[_Classes, ...]
    sound_as_text: tuple[_Matching, ...]
    searches_once: tuple[_Matching, ...]
    fees: tuple[_Fees, ...]
    tells_its_bill: tuple[_Teller, ...]
    regions: tuple[_Shares, ...]
    tiers: tuple[_Shares, ...]
    providers: dict[str, _OwnPriceList]


@dataclass(frozen=True, slots=True)
class Shares:
    """What tokens cost in percent of the list price, by the region or service tier that the provider names."""

    percent: Mapping[str, int]
    elsewhere: int | None = None
    """For all other words; None where nobody published it."""

    def of(self, word: str) -> int | None:
        """Percent of the list; None where nobody published it."""
        return self.percent.get(word, self.elsewhere)


@dataclass(frozen=True, slots=True)
class PriceLists:
    """The price lists of all providers. Immutable; look-ups are not remembered here."""

    everyone: Sequence[Provider]
    """All of genai-prices' providers: where the clouds' prices of other makers' models are looked up."""
    priced: Mapping[str, Provider]
    """Our provider's id -> its price list."""
    free: Sequence[tuple[str, re.Pattern[str]]]
    """(provider, pattern of names) of models that cost nothing."""
    sound_as_text: Sequence[tuple[str, re.Pattern[str]]]
    """(provider, pattern of names) of models whose audio costs what text does, where it has no price of its own."""
    searches_once: Sequence[tuple[str, re.Pattern[str]]]
    """(provider, pattern of names) of models that bill one search per request at most."""
    fees: Sequence[tuple[str, re.Pattern[str], tuple[tuple[str, Decimal], ...]]]
    """(provider, pattern of names, classes with their USD per thousand), the special ones before the general."""
    tellers: frozenset[str]
    """Providers whose answers say what the request costs."""
    regions: Sequence[tuple[str, re.Pattern[str], Shares]]
    """(provider, pattern of names, shares by region), the special ones before the general."""
    tiers: Sequence[tuple[str, re.Pattern[str], Shares]]
    """The same by service tier, where a list has no price of the tier."""
    version: str
    """Changes whenever any of the prices does."""

    def find(self, provider: str, model: str) -> ModelInfo | None:
        """The entry of a model's price list, by its name, an alias or a dated name."""
        price_list, name = self._list_of(provider, model)
        if price_list is None:
            return None
        found = price_list.find_model(name, all_providers=list(self.everyone) if provider in _CLOUDS else None)
        guests = _NO_GUESTS.get(provider)
        return None if found is not None and guests and found.id.startswith(guests) else found

    def is_free(self, provider: str, model: str) -> bool:
        """Whether the model is known to cost nothing."""
        return _holds(self.free, provider, model)

    def custom(self, provider: str, model: str) -> Custom:
        """How the host changes what the model costs, beyond its price list."""
        fees = (fees for owner, names, fees in reversed(self.fees) if provider == owner and names.search(model))
        return Custom(
            sound_as_text=_holds(self.sound_as_text, provider, model),
            searches_once=_holds(self.searches_once, provider, model),
            fees=tuple({name: price for some in fees for name, price in some}.items()),
        )

    def regional(self, provider: str, model: str) -> Shares | None:
        """What the model's tokens cost by region; None where they cost the same in all."""
        return _first(self.regions, provider, model)

    def tiered(self, provider: str, model: str) -> Shares | None:
        """What the model's tokens cost in service tiers that its price list lacks; None where nobody published it."""
        return _first(self.tiers, provider, model)

    def models(self, provider: str) -> Sequence[ModelInfo]:
        """The models of a provider's price list, without those that it withdrew."""
        price_list = self.priced.get(provider)
        if price_list is None:
            return []
        guests = _NO_GUESTS.get(provider)
        return [
            info for info in price_list.models if not info.deprecated and not (guests and info.id.startswith(guests))
        ]

    def _list_of(self, provider: str, model: str) -> tuple[Provider | None, str]:
        if provider != _ROUTED:
            return self.priced.get(provider), model
        name, _, host = model.rpartition(":")
        return next((price_list for price_list in self.everyone if price_list.id == f"{_ROUTED}_{host}"), None), name


def load_price_lists() -> PriceLists:
    """Read the data in genai-prices' wheel and data/prices.yaml; nothing is fetched."""
    own = own_data("prices.yaml")
    data = msgspec.convert(own.content, _Data)
    everyone = [_with_classes(price_list, data.classes) for price_list in get_snapshot().providers]
    by_id = {price_list.id: price_list for price_list in everyone}
    priced = {ours: by_id[theirs] for ours, theirs in _PRICED_AS.items()}
    return PriceLists(
        everyone=everyone,
        priced=priced
        | {name: _own_price_list(name, price_list, priced.get(name)) for name, price_list in data.providers.items()},
        free=_compiled(data.free),
        sound_as_text=_compiled(data.sound_as_text),
        searches_once=_compiled(data.searches_once),
        fees=[(one.provider, re.compile(one.match), one.prices()) for one in data.fees],
        tellers=frozenset(one.provider for one in data.tells_its_bill),
        regions=_shares(data.regions),
        tiers=_shares(data.tiers),
        version=f"genai-prices {version('genai-prices')}+{own.digest}",
    )


def _compiled(entries: Iterable[_Matching]) -> Sequence[tuple[str, re.Pattern[str]]]:
    return [(entry.provider, re.compile(entry.match)) for entry in entries]


def _shares(entries: Iterable[_Shares]) -> Sequence[tuple[str, re.Pattern[str], Shares]]:
    return [(one.provider, re.compile(one.match), Shares(one.percent, one.elsewhere)) for one in entries]


def _holds(entries: Iterable[tuple[str, re.Pattern[str]]], provider: str, model: str) -> bool:
    return any(provider == owner and names.search(model) for owner, names in entries)


def _first(shares: Iterable[tuple[str, re.Pattern[str], Shares]], provider: str, model: str) -> Shares | None:
    return next((one for owner, names, one in shares if provider == owner and names.search(model)), None)


def _with_classes(price_list: Provider, additions: Iterable[_Classes]) -> Provider:
    """The price list with the prices filled in that genai-prices lacks."""
    given = {
        one.model: {name: Decimal(price) for name, price in one.prices.items()}
        for one in additions
        if one.house == price_list.id
    }
    if not given:
        return price_list
    return replace(
        price_list, models=[_filled(info, given[info.id]) if info.id in given else info for info in price_list.models]
    )


def _filled(info: ModelInfo, given: Mapping[str, Decimal]) -> ModelInfo:
    prices = info.prices
    if not isinstance(prices, ModelPrice):
        raise TypeError(f"{info.id} has prices that change by the day: say in prices.yaml when its classes hold")
    known = {name: price for name, price in vars(prices).items() if price is not None}
    return replace(info, prices=ModelPrice(**{**given, **known}))


def _own_price_list(name: str, price_list: _OwnPriceList, known: Provider | None) -> Provider:
    """A price list of our own; or genai-prices' one with our models behind it, so that where both have a model theirs counts."""
    models = [_own_model(model, price) for model, price in price_list.models.items()]
    if known is not None:
        return replace(known, models=[*known.models, *models])
    return Provider(id=name, name=name, api_pattern="", pricing_urls=[price_list.source], models=models)


def _own_model(name: str, price: _OwnPrice) -> ModelInfo:
    prices = {
        key: TieredPrices(base, [Tier(start, level.prices().get(key, base)) for start, level in price.over.items()])
        if price.over
        else base
        for key, base in price.prices().items()
    }
    searches = None if price.searches is None else Decimal(price.searches)
    listed = ModelPrice(**prices, web_searches_kcount=searches)
    return ModelInfo(id=name, match=ClauseEquals(name), context_window=price.context, prices=listed)
