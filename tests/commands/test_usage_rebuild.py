"""`llmgateway usage rebuild`: sums that went wrong are right again, and sums whose events are gone are left alone."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from llmgateway.cli import cli
from llmgateway.controlplane.usage import rollups
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.kit.clock import SystemClock
from llmgateway.kit.ids import id_time, new_id
from tests.controlplane.records import event, make_org
from tests.fixtures_database import run_sql

pytestmark = pytest.mark.usefixtures("installation")


def _call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ("usage", "rebuild", *arguments))


async def _spoilt(database_url: str) -> str:
    """Sums of two organisations that somebody doubled; the id of the first."""
    admin, data = Database(database_url, Role.ADMIN), Database(database_url, Role.DATA)
    org = await make_org(admin)
    for org_id in (org.id, "org_that_ended"):
        identifier = new_id("req")
        made = event(id=identifier, created_at=id_time(identifier), org_id=org_id, cost_nanos=7)
        await UsageStore(data).insert([made])
    await rollups.roll_up_next(admin)
    async with admin.transaction() as tx:
        for table in ("usage_hours", "usage_days"):
            await tx.execute(text(f"UPDATE {table} SET cost_nanos = 14, requests = 2"))
    await admin.close()
    await data.close()
    return org.id


async def _costs(database_url: str) -> list[int]:
    admin = Database(database_url, Role.ADMIN)
    async with admin.transaction() as tx:
        query = "SELECT cost_nanos FROM usage_hours UNION ALL SELECT cost_nanos FROM usage_days"
        found = sorted(int(cost) for cost in (await tx.scalars(text(query))).all())
    await admin.close()
    return found


def test_one_organisation_by_its_slug_then_all(database_url: str) -> None:
    asyncio.run(_spoilt(database_url))
    today = SystemClock().now()
    since = f"{today - timedelta(days=1):%Y-%m-%d}"
    made = "Sums were made anew from their events: 2 days"
    assert _call("--org", "acme", "--from", since).stdout == f"{made}, 1 organisation.\n"
    assert asyncio.run(_costs(database_url)) == [7, 7, 14, 14]
    assert _call("--from", since).stdout == f"{made}, 2 organisations.\n"
    assert asyncio.run(_costs(database_url)) == [7, 7, 7, 7]


def test_sums_whose_events_were_all_taken_away_go_with_those_of_all(database_url: str) -> None:
    asyncio.run(_spoilt(database_url))
    asyncio.run(run_sql(database_url, "DELETE FROM usage_events WHERE org_id = 'org_that_ended'"))
    since = f"{SystemClock().now() - timedelta(days=1):%Y-%m-%d}"
    assert _call("--from", since).stdout.endswith("2 organisations.\n")
    assert asyncio.run(_costs(database_url)) == [7, 7]


def test_what_cannot_be_made_anew_is_refused(database_url: str) -> None:
    asyncio.run(_spoilt(database_url))
    for arguments in (("--from", "2001-01-01"), ("--from", "2026-01-02", "--to", "2026-01-02")):
        refused = _call("--org", "acme", *arguments)
        assert refused.exit_code == 2, refused.output
    for arguments in (("--org", "nobody"), ("--to", "2020-01-01")):
        assert _call("--from", "2026-01-02", *arguments).exit_code == 2
    assert asyncio.run(_costs(database_url)) == [14, 14, 14, 14]
