"""All prices of one version as plain data. It is stored, so that what an event's `price_version` meant can always be read."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from genai_prices.types import ConditionalPrice, ModelInfo, ModelPrice, StartDateConstraint, TieredPrices

from llmgateway.canon.chat import Json
from llmgateway.catalog.price_lists import PriceLists

PriceBook = Mapping[str, Sequence[Json]]
"""`provider/model` -> its price lists. At any moment the last one whose conditions hold counts."""


def price_book(lists: PriceLists) -> PriceBook:
    """Every price list of every provider, also those that no longer hold."""
    return {
        f"{provider}/{info.id}": [*_standard(info), *_variants(info)]
        for provider, price_list in sorted(lists.priced.items())
        for info in price_list.models
    }


def _standard(info: ModelInfo) -> Sequence[Json]:
    if isinstance(info.prices, ModelPrice):
        return [_price_list(info.prices)]
    return [_conditional(entry) for entry in info.prices]


def _conditional(entry: ConditionalPrice) -> Json:
    return {**_condition(entry.constraint), **_price_list(entry.prices)}


def _variants(info: ModelInfo) -> Sequence[Json]:
    return [
        {"when": dict(variant.when), **_condition(variant.constraint), **_price_list(variant.prices)}
        for variant in info.price_variants or ()
    ]


def _condition(constraint: object) -> Json:
    if constraint is None:
        return {}
    if isinstance(constraint, StartDateConstraint):
        return {"from": constraint.start_date.isoformat()}
    return {"during": {name: str(value) for name, value in vars(constraint).items()}}


def _price_list(prices: ModelPrice) -> Json:
    """`prices`: class -> dollars; `over`: tokens that a prompt must exceed -> the classes whose price changes then."""
    given = {name: price for name, price in vars(prices).items() if isinstance(price, Decimal | TieredPrices)}
    over: dict[str, dict[str, str]] = {}
    for name, price in given.items():
        for tier in price.tiers if isinstance(price, TieredPrices) else ():
            over.setdefault(str(tier.start), {})[name] = str(tier.price)
    base = {name: str(price.base if isinstance(price, TieredPrices) else price) for name, price in given.items()}
    return {"prices": base, **({"over": over} if over else {})}
