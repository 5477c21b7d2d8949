"""What a plan is made of: targets in the order in which they are asked, each with its reason."""

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
class PhaseTimeouts:
    """Seconds that each phase of an attempt may take."""

    connect: float = 5.0
    first_token: float = 10.0
    idle: float = 15.0
    total: float = 600.0


@dataclass(frozen=True, kw_only=True)
class Target:
    """One model at one host, asked with one credential. Its name and path are worked out once, as they are needed often."""

    host: Host
    provider: Provider
    """The language that the model speaks at the host."""
    model: str
    credential: Credential
    timeouts: PhaseTimeouts = PhaseTimeouts()
    retries: int = 2
    """Extra attempts at this target after failures that may pass."""
    price: PriceOverride | None = None
    """Set by the operator, or by the tenant for its own credential; None takes the catalogue's prices."""
    weight: float = 1.0
    prefill: bool | None = None
    """Whether the model continues a last message of the assistant; None is unknown."""
    context: int | None = None
    """The context window in tokens, as the operator set it or, among several targets, as the catalogue knows it; None is unknown."""
    dropped: frozenset[str] = frozenset()
    """Parameters that are left out at this target; the caller is told their names."""

    @cached_property
    def name(self) -> str:
        return f"{self.host.id}/{self.model}"

    @property
    def charged(self) -> bool:
        """Whether the operator's tariff applies: not on a tenant's own credential, nor in the sandbox unless it has a price."""
        return self.credential.sealed is None and (not self.host.provider.inside or self.price is not None)

    @property
    def brought(self) -> str | None:
        """The id of the tenant's own credential; None where the target is asked with the installation's."""
        return None if self.credential.sealed is None else self.credential.id.removeprefix(f"{self.host.id}/")

    def details(self, usage: Usage) -> Mapping[str, int | str] | None:
        """The usage's details for the event, with the tenant's own credential where one was used."""
        told = usage.details()
        return told if self.brought is None else {**(told or {}), "credential": self.brought}

    @cached_property
    def path(self) -> Path:
        return (self.credential.id, self.model)

    def located(self, usage: Usage) -> Usage:
        """The usage with the host's region, where its settings name one: the price may depend on it."""
        region = self.host.region
        return usage if region is None else msgspec.structs.replace(usage, region=region)


class RoutePlan(msgspec.Struct, frozen=True, kw_only=True):
    """The targets in the order in which they are asked."""

    targets: tuple[Target, ...]
    asked: Target
    """The first target that the requested name stands for, also when it was passed over: list costs are reckoned by its prices."""
    steps: tuple[PlannedTarget, ...] = ()
    """Every candidate with its reason, those that were passed over last."""
    watched: bool = True
    """Whether attempts count for the health of their paths; those of test keys do not."""
