"""Events of three days for tests, and their sums: merged by the job, and added up here to compare."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import text

from llmgateway.canon.usage import UsageSource
from llmgateway.contract.usage import Outcome, UsageEvent
from llmgateway.controlplane.usage import rollups
from llmgateway.db.session import Database
from llmgateway.kit.ids import id_time, new_id
from tests.controlplane.records import event

START = datetime(2026, 11, 4, tzinfo=UTC)
DAY = timedelta(days=1)


def made(random: Random, org_id: str = "org_1", moment: datetime | None = None) -> UsageEvent:
    """Any event, of the moment or of any of the three days."""
    identifier = new_id("req", moment or START + timedelta(seconds=random.randrange(3 * 86_400)))
    outcome = random.choice([Outcome.FINISHED, Outcome.FINISHED, *Outcome])
    return event(
        id=identifier,
        created_at=id_time(identifier),
        org_id=org_id,
        key_id=random.choice(["key_1", "key_2"]),
        project_id=random.choice([None, "prj_1"]),
        model=random.choice(["fast", "gpt-4.1"]),
        provider=random.choice([None, "openai", "anthropic"]),
        served_model=random.choice([None, "gpt-4.1"]),
        outcome=outcome,
        cache=random.choice(["hit", "miss", "bypass"]),
        test=random.random() < 0.1,
        tags=random.choice([(), ("blue",), ("blue", "green")]),
        prompt_tokens=random.randrange(1000),
        completion_tokens=random.choice([0, random.randrange(1000)]),
        cached_tokens=random.randrange(100),
        cache_write_tokens=random.randrange(100),
        reasoning_tokens=random.randrange(100),
        cost_nanos=random.choice([None, random.randrange(10**12)]),
        charge_nanos=random.choice([None, random.randrange(10**12)]),
        list_cost_nanos=random.choice([None, random.randrange(10**12)]),
        usage_source=random.choice([UsageSource.PROVIDER, UsageSource.ESTIMATED]),
        duration_ms=int(10 ** random.uniform(0, 5.7)),
        first_token_ms=random.choice([None, int(10 ** random.uniform(0, 4))]),
    )


async def roll_up(worker: Database) -> None:
    """Merge until nothing is pending."""
    while await rollups.roll_up_next(worker):
        pass


async def sums(admin: Database, table: str) -> list[dict[str, Any]]:
    """All rows of a table of sums, in their order."""
    async with admin.transaction() as tx:
        query = text(f"SELECT * FROM {table} WHERE requests <> 0 ORDER BY org_id, time, facets")
        return [dict(row) for row in (await tx.execute(query)).mappings()]


async def pending(admin: Database) -> int:
    """How many changes are not merged yet."""
    async with admin.transaction() as tx:
        return await tx.scalar(text("SELECT count(*) FROM usage_pending")) or 0


def added(events: Sequence[UsageEvent], name: str) -> int:
    """The sum of a field over events; null is nothing."""
    return sum(getattr(one, name) or 0 for one in events)


def batched(events: Sequence[UsageEvent], size: int) -> list[Sequence[UsageEvent]]:
    """The events in their order, so many at a time."""
    return [events[start : start + size] for start in range(0, len(events), size)]
