"""Organisations."""

import re

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.db.models.organisations import Organisation
from llmgateway.db.models.users import Member, User
from llmgateway.errors import NotFound
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import new_id


async def create(tx: AsyncSession, clock: Clock, name: str, plan: str, owner: User) -> Organisation:
    """A new organisation with its owner in it."""
    now = clock.now()
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "org"
    org = Organisation(id=new_id("org", now), name=name, slug=slug, plan=plan, created_at=now)
    tx.add(org)
    await tx.flush()
    tx.add(Member(org_id=org.id, user_id=owner.id, role="owner", created_at=now))
    await tx.flush()
    return org


async def find(tx: AsyncSession, name: str | None) -> Organisation:
    """By id or slug; the oldest one when no name is given. Raises NotFound."""
    query = select(Organisation).order_by(Organisation.created_at).limit(1)
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
