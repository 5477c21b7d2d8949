"""What keys spent: the same from sums as from events, whatever is merged and wherever a billing period begins."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest

from llmgateway.contract.channels import Spent
from llmgateway.contract.usage import Outcome, UsageEvent
from llmgateway.controlplane.usage import rollups
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from tests.controlplane.test_rollups import batched, made

DAY = timedelta(days=1)


def of_events(events: list[UsageEvent], start: datetime, now: datetime) -> dict[tuple[str, str | None], Spent]:
    """As the events say it."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    sums = defaultdict[tuple[str, str | None], list[int]](lambda: [0] * 5)
    for one in events:
        if one.test:
            continue
        cost, tokens = one.cost_nanos or 0, one.prompt_tokens + one.completion_tokens
        inside = one.created_at >= start and one.cache != "hit"
        served = inside and (one.outcome is Outcome.FINISHED or tokens > 0)
        parts = (
            cost if one.created_at >= today else 0,
            cost if one.created_at >= today.replace(day=1) else 0,
            cost,
            int(served),
            tokens if inside else 0,
        )
        mine = sums[one.key_id, one.project_id]
        mine[:] = [old + new for old, new in zip(mine, parts, strict=True)]
    names = ("day_nanos", "month_nanos", "total_nanos", "period_requests", "period_tokens")
    return {
        (key, project): Spent(key_id=key, project_id=project, **dict(zip(names, mine, strict=True)))
        for (key, project), mine in sums.items()
    }


@pytest.mark.parametrize(
    "back", [timedelta(0), timedelta(minutes=17), timedelta(hours=7, minutes=1), DAY * 9, DAY * 45]
)
async def test_sums_and_events_say_the_same(data: Database, database_url: str, back: timedelta) -> None:
    worker, store, random = Database(database_url, Role.WORKER), UsageStore(data), Random(4)
    now = datetime.now(UTC)
    moments = [now - timedelta(minutes=random.random() ** 4 * 86_400) for _ in range(300)]  # up to 60 days ago
    events = [made(random, moment=moment) for moment in moments]
    for number, batch in enumerate(batched(events, 100)):
        await store.insert([*batch, made(random, "org_of_others")])
        if number < 2:
            await rollups.roll_up_next(worker)
    start = (now - back).replace(hour=0, minute=0, second=0) if back == DAY * 9 else now - back
    spent = await store.spent("org_1", start)
    assert {(one.key_id, one.project_id): one for one in spent} == of_events(events, start, datetime.now(UTC))
    await worker.close()


async def test_absurd_figures_are_as_much_as_a_counter_can_say(data: Database) -> None:
    now, store = datetime.now(UTC), UsageStore(data)
    for _ in range(2):
        rich = msgspec.structs.replace(made(Random(1), moment=now), cost_nanos=2**63 - 1, test=False)
        await store.insert([rich])
    spent = await store.spent("org_1", now - DAY)
    assert [one.total_nanos for one in spent] == [2**63 - 1]
