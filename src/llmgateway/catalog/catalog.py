"""The catalogue: which models exist, how large they are, and what they cost. Built once, never changed, never online."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Final

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices
from genai_prices.types import Provider as PricedProvider

from llmgateway.canon.usage import Usage
from llmgateway.catalog.pricing import PriceOverride, Tariff, override_tariff, tariff

_REMEMBERED = 4096
"""Names of models come from callers: only so many look-ups are remembered."""
_OWN_IDS: Final[Mapping[str, str]] = {
    "google": "gemini",
    "x-ai": "xai",
    "aws": "bedrock",
    "moonshotai": "moonshot",
    "zai": "zhipu",
    "voyageai": "voyage",
}
"""genai-prices' id -> ours, where they differ."""
_PRICED_AS: Final[Mapping[str, str]] = {"vertex": "gemini"}
"""Providers that genai-prices knows under another of our ids."""
_FREE: Final = frozenset({"sandbox", "ollama"})
"""The sandbox costs nothing; Ollama's models run on the operator's own machine, where no one sends a bill."""
_MAKERS: Final = (
    "openai",
    "anthropic",
    "gemini",
    "deepseek",
    "mistral",
    "cohere",
    "xai",
    "perplexity",
    "moonshot",
    "zhipu",
)
"""Who makes the models that they host: a bare name means their own host first."""
_HOSTS: Final = ("groq", "together", "fireworks", "cerebras", "openrouter", "azure", "bedrock")
"""Who hosts others' models, in the order a bare name tries them."""
_OWN_NAMES: Final[Mapping[str, tuple[str, ...]]] = {"gemini": ("gemini", "gemma", "text-embedding-00")}
"""genai-prices lists the guests of Vertex AI under Google; a bare name of a guest means its maker."""
_CLOUDS: Final = frozenset({"azure", "bedrock", "vertex"})
"""Who offers other makers' models at their prices where it has none of its own."""
_SANDBOX: Final = ("chat", "embed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model at one provider."""

    provider: str
    name: str
    context_window: int | None = None
    """Tokens of input it takes; None is unknown."""
    max_output: int | None = None
    prices: Mapping[str, Decimal] | None = None
    """Class -> USD per million tokens, before tiers; None is unpriced."""


@dataclass(frozen=True, slots=True)
class Priced:
    """Money with the version of the prices that made it."""

    nanos: int
    version: str


class Catalog:
    """Immutable data, with a bounded memory of look-ups."""

    def __init__(
        self, providers: Mapping[str, PricedProvider], all_providers: list[PricedProvider], stamp: str
    ) -> None:
        self._providers = providers
        self._all = all_providers
        self._version = stamp
        self._tariffs = dict[int, Tariff]()
        self._found = OrderedDict[tuple[str, str], ModelInfo | None]()

    def find(self, provider: str, model: str) -> Model | None:
        """The model as the catalogue knows it, None when it does not."""
        if provider == "sandbox" and model in _SANDBOX:
            return _sandbox(model)
        info = self._info(provider, model)
        return None if info is None else _model(provider, info, model)

    def resolve(self, name: str) -> Sequence[Model]:
        """Where a bare name can be had: its maker's own host first, then the others in a fixed order."""
        hosts = [
            host
            for host in (*_MAKERS, *_HOSTS)
            if host in self._providers and name.startswith(_OWN_NAMES.get(host, ""))
        ]
        found = [self.find(host, name) for host in hosts]
        return [model for model in found if model is not None]

    def price(
        self, provider: str, model: str, usage: Usage, at: datetime, *, override: PriceOverride | None = None
    ) -> Priced | None:
        """What the usage cost at that moment; None is unpriced, which is not the same as free."""
        if override is not None:
            return Priced(override_tariff(override).nanos(usage), "gateway.yaml")
        if provider in _FREE:
            return Priced(0, "free")
        info = self._info(provider, model)
        if info is None:
            return None
        prices = info.prices if isinstance(info.prices, ModelPrice) else info.get_prices(at)
        return Priced(self._tariff(prices).nanos(usage), self._version)

    def models(self, provider: str | None = None) -> Sequence[Model]:
        """All models of a provider, or of all; those that their provider withdrew are left out."""
        if provider == "sandbox":
            return [_sandbox(name) for name in _SANDBOX]
        wanted = (
            self._providers if provider is None else {provider: self._providers.get(_PRICED_AS.get(provider, provider))}
        )
        return [
            _model(name, info, info.id)
            for name, priced in wanted.items()
            if priced is not None
            for info in priced.models
            if not info.deprecated
        ]

    def _tariff(self, prices: ModelPrice) -> Tariff:
        """Compiled prices; the objects of the data live as long as the catalogue, so their identity is a key."""
        known = self._tariffs.get(id(prices))
        if known is None:
            known = self._tariffs[id(prices)] = tariff(prices)
        return known

    def _info(self, provider: str, model: str) -> ModelInfo | None:
        key = (provider, model)
        if key in self._found:
            self._found.move_to_end(key)
            return self._found[key]
        priced = self._providers.get(_PRICED_AS.get(provider, provider))
        others = self._all if provider in _CLOUDS else None
        info = priced.find_model(model, all_providers=others) if priced is not None else None
        self._found[key] = info
        if len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)
        return info


def load_catalog() -> Catalog:
    """Build the catalogue from the data in genai-prices' wheel; nothing is fetched."""
    everyone = list(get_snapshot().providers)
    providers = {_OWN_IDS.get(priced.id, priced.id): priced for priced in everyone}
    return Catalog(providers, everyone, f"genai-prices {version('genai-prices')}")


def _model(provider: str, info: ModelInfo, name: str) -> Model:
    prices = info.prices if isinstance(info.prices, ModelPrice) else info.get_prices(datetime.now(UTC))
    return Model(provider=provider, name=name, context_window=info.context_window, prices=_shown(prices))


def _shown(prices: ModelPrice) -> Mapping[str, Decimal] | None:
    shown = {
        name: price.base if isinstance(price, TieredPrices) else price
        for name, price in vars(prices).items()
        if isinstance(price, Decimal | TieredPrices)
    }
    return shown or None


def _sandbox(name: str) -> Model:
    return Model(provider="sandbox", name=name, prices={})
