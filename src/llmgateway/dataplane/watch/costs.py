"""The money of one request, in nanos: what the provider bills, what the organisation is charged, and the list cost."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from llmgateway.canon.usage import Usage, UsageSource
from llmgateway.catalog.catalog import Catalog
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.contract.usage import price_version
from llmgateway.dataplane.plan.targets import Target


class PricedUsage(msgspec.Struct, frozen=True):
    """What a request used, and its money in nanos; None is unpriced. The defaults are those of a request that used nothing."""

    usage: Usage = Usage()
    usage_source: UsageSource = UsageSource.COUNTED
    cost: int | None = 0
    charge: int | None = 0
    list_cost: int | None = 0
    price_version: str | None = None


class Costs(msgspec.Struct, frozen=True):
    """Prices the usage of one request."""

    catalog: Catalog
    key: KeySnapshot
    at: datetime
    """When the request began: the prices of that moment hold."""

    def cost(self, target: Target, usage: Usage) -> tuple[int | None, str | None]:
        """What the provider bills, and the version of the prices; both None where the target is unpriced."""
        usage = target.located(usage)
        priced = self.catalog.price(
            target.host.id, target.model, usage, self.at, override=target.price, tier=usage.tier
        )
        if priced is None:
            return None, None
        return priced.nanos, price_version(priced.version, priced.lacking)

    def charge(self, cost: int | None, target: Target, marked_up: Callable[[int], int]) -> int | None:
        """What the organisation is charged; nothing for test keys, nor where no tariff applies. None is unpriced."""
        if not self.key.org.charged or self.key.test or not target.charged:
            return 0
        return None if cost is None else marked_up(cost)

    def list_cost(self, usage: Usage, cost: int | None, *, asked: Target | None, served: Target) -> int | None:
        """What the requested model would have cost at its own prices; less the cost, this is what routing saved."""
        if asked is None or (asked is served and asked.price is None):
            return cost
        region = usage.region if served.host.id == asked.host.id else None
        return self.cost(asked, msgspec.structs.replace(usage, told_nanos=None, region=region))[0]
