"""Months of usage: made in time, and nothing lost when they were not."""

from datetime import UTC, datetime

from sqlalchemy import text

from llmgateway.db.session import Database

HOMES = "SELECT tableoid::regclass::text FROM usage_events ORDER BY created_at"
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
            await tx.execute(text("SELECT ensure_usage_partitions()"))
            await tx.execute(text("SET LOCAL ROLE llmgateway_owner"))
            assert (await tx.scalars(text(HOMES))).all() == [name]
