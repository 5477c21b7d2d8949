"""What a plan is made of: targets in an order, each with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import msgspec

from llmgateway.canon.usage import Usage
from llmgateway.catalog.pricing import PriceOverride
from llmgateway.contract.usage import PlannedTarget
from llmgateway.dataplane.plan.health import Path
from llmgateway.dataplane.plan.hosts import Credential, Host
from llmgateway.providers.base import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds that each phase of an attempt may take."""

    connect: float = 5.0
    first_token: float = 10.0
    idle: float = 15.0
    total: float = 600.0


@dataclass(frozen=True, kw_only=True)
class Target:
    """One place that can serve a call. It is asked for its name and path often, and lives as long as what it was made from."""

    host: Host
    provider: Provider
    """The language that the model speaks at the host."""
    model: str
    credential: Credential
    patience: Patience = Patience()
    retries: int = 2
    """Extra attempts here for what may pass."""
    price: PriceOverride | None = None
    """By the operator's word, or the tenant's for its own credential; None asks the catalogue."""
    weight: float = 1.0
    prefill: bool | None = None
    """Whether it continues a last message of the assistant; None is unknown."""
    context: int | None = None
    """Tokens it has room for: the operator's word; among several targets also the catalogue's. None is unknown."""
    dropped: frozenset[str] = frozenset()
    """Parameters that are left out here, and named to the caller."""

    @cached_property
    def name(self) -> str:
        return f"{self.host.id}/{self.model}"

    @property
    def charged(self) -> bool:
        """Whether the operator's tariff applies: not on a tenant's own credential, nor in the sandbox, unless it was priced."""
        return self.credential.sealed is None and (not self.host.provider.inside or self.price is not None)

    @property
    def brought(self) -> str | None:
        """The id of the tenant's own credential that it is asked with; None where it is the installation's."""
        return None if self.credential.sealed is None else self.credential.id.removeprefix(f"{self.host.id}/")

    def details(self, usage: Usage) -> Mapping[str, int | str] | None:
        """What else the price of a request here is made of; a tenant's own credential makes the charge."""
        told = usage.details()
        return told if self.brought is None else {**(told or {}), "credential": self.brought}

    @cached_property
    def path(self) -> Path:
        return (self.credential.id, self.model)

    def located(self, usage: Usage) -> Usage:
        """The same with where it was, for the price, where the host's settings say so."""
        region = self.host.region
        return usage if region is None else msgspec.structs.replace(usage, region=region)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The targets in the order in which they are asked."""

    targets: tuple[Target, ...]
    asked: Target
    """What the caller asked for, for the list price: the first that the name declares, also when it was passed over."""
    steps: tuple[PlannedTarget, ...] = ()
    """Every candidate with its reason, those that were passed over last."""
    watched: bool = True
    """Whether its attempts tell something of the paths' health; those of test keys do not."""
