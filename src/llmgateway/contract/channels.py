"""The protocols through which the two wings reach each other. Floor 4 passes their implementations in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from llmgateway.contract.snapshot import KeySnapshot, OrgSnapshot
from llmgateway.contract.usage import UsageEvent


class SourceUnavailable(Exception):
    """PostgreSQL cannot be asked now; the same may work later."""


class SnapshotSource(Protocol):
    """Control plane -> data plane: what a key may do."""

    async def key_snapshot(self, secret: str) -> KeySnapshot | None:
        """The snapshot of the key with this secret; None when there is no such key. Raises SourceUnavailable."""
        ...


class UsageSink(Protocol):
    """Data plane -> control plane: what requests did."""

    async def insert(self, events: Sequence[UsageEvent]) -> Sequence[str]:
        """Store events. An id is stored once, however often it comes; only an estimate is replaced, by the true figures.

        Returns the ids of events that can never be stored (poison). Raises SourceUnavailable when all must be tried again.
        """
        ...


class UsageLookup(Protocol):
    """Control plane -> data plane: one event, for GET /v1/requests/{id}."""

    async def event(self, key_id: str, event_id: str) -> UsageEvent | None:
        """The event, if this key made the request; else None. Raises SourceUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PathHealth:
    """The health of one path to a provider (a credential and a model), as one data process sees it."""

    credential: str
    model: str | None
    """None stands for all models of the credential."""
    state: str
    """The circuit: `closed` (well), `open` (asked last), `half_open` (the next request probes it)."""
    why: str
    first_token_seconds: float | None
    tokens_per_second: float | None


class HealthSink(Protocol):
    """Data plane -> control plane: how the paths to providers are doing in one process."""

    async def tell(self, process: str, paths: Sequence[PathHealth]) -> None:
        """Replace what the process told before by all that it knows now. Raises SourceUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class KeyChanged:
    """A key or an organisation changed, so that its snapshots must be forgotten. Both None: everything may have changed."""

    key_id: str | None
    org_id: str | None


@dataclass(frozen=True, slots=True)
class CachePurged:
    """Forget an organisation's cached answers: all, or those of one key, or of one model, or of both."""

    org_id: str
    key_id: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheShare:
    """What the cache of a process holds for one model and key of an organisation."""

    model: str
    key_id: str
    entries: int
    bytes: int


class CacheReport(Protocol):
    """Data plane -> control plane: what is kept of an organisation's answers."""

    async def held(self, org_id: str) -> Sequence[CacheShare]:
        """Entries and bytes by model and key."""
        ...


class Announcements(Protocol):
    """Control plane -> data plane: changes, as they are committed."""

    def subscribe(self, listener: Callable[[KeyChanged], None]) -> None:
        """Have the listener called on the event loop for every change; after a lost connection, with both ids None."""
        ...


class UseSink(Protocol):
    """Data plane -> control plane: when secrets were last used, in batches."""

    async def used(self, uses: Mapping[str, datetime]) -> None:
        """Store the last uses, by the id of the secret. Raises SourceUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedCredential:
    """Whether a provider takes a credential."""

    accepted: bool | None
    """None when the provider could not be asked, or has no free call to ask with."""
    message: str


class CredentialCheck(Protocol):
    """Data plane -> control plane: does a provider take this credential? Asked with a call that costs nothing."""

    def known(self, provider: str) -> bool:
        """Whether there is such a provider."""
        ...

    async def check(
        self, provider: str, secrets: Mapping[str, str], options: Mapping[str, str], base_url: str | None
    ) -> CheckedCredential:
        """Ask the provider. Raises BadRequest for what can never work, such as an address that tenants must not reach."""
        ...


class RoutePlanner(Protocol):
    """Data plane -> control plane: how a request would be routed, without sending it; and what may be asked for."""

    def explain(self, body: Mapping[str, Any], org: OrgSnapshot) -> Mapping[str, Any]:
        """The plan of a chat request with its reasons. Raises Problem when nobody could serve it."""
        ...

    def models(self, org: OrgSnapshot) -> Sequence[Mapping[str, Any]]:
        """What the organisation's keys may name as `model`: aliases and `provider/model`, with window, abilities and prices."""
        ...

    def credentials(self, org: OrgSnapshot) -> Mapping[str, str]:
        """The credentials that the organisation can use: id -> the provider's id."""
        ...

    def may_know(self, org: OrgSnapshot) -> Callable[[PathHealth], bool]:
        """Returns the rule that says which paths' health the organisation may see."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one key used, summed up from its events: cost in nanos, and what counts against quotas."""

    key_id: str
    project_id: str | None
    day_nanos: int
    month_nanos: int
    total_nanos: int
    period_requests: int
    period_tokens: int
    charged_nanos: int
    """What the organisation was ever charged for this key's requests."""


class CounterSource(Protocol):
    """Control plane -> data plane: what was used so far, to seed counters that the store does not know."""

    async def spent(self, org_id: str, period_start: datetime, moment: datetime) -> Sequence[Spent]:
        """What each key of an organisation used; the day and month are those of `moment`. Raises SourceUnavailable."""
        ...
