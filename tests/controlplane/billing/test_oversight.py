"""What looks after the control plane: its figures say whether mail piles up and whether the books are right."""

import re
from datetime import timedelta
from typing import Any, cast

import httpx2
import pytest
from sqlalchemy import update

from llmgateway.controlplane.admin.oversight import Oversight
from llmgateway.controlplane.billing.charges.hourly import ALL_THAT_MAY_CHANGE, post_usage
from llmgateway.controlplane.figures import FIGURES
from llmgateway.controlplane.reception import outbox
from llmgateway.controlplane.reception.counting_door import CountingDoor
from llmgateway.controlplane.usage.rollups import roll_up_next
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.models.billing import MeterReport, StripeEvent
from llmgateway.db.session import Database
from llmgateway.kit.mail import Mail
from llmgateway.kit.metrics import Metrics
from tests.controlplane.api import Api
from tests.controlplane.billing.bookkeeping import START, charged, clock_at


def _value(metrics: Metrics, sample: str) -> float | None:
    found = re.search(rf"^{re.escape(sample)} (\S+)$", metrics.page().decode(), re.MULTILINE)
    return float(found[1]) if found else None


async def test_mail_that_waits_is_seen(admin: Database) -> None:
    clock, metrics = clock_at(), Metrics(FIGURES)
    oversight = Oversight(admin, clock, metrics)
    await oversight.look_at_the_outbox()
    assert _value(metrics, "llmgateway_outbox_waiting") == 0
    assert _value(metrics, "llmgateway_outbox_oldest_seconds") == 0
    async with admin.transaction() as tx:
        await outbox.post(tx, clock, Mail(to="ann@example.com", subject="Hello", text="Hello"))
    clock.advance(120)
    await oversight.look_at_the_outbox()
    assert _value(metrics, "llmgateway_outbox_waiting") == 1
    assert _value(metrics, "llmgateway_outbox_oldest_seconds") == pytest.approx(120)


async def test_webhooks_and_reports_that_wait_are_seen_until_they_are_through(admin: Database) -> None:
    clock, metrics = clock_at(), Metrics(FIGURES)
    oversight = Oversight(admin, clock, metrics)
    await oversight.look_at_stripe()
    assert _value(metrics, "llmgateway_webhooks_waiting") == 0
    now = clock.now()
    event = StripeEvent(
        id="evt_1", type="invoice.paid", object_id="in_1", created_at=now, received_at=now, next_try_at=now
    )
    async with admin.transaction() as tx:
        tx.add(event)
        tx.add(MeterReport(id="report_1", org_id="org_1", customer_id="cus_1", cents=5, created_at=now))
    clock.advance(90)
    await oversight.look_at_stripe()
    assert _value(metrics, "llmgateway_webhooks_waiting") == 1
    assert _value(metrics, "llmgateway_webhooks_oldest_seconds") == pytest.approx(90)
    assert _value(metrics, "llmgateway_meter_reports_oldest_seconds") == pytest.approx(90)
    async with admin.transaction() as tx:
        await tx.execute(update(StripeEvent).values(handled_at=now))
        await tx.execute(update(MeterReport).values(sent_at=now))
    await oversight.look_at_stripe()
    assert _value(metrics, "llmgateway_webhooks_waiting") == 0
    assert _value(metrics, "llmgateway_meter_reports_oldest_seconds") == 0


async def test_usage_that_nobody_sums_up_is_seen_until_a_worker_does(
    admin: Database, worker: Database, data: Database
) -> None:
    clock, metrics = clock_at(), Metrics(FIGURES)
    oversight = Oversight(admin, clock, metrics)

    async def seen(after: float) -> float | None:
        clock.advance(after)
        await oversight.look_at_the_sums()
        return _value(metrics, "llmgateway_usage_unsummed_seconds")

    assert await seen(0) == 0
    await UsageStore(data).insert([charged(5)])
    assert await seen(30) == 0, "it was not there before"
    assert await seen(30) == pytest.approx(30)
    await UsageStore(data).insert([charged(7)])
    assert await seen(30) == pytest.approx(60), "the oldest counts"
    while await roll_up_next(worker):
        pass
    assert await seen(30) == 0


async def test_books_that_differ_from_usage_are_seen_until_they_are_posted(
    admin: Database, worker: Database, data: Database
) -> None:
    clock, metrics = clock_at(START + timedelta(hours=4)), Metrics(FIGURES)
    oversight = Oversight(admin, clock, metrics)
    await UsageStore(data).insert([charged(5), charged(7, org_id="org_2")])
    await oversight.look_at_the_books()
    assert _value(metrics, "llmgateway_ledger_faults") == 2
    await post_usage(worker, clock, ALL_THAT_MAY_CHANGE)
    await oversight.look_at_the_books()
    assert _value(metrics, "llmgateway_ledger_faults") == 0
    assert _value(metrics, "llmgateway_ledger_checked_time_seconds") == clock.now().timestamp()


async def test_answers_are_counted_by_the_route_and_never_by_the_path(api: Api) -> None:
    metrics = Metrics(FIGURES)
    counted = CountingDoor(api.door, metrics)
    transport = httpx2.ASGITransport(app=cast("Any", counted), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway.test/api/v1") as client:
        for path in ("/orgs/org_1/keys", "/orgs/another/keys", "/nowhere/at/all", "/nowhere/else"):
            await client.get(path)
        await client.request("BREW", "/orgs/org_1/keys")
    where = 'method="GET",route="{}",status="{}"'
    assert _value(metrics, f"llmgateway_api_requests_total{{{where.format('/orgs/{org}/keys', 401)}}}") == 2
    assert _value(metrics, f"llmgateway_api_requests_total{{{where.format('none', 404)}}}") == 2
    page = metrics.page().decode()
    assert "org_1" not in page
    assert "nowhere" not in page
    assert "BREW" not in page
