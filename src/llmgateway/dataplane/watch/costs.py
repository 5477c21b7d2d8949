"""The money of one request, in nanos: what the provider bills, what the organisation is charged, and the list cost."""

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from llmgateway.canon.usage import Usage, UsageSource
from llmgateway.catalog.catalog import Catalog
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.contract.usage import LACKING, price_version
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
        if not self._charged(target):
            return 0
        return None if cost is None else marked_up(cost)

    def noting_tariff(
        self, details: Mapping[str, int | str] | None, target: Target, cost: int | None, version: str | None
    ) -> Mapping[str, int | str] | None:
        """The details of what was used, with the tariff where a part of it has no price and will be charged later."""
        if self._charged(target) and (cost is None or LACKING in (version or "")):
            return {**(details or {}), **self.key.org.tariff.noted}
        return details

    def _charged(self, target: Target) -> bool:
        return self.key.org.charged and not self.key.test and target.charged

    def list_cost(self, usage: Usage, cost: int | None, *, asked: Target | None, served: Target) -> int | None:
        """What the requested model would have cost at its own prices; less the cost, this is what routing saved."""
        if asked is None or (asked is served and asked.price is None):
            return cost
        region = usage.region if served.host.id == asked.host.id else None
        return self.cost(asked, msgspec.structs.replace(usage, told_nanos=None, region=region))[0]
