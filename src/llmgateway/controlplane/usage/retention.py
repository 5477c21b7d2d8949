"""What is kept of usage, and for how long: logged contents, and months of events. As `worker`."""

from sqlalchemy import delete, func, or_, select

from llmgateway.db.models.contents import ContentRow
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock


async def forget_contents(database: Database, clock: Clock) -> None:
    """Delete logged contents of requests whose retention is over, or whose organisation was deleted."""
    over = ContentRow.expires_at <= clock.now()
    ended = ContentRow.org_id.not_in(select(Organisation.id))
    async with database.transaction() as tx:
        await tx.execute(delete(ContentRow).where(or_(over, ended)))


async def make_partitions(database: Database) -> None:
    """Create the partitions of coming months of usage, and drop those that are no longer kept; their sums stay."""
    for function in ("ensure_usage_partitions", "drop_usage_partitions"):
        async with database.transaction() as tx:
            await tx.execute(select(getattr(func, function)()))
