"""What keys spent: the same from sums as from events, whatever is merged and wherever a billing period begins."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest

from llmgateway.contract.channels import Spent
from llmgateway.contract.usage import Outcome, UsageEvent
from llmgateway.controlplane.usage import rollups
from llmgateway.controlplane.usage.exact_sums import ExactSums, exact_sums
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from tests.controlplane.sums import START, added, batched, made

DAY = timedelta(days=1)


def of_events(events: list[UsageEvent], start: datetime, now: datetime) -> dict[tuple[str, str | None], Spent]:
    """As the events say it."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    sums = defaultdict[tuple[str, str | None], list[int]](lambda: [0] * 6)
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
            one.charge_nanos or 0,
        )
        mine = sums[one.key_id, one.project_id]
        mine[:] = [old + new for old, new in zip(mine, parts, strict=True)]
    names = ("day_nanos", "month_nanos", "total_nanos", "period_requests", "period_tokens", "charged_nanos")
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
    spent = await store.spent("org_1", start, datetime.now(UTC))
    assert {(one.key_id, one.project_id): one for one in spent} == of_events(events, start, datetime.now(UTC))
    await worker.close()


async def test_absurd_figures_are_as_much_as_a_counter_can_say(data: Database) -> None:
    now, store = datetime.now(UTC), UsageStore(data)
    for _ in range(2):
        rich = msgspec.structs.replace(made(Random(1), moment=now), cost_nanos=2**63 - 1, test=False)
        await store.insert([rich])
    spent = await store.spent("org_1", now - DAY, now)
    assert [one.total_nanos for one in spent] == [2**63 - 1]


@pytest.mark.parametrize("seed", range(12))
async def test_what_was_used_between_any_two_moments(
    admin: Database, data: Database, database_url: str, seed: int
) -> None:
    random, store, worker = Random(seed), UsageStore(data), Database(database_url, Role.WORKER)
    events = [made(random, random.choice(["org_1", "org_2"])) for _ in range(200)]
    await store.insert(events[:150])
    await rollups.roll_up_next(worker)
    await store.insert(events[150:])
    since = START + timedelta(seconds=random.choice([0, 3600 * 7, random.randrange(86_400 * 3)]))
    until = since + timedelta(seconds=random.choice([60, 3_600, 7_000, 86_400, random.randrange(86_400 * 3)]))
    for org in ("org_1", None):
        async with admin.transaction() as tx:
            found = await exact_sums(tx, org, since, until)
        mine = [one for one in events if since <= one.created_at < until and not one.test and org in {None, one.org_id}]
        counting = [one for one in mine if one.cache != "hit"]
        tokens = {one.id: one.prompt_tokens + one.completion_tokens for one in mine}
        assert found == ExactSums(
            requests=len(mine),
            tokens=sum(tokens.values()),
            cost=added(mine, "cost_nanos"),
            charge=added(mine, "charge_nanos"),
            counted_requests=sum(one.outcome is Outcome.FINISHED or tokens[one.id] > 0 for one in counting),
            counted_tokens=sum(tokens[one.id] for one in counting),
        )
    await worker.close()
