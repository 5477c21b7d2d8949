"""KeySnapshot: what a key may do, as the control plane last said it. It goes down to the data plane."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Literal

import msgspec

from llmgateway.gateway_file import AliasEntry

_MILLION = 1_000_000
_NO_ROUTES: Mapping[str, AliasEntry] = MappingProxyType({})


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Hard caps; None is no limit."""

    requests_per_minute: int | None = None
    requests_per_hour: int | None = None
    requests_per_day: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """Money that may be spent in a UTC day, a UTC month, or in all."""

    nanos: int
    period: Literal["day", "month", "total"] = "month"
    hard: bool = True
    epoch: int = 0
    """Rises when a budget begins to count again after a break; each epoch has a counter of its own."""


class Tariff(msgspec.Struct, frozen=True, kw_only=True):
    """What organisations are charged for requests on the installation's own credentials: the cost, a markup and a fee."""

    markup_ppm: int = 0
    """Millionths of the cost."""
    request_fee_nanos: int = 0
    in_advance: bool = False
    """Whether organisations without a paid plan pay charges in advance; so it is where the installation takes payments."""

    @property
    def noted(self) -> Mapping[str, int]:
        """For the `usage_details` of a request of which a part has no price: once it has, it is charged by this tariff."""
        return {"markup_ppm": self.markup_ppm, "request_fee_nanos": self.request_fee_nanos}

    @classmethod
    def read(cls, details: Mapping[str, int | str] | None) -> "Tariff | None":
        """The one that is `noted` in details; None where none is."""
        if details is None or "markup_ppm" not in details:
            return None
        return cls(markup_ppm=int(details["markup_ppm"]), request_fee_nanos=int(details["request_fee_nanos"]))

    def charge(self, cost_nanos: int) -> int:
        """The charge in nanos: cost, markup and fee, rounded once, half to even."""
        return self.marked_up(cost_nanos) + self.request_fee_nanos

    def marked_up(self, cost_nanos: int) -> int:
        """The charge in nanos without the fee, as for a request whose end nobody saw."""
        whole, rest = divmod(cost_nanos * (_MILLION + self.markup_ppm), _MILLION)
        return whole + (2 * rest > _MILLION or (2 * rest == _MILLION and whole % 2 == 1))


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan includes in the present billing period; None is no limit."""

    requests: int | None = None
    """Requests that providers served; cache hits and test traffic do not count."""
    tokens: int | None = None
    """Prompt tokens, including cached ones, and completion tokens."""
    epoch: int = 0
    """As of a budget: rises when counting begins again after a break."""
    period_start: datetime
    period_end: datetime
    overage_limit: int | None = None
    """The organisation's own limit, in nanos, for what the period may cost beyond the plan; `requests` and `tokens` include it."""


class SealedCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's key that the organisation brought. Only dispatch opens it."""

    id: str
    provider: str
    sealed: bytes
    """A JSON object of the provider's secrets, sealed by the organisation's data key."""
    base_url: str | None = None
    options: Mapping[str, str] = {}
    """Settings that are no secrets, such as region and project."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Rules of an organisation for all of its keys."""

    allowed_models: frozenset[str] | None = None
    """Models that may be requested or may serve, by name or as `provider/*`; None allows all."""
    max_prompt_tokens: int | None = None
    blocked_words: tuple[str, ...] = ()
    blocked_patterns: tuple[str, ...] = ()
    """RE2 patterns."""
    content_logging: Literal["off", "errors", "all"] = "off"
    content_retention_days: int = 30


class OrgSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The organisation behind a key. All of its keys share one object."""

    id: str
    slug: str
    plan: str
    limits: Limits = Limits()
    budgets: tuple[Budget, ...] = ()
    suspended: bool = False
    cache_seconds: int | None = None
    """How long answers are kept; 0 is off, None leaves it to the installation."""
    charged: bool = False
    """Whether requests are charged; False on the plan `self_hosted`."""
    tariff: Tariff = Tariff()
    """Applies where `charged`."""
    charge_limit: int | None = None
    """The nanos that all usage ever may be charged, as far as it was paid in advance; None where it pays afterwards, or nothing."""
    quota: Quota | None = None
    """None where the plan has no quota."""
    routes: Mapping[str, AliasEntry] = msgspec.field(default_factory=lambda: _NO_ROUTES)
    """The organisation's own aliases."""
    credentials: tuple[SealedCredential, ...] = ()
    data_key: bytes | None = None
    """Seals its credentials and contents; itself sealed by a master key."""
    policy: Policy = Policy()


class KeySnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One API key."""

    id: str
    name: str
    org: OrgSnapshot
    project_id: str | None = None
    secret_id: str | None = None
    """Which of the key's live secrets the caller sent."""
    project_limits: Limits = Limits()
    project_budgets: tuple[Budget, ...] = ()
    test: bool = False
    """A `lgw_test_` key: the sandbox answers in every model's name."""
    limits: Limits = Limits()
    budgets: tuple[Budget, ...] = ()
    scopes: frozenset[str] | None = None
    """Operations that the key may use; None allows all."""
    models: frozenset[str] | None = None
    """As `Policy.allowed_models`."""
    providers: frozenset[str] | None = None
    networks: tuple[str, ...] | None = None
    """CIDR ranges from which the key may be used; None allows all addresses, an empty tuple none."""
    expires_at: datetime | None = None
    revoked: bool = False
    tags: tuple[str, ...] = ()
    cache_seconds: int | None = None
    """As `OrgSnapshot.cache_seconds`, and before it."""


def allows(models: frozenset[str] | None, provider: str, names: Sequence[str]) -> bool:
    """Whether a list of allowed models has one of a model's names, or all models of its provider (`provider/*`)."""
    return models is None or not models.isdisjoint(names) or f"{provider}/*" in models
