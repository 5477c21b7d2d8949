"""Books for tests: a worker's way to them, events that are charged, and sums."""

from datetime import UTC, datetime, timedelta

from llmgateway.contract.usage import UsageEvent
from llmgateway.controlplane.billing.books import ledger
from llmgateway.controlplane.billing.books.ledger import Account, Posting
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock, ManualClock
from llmgateway.kit.ids import id_time, new_id
from tests.controlplane.records import event

START = datetime(2026, 11, 5, 12, 30, tzinfo=UTC)
CENT = 10_000_000
DOLLAR = 100 * CENT


def charged(nanos: int | None, at: datetime = START, org_id: str = "org_1", **changes: object) -> UsageEvent:
    """An event of an organisation, made at that moment."""
    identifier = new_id("req", at)
    made = {"id": identifier, "created_at": id_time(identifier), "org_id": org_id, "charge_nanos": nanos}
    return event(**{**made, **changes})


def clock_at(moment: datetime = START + timedelta(hours=2)) -> ManualClock:
    """A clock for jobs that come later."""
    return ManualClock(moment)


async def write(worker: Database, clock: Clock, posting: Posting, org_id: str = "org_1") -> bool:
    """A posting in a transaction of its own."""
    async with worker.transaction() as tx:
        await ledger.lock(tx, org_id)
        return await ledger.post(tx, clock, org_id, posting)


async def held(worker: Database, org_id: str = "org_1", before: datetime | None = None) -> dict[Account, int]:
    """The accounts that hold anything."""
    async with worker.transaction() as tx:
        found = await ledger.balances(tx, org_id, before)
    return {account: nanos for account, nanos in found.items() if nanos}
