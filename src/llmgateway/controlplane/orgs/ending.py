"""Deletes what is over: organisations after their grace period, sessions, logged contents, and months of usage."""

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, func, or_, select

from llmgateway.controlplane.audit.service import Act, record
from llmgateway.controlplane.reception.visits import Actor
from llmgateway.db.models.api_keys import ApiKey
from llmgateway.db.models.contents import ContentRow
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.models.sessions import MailTicket, Session
from llmgateway.db.models.users import Member
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock

_KEPT: Final = timedelta(days=30)


async def end_next(database: Database, clock: Clock) -> bool:
    """Delete one organisation whose grace period is over, as `worker`; its usage, audit trail and ledger stay. False when there is none."""
    async with database.transaction() as tx:
        due = select(Organisation).where(Organisation.deletes_at <= clock.now()).limit(1)
        org = await tx.scalar(due)
        if org is None:
            return False
        for table in (ApiKey, Member):
            await tx.execute(delete(table).where(table.org_id == org.id))
        await tx.execute(delete(Organisation).where(Organisation.id == org.id))
        act = Act(action="org.end", org_id=org.id, target=org.id)
        await record(tx, clock, Actor(id=None, kind="system"), act)
        return True


async def forget_sessions(database: Database, clock: Clock) -> bool:
    """Delete sessions and tickets that ended a month ago. Returns False, as there is no more to do."""
    before = clock.now() - _KEPT
    async with database.transaction() as tx:
        await tx.execute(delete(Session).where(Session.expires_at < before))
        await tx.execute(delete(MailTicket).where(MailTicket.expires_at < before))
    return False


async def forget_contents(database: Database, clock: Clock) -> bool:
    """Delete logged contents of requests whose retention is over, or whose organisation was deleted. Returns False."""
    over = ContentRow.expires_at <= clock.now()
    ended = ContentRow.org_id.not_in(select(Organisation.id))
    async with database.transaction() as tx:
        await tx.execute(delete(ContentRow).where(or_(over, ended)))
    return False


async def make_partitions(database: Database) -> bool:
    """Create the partitions of coming months of usage, and drop those that are no longer kept; their sums stay. Returns False."""
    for function in ("ensure_usage_partitions", "drop_usage_partitions"):
        async with database.transaction() as tx:
            await tx.execute(select(getattr(func, function)()))
    return False
