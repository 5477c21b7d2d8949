"""Who operates the installation: appointed by whoever has its command line, never over HTTP."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.accounts import mfa, sessions
from llmgateway.controlplane.accounts.tickets import void_all
from llmgateway.controlplane.audit.service import OPERATOR, Act, record
from llmgateway.controlplane.reception.visits import Actor
from llmgateway.db.models.users import Login, User
from llmgateway.errors import Conflict, NotFound
from llmgateway.kit.clock import Clock


async def listed(tx: AsyncSession) -> Sequence[str]:
    """The mail addresses of all operators. As `admin`."""
    return (await tx.scalars(select(User.email).where(User.operator).order_by(User.email))).all()


async def reset_password(tx: AsyncSession, clock: Clock, email: str, password_hash: str) -> None:
    """Let somebody in who is locked out: sets the password, verifies the address, switches the second factor off. Raises NotFound.

    Every session of theirs ends, and no mailed link works on.
    """
    user = await _person(tx, email)
    login = await tx.get_one(Login, user.id)
    login.password_hash = password_hash
    mfa.switch_off(login)
    user.email_verified_at = user.email_verified_at or clock.now()
    await sessions.end_all(tx, clock, user.id)
    await void_all(tx, clock, user.id)
    await record(tx, clock, Actor(id=None, kind=OPERATOR), Act(action="operator.reset_password", target=user.id))


async def appoint(tx: AsyncSession, clock: Clock, email: str, *, operator: bool) -> None:
    """Make somebody an operator, or end it; the last one stays. Raises NotFound and Conflict."""
    operators = (await tx.scalars(select(User).where(User.operator).with_for_update())).all()
    user = await _person(tx, email)
    if not operator and [one.id for one in operators] == [user.id]:
        raise Conflict("This is the last operator. Add another one first.")
    if user.operator is operator:
        return
    user.operator = operator
    action = "operator.add" if operator else "operator.remove"
    await record(tx, clock, Actor(id=None, kind=OPERATOR), Act(action=action, target=user.id))


async def _person(tx: AsyncSession, email: str) -> User:
    address = email.strip().lower()
    user = await tx.scalar(select(User).where(User.email == address))
    if user is None:
        raise NotFound(f"Nobody has an account with the address {address!r}. They sign up first.")
    return user
