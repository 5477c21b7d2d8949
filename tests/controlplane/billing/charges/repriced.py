"""Requests that were served without a price, and the operator who prices them again."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from llmgateway.commands.reprice import PricesOfNow
from llmgateway.contract.snapshot import Tariff
from llmgateway.contract.usage import UsageEvent
from llmgateway.controlplane.billing.books.checking import check
from llmgateway.controlplane.billing.charges.repricing import Repricing, RepricingReport
from llmgateway.controlplane.usage import rollups
from llmgateway.controlplane.usage.price_changes import Wanted
from llmgateway.controlplane.usage.service import Sought, listed
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.kit.utc import midnight
from tests.controlplane.billing.bookkeeping import START, charged, clock_at
from tests.controlplane.records import make_org
from tests.controlplane.sums import roll_up, sums
from tests.dataplane.routing import CATALOG, Routing

TARIFF = Tariff(markup_ppm=100_000, request_fee_nanos=7)
PRICED = """
models:
  tuned:
    targets: [{provider: groq, model: fine-tuned, price: {input: "1", output: "2", search: "10"}}]
"""
COST = 11 * 1_000 + 3 * 2_000
"""Of the prompt and the answer of a request of `records.event` at that price."""
DAY = timedelta(days=1)


def served(at: datetime = START, org_id: str = "org_1", **changes: Any) -> UsageEvent:
    """On the gateway's credential, and nobody knew its price."""
    unpriced = {"model": "tuned", "provider": "groq", "served_model": "fine-tuned", "plan": (), "attempts": ()}
    money = {"cost_nanos": None, "list_cost_nanos": None, "price_version": None}
    return charged(None, at, org_id, **{**unpriced, **money, **changes})


@dataclass(frozen=True)
class Operator:
    """What `llmgateway usage reprice` does."""

    admin: Database
    job: Repricing
    org_id: str

    async def run(self, *, write: bool = True, now: datetime | None = None, **changes: Any) -> RepricingReport:
        """At a moment, two hours after START where nothing is said."""
        clock = clock_at() if now is None else clock_at(now)
        wanted = {
            name: changes.pop(name) for name in ("priced", "since", "until", "provider", "model") if name in changes
        }
        job = replace(self.job, clock=clock, wanted=replace(self.job.wanted, **wanted), **changes)
        return await job.run(write=write)

    async def store(self, *events: UsageEvent) -> None:
        """As the data plane does."""
        data = Database(self.admin._url, Role.DATA)
        await UsageStore(data).insert(events)
        await data.close()

    async def rows(self) -> list[UsageEvent]:
        """All, oldest first."""
        async with self.admin.transaction() as tx:
            return list(reversed(await listed(tx, Sought(), 1_000)))

    async def query(self, statement: str) -> list[Any]:
        """Rows of anything."""
        async with self.admin.transaction() as tx:
            return list((await tx.execute(text(statement))).all())

    async def is_right(self) -> bool:
        """The books balance and say what the rows say, and sums made anew are the sums that are there."""
        await roll_up(self.admin)
        before = [await sums(self.admin, table) for table in ("usage_hours", "usage_days")]
        start = midnight(START) - 40 * DAY
        for org_id in {row.org_id for row in await self.rows()}:
            await rollups.rebuild(self.admin, org_id, start, start + 50 * DAY, START)
        await roll_up(self.admin)
        same = before == [await sums(self.admin, table) for table in ("usage_hours", "usage_days")]
        async with self.admin.transaction() as tx:
            report = await check(tx, START - 60 * DAY, START + 60 * DAY)
        return same and report.right and sum(report.accounts.values()) == 0


async def operator(admin: Database, file: str = PRICED) -> Operator:
    """Who gave a price in gateway.yaml, and has one organisation that pays."""
    org = await make_org(admin, plan="starter")
    job = Repricing(
        database=admin,
        clock=clock_at(),
        price=PricesOfNow(Routing(file).router, CATALOG),
        tariff=TARIFF,
        wanted=Wanted(since=START - 60 * DAY, until=START + 60 * DAY),
    )
    return Operator(admin, job, org.id)
