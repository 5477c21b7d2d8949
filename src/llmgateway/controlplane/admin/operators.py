"""Who operates the installation: appointed by whoever has its command line, never over HTTP."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.audit.service import OPERATOR, Act, record
from llmgateway.controlplane.reception.visits import Actor
from llmgateway.db.models.users import User
from llmgateway.errors import Conflict, NotFound
from llmgateway.kit.clock import Clock


async def listed(tx: AsyncSession) -> Sequence[str]:
    """Their addresses; as `admin`."""
    return (await tx.scalars(select(User.email).where(User.operator).order_by(User.email))).all()


async def appoint(tx: AsyncSession, clock: Clock, email: str, *, operator: bool) -> None:
    """Make somebody an operator, or end it; the last one stays. Raises NotFound and Conflict."""
    address = email.strip().lower()
    operators = (await tx.scalars(select(User).where(User.operator).with_for_update())).all()
    user = await tx.scalar(select(User).where(User.email == address))
    if user is None:
        raise NotFound(f"Nobody has an account with the address {address!r}. They sign up first.")
    if not operator and [one.id for one in operators] == [user.id]:
        raise Conflict("This is the last operator. Add another one first.")
    if user.operator is operator:
        return
    user.operator = operator
    action = "operator.add" if operator else "operator.remove"
    await record(tx, clock, Actor(id=None, kind=OPERATOR), Act(action=action, target=user.id))
