"""Deletes organisations whose grace period is over."""

from sqlalchemy import delete, select

from llmgateway.controlplane.audit.service import Act, record
from llmgateway.controlplane.reception.visits import Actor
from llmgateway.db.models.api_keys import ApiKey
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.models.users import Member
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock


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
