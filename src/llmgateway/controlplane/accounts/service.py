"""Accounts of people: created, found by address, verified, and given another password or address."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.accounts import letters, sessions
from llmgateway.controlplane.accounts.tickets import TicketKind, issue, void_all
from llmgateway.controlplane.reception.attempts import note_code
from llmgateway.controlplane.reception.dependencies import Dependencies
from llmgateway.controlplane.reception.outbox import post
from llmgateway.db.models.sessions import MailTicket
from llmgateway.db.models.users import Login, User
from llmgateway.errors import Conflict, Forbidden
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import new_id


@dataclass(frozen=True, slots=True)
class FoundLogin:
    """A person's login, found by mail address."""

    user_id: str
    password_hash: str
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPerson:
    """A person to be created."""

    id: str
    email: str
    password_hash: str
    verified: bool = False


async def find_login(tx: AsyncSession, email: str) -> FoundLogin | None:
    """The login of a mail address, before anybody is authenticated; None without an account."""
    found: dict[str, Any] | None = await tx.scalar(select(func.find_login(email)))
    return None if found is None else FoundLogin(found["user_id"], found["password_hash"], bool(found["verified"]))


async def create(tx: AsyncSession, clock: Clock, person: NewPerson) -> User:
    """Create a person and their login. As the role `app`, the transaction must already `see` the id."""
    now = clock.now()
    user = User(
        id=person.id,
        email=person.email.strip().lower(),
        created_at=now,
        name="",
        email_verified_at=now if person.verified else None,
    )
    tx.add(user)
    await tx.flush()
    tx.add(Login(user_id=user.id, password_hash=person.password_hash))
    await tx.flush()
    return user


def new_user_id(clock: Clock) -> str:
    """An id for a person to be created."""
    return new_id("user", clock.now())


async def send_verification(tx: AsyncSession, deps: Dependencies, user_id: str, email: str) -> None:
    """Queue a mail with a link that verifies the address."""
    token = await issue(tx, deps, TicketKind.VERIFY, user_id, email)
    await post(tx, deps.clock, letters.verify(email, deps.address, token))


async def mail_verification(deps: Dependencies, user_id: str, email: str) -> None:
    """As `send_verification`, in a transaction of its own."""
    async with deps.database.transaction(user_id=user_id) as tx:
        await send_verification(tx, deps, user_id, email)


async def mail_reset(deps: Dependencies, user_id: str, email: str) -> None:
    """Queue a mail with a link to choose a new password, in a transaction of its own."""
    async with deps.database.transaction(user_id=user_id) as tx:
        token = await issue(tx, deps, TicketKind.RESET, user_id, email)
        await post(tx, deps.clock, letters.reset(email, deps.address, token))


async def check_password(tx: AsyncSession, deps: Dependencies, user_id: str, password: str) -> Login:
    """Check the password that a logged-in person gives again; returns the login. Raises Forbidden and TooMany."""
    await note_code(deps.store, user_id)
    login = await tx.get_one(Login, user_id)
    if not await deps.passwords.matches(password, login.password_hash):
        raise Forbidden("This is not your password.", code="wrong_password", param="password")
    return login


async def set_password(tx: AsyncSession, deps: Dependencies, user: User, password: str, *, keep: str | None) -> None:
    """Set another password. Ends every session but `keep`, voids all mailed links, and mails the owner."""
    login = await tx.get_one(Login, user.id)
    login.password_hash = await deps.passwords.hash(password)
    await sessions.end_all(tx, deps.clock, user.id, but=keep)
    await void_all(tx, deps.clock, user.id)
    await post(tx, deps.clock, letters.password_changed(user.email, deps.address))


async def redeem_address(tx: AsyncSession, deps: Dependencies, ticket: MailTicket) -> User:
    """Redeem a ticket of a mailed link: verifies the address, or replaces the old one by it. Raises Conflict."""
    user = await tx.get_one(User, ticket.user_id)
    if ticket.kind == TicketKind.EMAIL:
        if await find_login(tx, ticket.email) is not None:
            raise Conflict("This address belongs to another account by now.")
        await post(tx, deps.clock, letters.address_changed(user.email, ticket.email))
        user.email = ticket.email
        await void_all(tx, deps.clock, user.id)  # links in the old address's mailbox
    user.email_verified_at = deps.clock.now()
    await tx.flush()
    return user
