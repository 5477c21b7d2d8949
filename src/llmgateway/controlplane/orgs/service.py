"""Organisations: created, found, changed, closed and restored."""

import re
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.channels import KeyChanged
from llmgateway.controlplane.reception.announcing import announce
from llmgateway.controlplane.reception.dependencies import OrgCloses
from llmgateway.controlplane.reception.permissions import OrgRole
from llmgateway.controlplane.reception.visits import Visit
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.models.users import Member
from llmgateway.errors import Conflict, NotFound
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import new_id

GRACE: Final = timedelta(days=30)
"""Between the deletion of an organisation and its end."""
_SLUG_LENGTH: Final = 40


def new_org_id(clock: Clock) -> str:
    """An id for an organisation to be created."""
    return new_id("org", clock.now())


async def create(
    tx: AsyncSession, clock: Clock, name: str, plan: str, owner_id: str | None, *, org_id: str | None = None
) -> Organisation:
    """Create an organisation, with its owner unless None. As the role `app`, the transaction must already `see` the id."""
    now = clock.now()
    values = {"id": org_id or new_org_id(clock), "name": name, "plan": plan, "created_at": now}
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_SLUG_LENGTH].strip("-") or "org"
    made: str | None = None
    candidate = slug
    while made is None:
        statement = (
            insert(Organisation).values(**values, slug=candidate).on_conflict_do_nothing(index_elements=["slug"])
        )
        made = await tx.scalar(statement.returning(Organisation.id))
        candidate = f"{slug}-{secrets.token_hex(3)}"
    if owner_id is not None:
        tx.add(Member(org_id=made, user_id=owner_id, role=OrgRole.OWNER, created_at=now))
        await tx.flush()
    return await tx.get_one(Organisation, made)


async def give_orphan(tx: AsyncSession, clock: Clock, user_id: str) -> str | None:
    """Make somebody the owner of the oldest organisation, if nobody is in it yet; its name. As `admin`."""
    org = await tx.scalar(select(Organisation).order_by(Organisation.created_at, Organisation.id).limit(1))
    if org is None or await tx.scalar(select(Member.user_id).where(Member.org_id == org.id).limit(1)) is not None:
        return None
    tx.add(Member(org_id=org.id, user_id=user_id, role=OrgRole.OWNER, created_at=clock.now()))
    await tx.flush()
    return org.name


async def find(tx: AsyncSession, name: str | None) -> Organisation:
    """For operators: by id or slug; the oldest one when no name is given. Raises NotFound."""
    query = select(Organisation).order_by(Organisation.created_at, Organisation.id).limit(1)
    if name is not None:
        query = query.where(or_(Organisation.id == name, Organisation.slug == name))
    org = await tx.scalar(query)
    if org is None:
        raise NotFound(
            f"There is no organisation {name!r}."
            if name
            else "There is no organisation yet. Start `llmgateway serve` once, or make a key with `llmgateway keys create`."
        )
    return org


async def of_person(tx: AsyncSession, user_id: str) -> Sequence[tuple[Organisation, OrgRole]]:
    """The organisations of a person, with their role in each. The transaction must see the person."""
    query = (
        select(Organisation, Member.role)
        .join(Member, Member.org_id == Organisation.id)
        .where(Member.user_id == user_id)
        .order_by(Organisation.id)
        .limit(500)
    )
    return [(org, OrgRole(role)) for org, role in (await tx.execute(query)).all()]


async def close(visit: Visit, *, give_up_credit: bool) -> None:
    """Mark it for deletion: its keys stop at once, all else is kept for the grace period. Raises Conflict, also where its money is against it."""
    if visit.org.deletes_at is not None:
        raise Conflict("This organisation is being deleted already.")
    for handle in visit.deps.events.org_closes:
        await handle(visit.tx, visit.deps.clock, OrgCloses(org_id=visit.org.id, give_up_credit=give_up_credit))
    visit.org.deletes_at = visit.deps.clock.now() + GRACE
    await changed(visit)


async def restore(visit: Visit) -> None:
    """Take a deletion back. Raises Conflict when there is none."""
    if visit.org.deletes_at is None:
        raise Conflict("This organisation is not being deleted.")
    visit.org.deletes_at = None
    await changed(visit)


async def changed(visit: Visit) -> None:
    """Have every data process reload the organisation."""
    await visit.tx.flush()
    await announce(visit.tx, KeyChanged(None, visit.org.id))
