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
    """Money that may be spent in a period of UTC."""

    nanos: int
    period: Literal["day", "month", "total"] = "month"
    hard: bool = True
    epoch: int = 0
    """Since when it is counted without a break: another number is another counter."""


class Tariff(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator asks beyond the provider's cost, for requests on the installation's own credentials."""

    markup_ppm: int = 0
    """Millionths of the cost."""
    request_fee_nanos: int = 0
    in_advance: bool = False
    """Payments are taken: who has no plan that is paid for pays charges in advance."""

    def charge(self, cost_nanos: int) -> int:
        """Cost, markup and fee in nanos, rounded once, half to even."""
        return self.marked_up(cost_nanos) + self.request_fee_nanos

    def marked_up(self, cost_nanos: int) -> int:
        """Without the fee: what is asked for a request that nobody saw answered."""
        whole, rest = divmod(cost_nanos * (_MILLION + self.markup_ppm), _MILLION)
        return whole + (2 * rest > _MILLION or (2 * rest == _MILLION and whole % 2 == 1))


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan includes in the billing period that runs now; None is no limit."""

    requests: int | None = None
    """Served by providers; cache hits and test traffic do not count."""
    tokens: int | None = None
    """Input, cached included, and output."""
    epoch: int = 0
    """Since when they are counted without a break, as of a budget."""
    period_start: datetime
    period_end: datetime
    overage_limit: int | None = None
    """Nanos that the organisation itself lets the period cost beyond the plan: what they pay for is counted in."""


class SealedCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's key that the organisation brought. Only dispatch opens it."""

    id: str
    provider: str
    sealed: bytes
    """By the organisation's data key; what it holds is a JSON object of the provider's secrets."""
    base_url: str | None = None
    options: Mapping[str, str] = {}
    """Region, project and their like."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What an organisation forbids all its keys."""

    allowed_models: frozenset[str] | None = None
    """Names that may be asked for or served, or `provider/*`; None is all."""
    max_prompt_tokens: int | None = None
    blocked_words: tuple[str, ...] = ()
    blocked_patterns: tuple[str, ...] = ()
    """RE2 patterns."""
    content_logging: Literal["off", "errors", "all"] = "off"
    content_retention_days: int = 30


class OrgSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The organisation behind a key; all its keys point to the same one."""

    id: str
    slug: str
    plan: str
    limits: Limits = Limits()
    budgets: tuple[Budget, ...] = ()
    suspended: bool = False
    cache_seconds: int | None = None
    """How long answers are kept; 0 is off, None leaves it to the installation."""
    charged: bool = False
    """False: the org pays nothing for what passes (plan `self_hosted`)."""
    tariff: Tariff = Tariff()
    """Applies where it is charged."""
    charge_limit: int | None = None
    """Nanos that it may be charged for usage in all, of what it paid in advance; None: it pays afterwards, or nothing."""
    quota: Quota | None = None
    """None: the plan counts nothing."""
    routes: Mapping[str, AliasEntry] = msgspec.field(default_factory=lambda: _NO_ROUTES)
    """The organisation's own aliases."""
    credentials: tuple[SealedCredential, ...] = ()
    data_key: bytes | None = None
    """What its credentials are sealed by, itself sealed by a master key."""
    policy: Policy = Policy()


class KeySnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One API key."""

    id: str
    name: str
    org: OrgSnapshot
    project_id: str | None = None
    secret_id: str | None = None
    """Which of the key's live secrets was shown."""
    project_limits: Limits = Limits()
    project_budgets: tuple[Budget, ...] = ()
    test: bool = False
    """A `lgw_test_` key: the sandbox answers in every model's name."""
    limits: Limits = Limits()
    budgets: tuple[Budget, ...] = ()
    scopes: frozenset[str] | None = None
    """Operations it may use; None is all."""
    models: frozenset[str] | None = None
    """As in a policy."""
    providers: frozenset[str] | None = None
    networks: tuple[str, ...] | None = None
    """CIDR ranges it may come from; None is anywhere, and none of them nowhere."""
    expires_at: datetime | None = None
    revoked: bool = False
    tags: tuple[str, ...] = ()
    cache_seconds: int | None = None
    """As for the organisation; the key's word wins."""


def lists(models: frozenset[str] | None, provider: str, names: Sequence[str]) -> bool:
    """Whether a list of allowed models holds one of a model's names, or all that its provider has (`provider/*`)."""
    return models is None or not models.isdisjoint(names) or f"{provider}/*" in models
