"""Authentication and authorisation of routes: from an access token to a person, and from a person to a member of an organisation."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.reception.attempts import note_unauthenticated
from llmgateway.controlplane.reception.dependencies import Dependencies, deps_of
from llmgateway.controlplane.reception.parameters import check_parameters
from llmgateway.controlplane.reception.permissions import EVEN_CLOSED, ROLES, OrgRole, Permission
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.models.sessions import Session
from llmgateway.db.models.users import Member, User
from llmgateway.db.session import see
from llmgateway.errors import Forbidden, NotFound, Unauthorized
from llmgateway.kit.signed_tokens import BadToken

_NO_TOKEN = "Send your access token as `Authorization: Bearer ...`. POST /api/v1/auth/login gives one."  # noqa: S105 a sentence
_BAD_TOKEN = "This access token is not valid any more. Get another one with POST /api/v1/auth/refresh, or log in."  # noqa: S105 a sentence
_READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does something, for the audit trail."""

    id: str | None
    kind: str = "user"
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A logged-in person, with the transaction of the request, which sees that person's own rows."""

    tx: AsyncSession
    deps: Dependencies
    user: User
    session: Session
    actor: Actor

    @property
    def id(self) -> str:
        return self.user.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request of a member in an organisation, whose role has the route's permission. The transaction sees this organisation alone."""

    tx: AsyncSession
    deps: Dependencies
    user: User
    org: Organisation
    role: OrgRole
    actor: Actor

    def may(self, permission: Permission) -> bool:
        """Whether the member's role has the permission."""
        return permission in ROLES[self.role]


def client_address(request: Request) -> str:
    """The client's IP address. The server has already applied X-Forwarded-For of trusted proxies."""
    return request.client.host if request.client else "unknown"


def bearer(request: Request) -> str | None:
    """The access token of the request; None without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


AtHand = Annotated[Dependencies, Depends(deps_of)]


async def _transaction(deps: AtHand) -> AsyncIterator[AsyncSession]:
    """One request is one transaction, committed before the answer leaves."""
    async with deps.database.transaction() as tx:
        yield tx


Transaction = Annotated[AsyncSession, Depends(_transaction, scope="function")]


async def identify(request: Request, deps: Dependencies, tx: AsyncSession) -> Person:
    """The person behind the access token, whose session still lives. Raises Unauthorized or TooMany."""
    address = client_address(request)
    token = bearer(request)
    if token is None:
        raise Unauthorized(_NO_TOKEN, code="invalid_token")
    now = deps.clock.now()
    try:
        claims = deps.signer.read(token, now)
        user_id, session_id = str(claims["sub"]), str(claims["sid"])
    except (BadToken, KeyError) as error:
        raise Unauthorized(_BAD_TOKEN, code="invalid_token") from error
    await see(tx, user_id=user_id)
    found = (
        await tx.execute(
            select(User, Session)
            .join(Session, Session.user_id == User.id)
            .where(User.id == user_id, Session.id == session_id, Session.revoked_at.is_(None), Session.expires_at > now)
        )
    ).one_or_none()
    if found is None:
        await note_unauthenticated(deps.store, address)  # the door took the token for somebody's
        raise Unauthorized(_BAD_TOKEN, code="invalid_token")
    user, session = found
    return Person(tx=tx, deps=deps, user=user, session=session, actor=Actor(id=user.id, address=address))


async def _person(request: Request, deps: AtHand, tx: Transaction) -> Person:
    return await identify(request, deps, tx)


SignedIn = Annotated[Person, Depends(_person, scope="function")]
"""Dependency of routes for any logged-in person."""


async def _operator(request: Request, person: SignedIn) -> Person:
    if not person.user.operator:
        raise NotFound("There is nothing here.")
    check_parameters(request)
    return person


Operator = Annotated[Person, Depends(_operator, scope="function")]
"""Dependency of routes for operators of the installation; everybody else gets a 404."""


async def enter(person: Person, org: str, permission: Permission, *, writes: bool) -> Visit:
    """Enter an organisation, by id or slug. Raises NotFound for who is no member, and Forbidden for a role without the permission."""
    tx = person.tx
    found = (
        await tx.execute(
            select(Organisation, Member.role)
            .join(Member, Member.org_id == Organisation.id)
            .where(Member.user_id == person.id, or_(Organisation.id == org, Organisation.slug == org))
            .order_by((Organisation.id == org).desc())
            .limit(1)
        )
    ).one_or_none()
    if found is None:
        raise NotFound("There is no such organisation, or you are not in it. GET /api/v1/me lists yours.")
    organisation, role = found[0], OrgRole(found[1])
    if permission not in ROLES[role]:
        able = " or ".join(name for name, held in ROLES.items() if permission in held)
        raise Forbidden(f"Your role here is {role}; this takes {able}. Ask an owner.", code="permission_denied")
    if writes and permission not in EVEN_CLOSED:
        check_open(organisation)
    await see(tx, org_id=organisation.id)
    return Visit(tx=tx, deps=person.deps, user=person.user, org=organisation, role=role, actor=person.actor)


def check_open(org: Organisation) -> None:
    """Raise Forbidden for an organisation that is suspended or being deleted, where nothing may be changed and nobody joins."""
    if org.deletes_at is not None:
        raise Forbidden(
            "This organisation is being deleted. An owner can stop that with POST /api/v1/orgs/{org}/restore.",
            code="organisation_closed",
        )
    if org.suspended_at is not None:
        raise Forbidden(
            "This organisation is suspended. Write to the operator of this gateway.", code="organisation_closed"
        )


@dataclass(frozen=True, slots=True)
class Gate:
    """The dependency behind `Requires`; tests read the permission from it."""

    permission: Permission

    async def __call__(
        self,
        request: Request,
        person: SignedIn,
        org: Annotated[str, Path(description="The organisation, by id or slug.", max_length=100)],
    ) -> Visit:
        visit = await enter(person, org, self.permission, writes=request.method not in _READS)
        check_parameters(request)
        return visit


@dataclass(frozen=True, slots=True)
class BriefGate:
    """As Gate, but its transaction ends before the route begins, which may call another server and opens its own transactions."""

    permission: Permission

    async def __call__(
        self,
        request: Request,
        deps: AtHand,
        org: Annotated[str, Path(description="The organisation, by id or slug.", max_length=100)],
    ) -> Visit:
        async with deps.database.transaction() as tx:
            person = await identify(request, deps, tx)
            visit = await enter(person, org, self.permission, writes=request.method not in _READS)
        check_parameters(request)
        return visit


def RequiresBriefly(permission: Permission) -> Any:  # noqa: N802 as Requires
    """As Requires, but the visit's own transaction is over when the route begins."""
    return Depends(BriefGate(permission))


def Requires(permission: Permission) -> Any:  # noqa: N802 reads as a type does: Annotated[Visit, Requires(...)]
    """Dependency of routes inside an organisation, for roles with this permission."""
    return Depends(Gate(permission), scope="function")
