"""Months of usage: made in time, and nothing lost when they were not."""

from datetime import UTC, datetime

from sqlalchemy import text

from llmgateway.controlplane.usage.retention import make_partitions
from llmgateway.db.roles import Role
from llmgateway.db.session import Database

HOMES = "SELECT tableoid::regclass::text FROM usage_events ORDER BY created_at"
MADE = text("SELECT ensure_usage_partitions()")
"""The database of the tests may have been made in the last minutes of the month before."""
ROW = (
    "INSERT INTO usage_events (id, created_at, org_id, key_id, operation, dialect, model, outcome, status, stream, "
    "prompt_tokens, completion_tokens, cached_tokens, cache_write_tokens, reasoning_tokens, usage_source, cache, test, "
    "duration_ms, attempts, plan, tags) VALUES ('req', :at, 'o', 'k', 'chat', 'openai', 'm', 'finished', 200, false, "
    "0, 0, 0, 0, 0, 'provider', 'bypass', false, 0, '[]', '[]', '[]')"
)


def _month(now: datetime, ahead: int) -> datetime:
    years, month = divmod(now.month - 1 + ahead, 12)
    return datetime(now.year + years, month + 1, 1, tzinfo=UTC)


async def test_this_month_and_the_next_have_their_own_and_anything_else_the_rest(admin: Database) -> None:
    now = datetime.now(UTC)
    moments = [datetime(2001, 5, 5, tzinfo=UTC), *(_month(now, ahead) for ahead in range(5))]
    async with admin.transaction() as tx:
        await tx.execute(MADE)
        await tx.execute(text("SET LOCAL ROLE llmgateway_owner"))
        for moment in moments:
            await tx.execute(text(ROW), {"at": moment})
        homes = (await tx.scalars(text(HOMES))).all()
    months = [f"usage_events_{moment:%Y_%m}" for moment in moments[1:5]]
    assert homes == ["usage_events_rest", *months, "usage_events_rest"]


async def test_a_month_that_came_late_takes_its_rows_out_of_the_rest(admin: Database) -> None:
    now = datetime.now(UTC)
    name = f"usage_events_{now:%Y_%m}"
    async with admin.transaction() as tx:
        await tx.execute(text("SET LOCAL ROLE llmgateway_owner"))
        await tx.execute(text(f"DROP TABLE {name}"))
        await tx.execute(text(ROW), {"at": now})
        assert (await tx.scalars(text(HOMES))).all() == ["usage_events_rest"]
    for _ in range(2):
        async with admin.transaction() as tx:
            await tx.execute(MADE)
            await tx.execute(text("SET LOCAL ROLE llmgateway_owner"))
            assert (await tx.scalars(text(HOMES))).all() == [name]


async def test_a_month_that_is_25_months_over_is_dropped_and_its_sums_stay(admin: Database) -> None:
    now = datetime.now(UTC)
    moments = {months: _month(now, -months) for months in (27, 26, 25, 1)}
    async with admin.transaction() as tx:
        await tx.execute(text("SET LOCAL ROLE llmgateway_owner"))
        for months in (26, 25):
            first, after = moments[months], _month(now, 1 - months)
            await tx.execute(
                text(
                    f"CREATE TABLE usage_events_{first:%Y_%m} PARTITION OF usage_events "
                    f"FOR VALUES FROM ('{first}') TO ('{after}')"
                )
            )
        for months, moment in moments.items():
            await tx.execute(text(ROW.replace("'req'", f"'req_{months}'")), {"at": moment})
    for dropped in (1, 0):
        async with admin.transaction() as tx:
            assert await tx.scalar(text("SELECT drop_usage_partitions()")) == dropped
    async with admin.transaction() as tx:
        kept = (await tx.scalars(text("SELECT id FROM usage_events ORDER BY created_at"))).all()
        counted = await tx.scalar(text("SELECT sum(requests) FROM usage_pending"))
    assert kept == ["req_25", "req_1"], "also what lay in the rest partition is gone"
    assert counted == 4


async def test_the_job_makes_and_drops(database_url: str, admin: Database) -> None:
    now = datetime.now(UTC)
    coming = f"usage_events_{_month(now, 3):%Y_%m}"
    old, after = _month(now, -30), _month(now, -29)
    async with admin.transaction() as tx:
        await tx.execute(MADE)
        await tx.execute(text("SET LOCAL ROLE llmgateway_owner"))
        await tx.execute(text(f"DROP TABLE {coming}"))
        await tx.execute(
            text(
                f"CREATE TABLE usage_events_{old:%Y_%m} PARTITION OF usage_events FOR VALUES FROM ('{old}') TO ('{after}')"
            )
        )
    worker = Database(database_url, Role.WORKER)
    await make_partitions(worker)
    await worker.close()
    async with admin.transaction() as tx:
        found = set((await tx.scalars(text("SELECT relname FROM pg_class WHERE relispartition"))).all())
    assert coming in found
    assert f"usage_events_{old:%Y_%m}" not in found
