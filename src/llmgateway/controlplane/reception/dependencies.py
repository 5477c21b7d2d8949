"""The dependencies of the control plane's routes (database, clock, settings, ...), built once on floor 4."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.channels import CacheReport, CredentialCheck, RoutePlanner
from llmgateway.contract.snapshot import Tariff
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock
from llmgateway.kit.crypto import MasterKeys
from llmgateway.kit.passwords import Passwords
from llmgateway.kit.signed_tokens import TokenSigner
from llmgateway.kit.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLeft:
    """Domain event: somebody is no longer a member of an organisation."""

    org_id: str
    user_id: str


MemberLeftHandler = Callable[[AsyncSession, Clock, MemberLeft], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgCloses:
    """An owner deletes an organisation. Whoever has something against it raises Conflict."""

    org_id: str
    give_up_credit: bool
    """Whether the owner knows that prepaid credit is lost with it."""


OrgClosesHandler = Callable[[AsyncSession, Clock, OrgCloses], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Handlers of domain events, by which a house calls higher ones in the same transaction."""

    member_left: Sequence[MemberLeftHandler] = ()
    org_closes: Sequence[OrgClosesHandler] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """Everything that a route may need."""

    database: Database
    """Acts as the database role `app`, which sees one organisation or one person at a time."""
    admin: Database
    """Acts as the database role `admin`, for routes of operators alone."""
    clock: Clock
    store: Store
    """Counts attempts against rate limits."""
    passwords: Passwords
    signer: TokenSigner
    masters: MasterKeys
    pepper: bytes
    signup: Literal["on", "invite", "off"]
    address: str
    """The public URL of the gateway, without a slash at the end."""
    check: CredentialCheck
    planner: RoutePlanner
    cache: CacheReport
    new_org_plan: str = "free"
    version: str = ""
    tariff: Tariff = field(default_factory=Tariff)
    """The markup and fee that the operator charges on top of the provider's cost."""
    events: Events = field(default_factory=Events)
    draining: Callable[[], bool] = lambda: False
    """Whether the process is shutting down, so that open streams must end."""


def deps_of(request: Request) -> Dependencies:
    """The dependencies of the control plane that serves this request."""
    return cast("Dependencies", request.state.deps)
