"""KeySnapshot: what a key may do, as the control plane last said it. It goes down to the data plane."""

from datetime import datetime
from typing import Literal

import msgspec


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


class KeySnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One API key."""

    id: str
    name: str
    org: OrgSnapshot
    project_id: str | None = None
    test: bool = False
    """A `lgw_test_` key: the sandbox answers in every model's name."""
    limits: Limits = Limits()
    budgets: tuple[Budget, ...] = ()
    scopes: frozenset[str] | None = None
    """Operations it may use; None is all."""
    models: frozenset[str] | None = None
    providers: frozenset[str] | None = None
    networks: tuple[str, ...] = ()
    """CIDR ranges it may come from; empty is anywhere."""
    expires_at: datetime | None = None
    revoked: bool = False
    tags: tuple[str, ...] = ()
    cache_seconds: int | None = None
    """As for the organisation; the key's word wins."""
