"""Logged contents are kept as long as the organisation said, and no longer than the organisation itself."""

from datetime import timedelta

from sqlalchemy import select

from llmgateway.contract.contents import SealedContent
from llmgateway.controlplane.usage.retention import forget_contents
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.models.contents import ContentRow
from llmgateway.db.session import Database
from llmgateway.kit.clock import ManualClock, SystemClock
from llmgateway.kit.ids import new_id
from tests.controlplane.records import make_org


async def test_contents_go_when_their_time_is_over_or_their_organisation_gone(
    admin: Database, data: Database, worker: Database
) -> None:
    clock = ManualClock(SystemClock().now())
    now = clock.now()
    org, sealed = (await make_org(admin)).id, {"request": b"sealed", "answer": b"sealed"}
    brief, long, orphan = (new_id("req", now) for _ in range(3))
    contents = [
        SealedContent(event_id=one, org_id=whose, created_at=now, expires_at=now + timedelta(days=days), **sealed)
        for one, whose, days in ((brief, org, 1), (long, org, 2), (orphan, "org_gone", 2))
    ]
    await UsageStore(data).insert_contents(contents)
    await forget_contents(worker, clock)
    assert await _kept(worker) == {brief, long}
    clock.advance(timedelta(days=1).total_seconds())
    await forget_contents(worker, clock)
    assert await _kept(worker) == {long}


async def _kept(worker: Database) -> set[str]:
    async with worker.transaction() as tx:
        return set(await tx.scalars(select(ContentRow.event_id)))
