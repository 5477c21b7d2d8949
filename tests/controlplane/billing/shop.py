"""An organisation that pays: our API, our jobs and a Stripe of our own, all under one clock."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import text

from llmgateway.commands.stripe import make_ready
from llmgateway.contract.snapshot import Limits
from llmgateway.controlplane.billing import dunning
from llmgateway.controlplane.billing.books import closing
from llmgateway.controlplane.billing.charges import hourly, metering, overage_charges
from llmgateway.controlplane.billing.stripe.api import StripeApi, open_stripe_api
from llmgateway.controlplane.billing.stripe_events import hints
from llmgateway.controlplane.keys import service as keys
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.kit.clock import ManualClock
from tests.controlplane import records
from tests.controlplane.api import ADDRESS, Api, Json, open_api
from tests.controlplane.billing.bookkeeping import START
from tests.fakes.stripe.server import KEY, SECRET, FakeStripe, fake_stripe


@dataclass
class Shop:
    """Everything at hand."""

    api: Api
    stripe: FakeStripe
    stripe_api: StripeApi
    worker: Database
    clock: ManualClock
    delivered: int = 0

    async def owner_of(self, name: str, plan: str = "free") -> tuple[str, httpx2.AsyncClient]:
        """A new organisation's id, and its owner at /orgs/ID."""
        org, client = await self.api.owner_of(name, plan=plan)
        return org, _at(client, org)

    async def client(self, user_id: str, org: str) -> httpx2.AsyncClient:
        """Logged in now: sessions end as this clock goes on."""
        return _at(await self.api.as_(user_id), org)

    async def again(self, org: str) -> httpx2.AsyncClient:
        """The owner, logged in anew."""
        query = "SELECT user_id FROM members WHERE org_id = :o AND role = 'owner'"
        return await self.client(str((await self.api.rows(query, o=org))[0]), org)

    async def subscribed(self, name: str, plan: str = "starter") -> tuple[str, httpx2.AsyncClient, str]:
        """An organisation that bought a plan: its id, its owner, its customer's id."""
        org, client = await self.owner_of(name)
        bought = await client.post("billing/checkout", json={"plan": plan})
        assert bought.status_code == 200, bought.text
        self.stripe.account.complete(bought.json()["url"])
        await self.settle()
        return org, client, await self.customer(org)

    async def key(self, org: str, name: str = "k", **rules: Any) -> str:
        """The id of a new key, whose secret is that of `records`."""
        async with self.api.admin.transaction() as tx:
            row = await tx.get_one(Organisation, org)
            wish = keys.KeyWish(name=name, limits=Limits(), **rules)
            return (await keys.create(tx, self.clock, row, records.PEPPER, wish, records.SECRET)).id

    async def customer(self, org: str) -> str:
        return str((await self.api.rows("SELECT customer_id FROM billing_accounts WHERE org_id = :o", o=org))[0])

    async def deliver(self, events: Sequence[Json]) -> None:
        """Webhooks arrive."""
        client = self.api.client()
        for event in events:
            body, headers = self.stripe.signed(event)
            answer = await client.post("/webhooks/stripe", content=body, headers=dict(headers))
            assert answer.status_code == 204, answer.text

    async def work(self) -> None:
        """Jobs follow every hint that is due."""
        while await hints.handle_next(self.worker, self.clock, self.stripe_api):
            pass

    async def settle(self) -> None:
        """All events that were not delivered yet are, and followed."""
        fresh = self.stripe.account.events[self.delivered :]
        self.delivered += len(fresh)
        await self.deliver(fresh)
        await self.work()

    async def pass_hours(self, hours: int) -> None:
        """Time goes by on both sides, and the jobs run."""
        self.clock.advance(hours * 3600)
        await hourly.post_usage(self.worker, self.clock, timedelta(hours=hours + 3))
        await overage_charges.charge_overage(self.worker, self.clock)
        await metering.report_usage(self.worker, self.clock)
        await metering.send_reports(self.worker, self.clock, self.stripe_api)
        self.stripe.account.pass_time()
        await self.settle()
        await hints.pass_time(self.worker, self.clock)
        await dunning.write(self.worker, self.clock, ADDRESS)
        await closing.close_days(self.worker, self.clock)

    async def plan(self, org: str) -> str:
        return str((await self.api.rows("SELECT plan FROM organisations WHERE id = :o", o=org))[0])

    async def state(self) -> tuple[object, ...]:
        """All that events may change: accounts, plans, and what the books hold."""
        queries = (
            "SELECT org_id, status, plan, period_start, period_end, grace_until, ends_at, next_plan FROM billing_accounts",
            "SELECT id, plan, period_start, period_end FROM organisations",
            "SELECT org_id, account, sum(nanos) FROM ledger_entries GROUP BY 1, 2",
            "SELECT org_id, kind, reference FROM ledger_postings",
        )
        async with self.api.admin.transaction() as tx:
            return tuple([sorted(map(str, (await tx.execute(text(query))).all())) for query in queries])


def _at(client: httpx2.AsyncClient, org: str) -> httpx2.AsyncClient:
    """The client, whose paths begin at the organisation."""
    client.base_url = f"{client.base_url}orgs/{org}/"
    return client


@asynccontextmanager
async def open_shop(database_url: str, data_dir: Path) -> AsyncGenerator[Shop]:
    """With Stripe connected and made ready."""
    clock = ManualClock(START)
    async with fake_stripe(clock) as stripe, open_stripe_api(KEY, stripe.url) as stripe_api:
        await make_ready(stripe_api)
        environment = {"STRIPE_SECRET_KEY": KEY, "STRIPE_WEBHOOK_SECRET": SECRET, "STRIPE_API_BASE": stripe.url}
        async with open_api(database_url, data_dir, clock, **environment) as api:
            worker = Database(database_url, Role.WORKER)
            yield Shop(api, stripe, stripe_api, worker, clock)
            await worker.close()
