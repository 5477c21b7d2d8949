"""The protocols that floor 4 injects, so that the wings can be strangers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from llmgateway.contract.snapshot import KeySnapshot, OrgSnapshot
from llmgateway.contract.usage import UsageEvent


class SourceUnavailable(Exception):
    """PostgreSQL cannot be asked now; nothing is known about the key either way."""


class SnapshotSource(Protocol):
    """Control plane -> data plane: what a key may do."""

    async def key_snapshot(self, secret: str) -> KeySnapshot | None:
        """The key's snapshot by its secret, None when there is no such key. Raises SourceUnavailable."""
        ...


class UsageSink(Protocol):
    """Data plane -> control plane: what requests did."""

    async def insert(self, events: Sequence[UsageEvent]) -> Sequence[str]:
        """Store events, each id once however often it comes; an estimated row gives way to its true figures.

        Returns the ids of events that can never be stored (poison). Raises SourceUnavailable when all must be tried again.
        """
        ...


class UsageSource(Protocol):
    """Control plane -> data plane: one event, for GET /v1/requests/{id}."""

    async def event(self, key_id: str, event_id: str) -> UsageEvent | None:
        """The event, only if this key made it. Raises SourceUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PathHealth:
    """One path to a provider, as a data process sees it."""

    credential: str
    model: str | None
    """None: all models of the credential."""
    state: str
    """`closed` (well), `open` (asked last), `half_open` (the next request probes it)."""
    why: str
    first_token_seconds: float | None
    tokens_per_second: float | None


class HealthSink(Protocol):
    """Data plane -> control plane: how the paths to providers are doing in one process."""

    async def tell(self, process: str, paths: Sequence[PathHealth]) -> None:
        """All that the process knows now, in place of what it told before. Raises SourceUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class KeyChanged:
    """The key, or its org, changed: forget its snapshot. None means that everything may have changed."""

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
        """By model and key."""
        ...


class Announcements(Protocol):
    """Control plane -> data plane: changes, as they are committed."""

    def subscribe(self, listener: Callable[[KeyChanged], None]) -> None:
        """Call the listener on the event loop for every change; a lost connection calls it with nothing but None."""
        ...


class UseSink(Protocol):
    """Data plane -> control plane: when secrets were last used, in batches."""

    async def used(self, uses: Mapping[str, datetime]) -> None:
        """Secret id -> last use. Raises SourceUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedCredential:
    """What a provider said to a credential."""

    accepted: bool | None
    """None: the provider could not be asked, or has no free call to ask with."""
    message: str


class CredentialCheck(Protocol):
    """Data plane -> control plane: does a provider take this credential? Asked with a call that costs nothing."""

    def known(self, provider: str) -> bool:
        """Whether there is such a provider."""
        ...

    async def check(
        self, provider: str, secrets: Mapping[str, str], options: Mapping[str, str], base_url: str | None
    ) -> CheckedCredential:
        """Ask it. Raises BadRequest for what can never work, such as an address that must not be asked."""
        ...


class RoutePlanner(Protocol):
    """Data plane -> control plane: how a request would be routed, without sending it; and what may be asked for."""

    def explain(self, body: Mapping[str, Any], org: OrgSnapshot) -> Mapping[str, Any]:
        """The plan of a chat request with its reasons. Raises Problem when nobody could serve it."""
        ...

    def targets_known(self, org: OrgSnapshot, provider: str) -> bool:
        """Whether the organisation can ask this provider."""
        ...

    def models(self, org: OrgSnapshot) -> Sequence[Mapping[str, Any]]:
        """What its keys may name: aliases and provider/model, with window, abilities and prices."""
        ...

    def credentials(self, org: OrgSnapshot) -> Mapping[str, str]:
        """With what it can ask: a credential's id -> the provider's."""
        ...

    def may_know(self, org: OrgSnapshot) -> Callable[[PathHealth], bool]:
        """Tells of a path whether how it does is this organisation's business too."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one key used, by its events: nanos of cost, and what counts against quotas."""

    key_id: str
    project_id: str | None
    day_nanos: int
    month_nanos: int
    total_nanos: int
    period_requests: int
    period_tokens: int
    charged_nanos: int
    """What the organisation was charged for it, ever."""


class CounterSource(Protocol):
    """Control plane -> data plane: what was used so far, for counters that the store does not know."""

    async def spent(self, org_id: str, period_start: datetime, moment: datetime) -> Sequence[Spent]:
        """Of each key of an organisation; day and month are the moment's. Raises SourceUnavailable."""
        ...
