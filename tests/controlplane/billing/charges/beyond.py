"""Use beyond a plan for tests: requests that begin now and are known of when the test says so, and what they were charged."""

from typing import Any

from llmgateway.contract.snapshot import Quota
from llmgateway.contract.usage import UsageEvent
from llmgateway.controlplane.keys.source import KeySource
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.session import Database
from tests.controlplane.billing.bookkeeping import charged
from tests.controlplane.billing.shop import Shop
from tests.controlplane.records import PEPPER, SECRET


def begun(shop: Shop, org: str, tokens: int, **changes: Any) -> UsageEvent:
    """A request that began a second after what was before, and a second before what comes now; not stored yet."""
    shop.clock.advance(1)
    event = charged(0, shop.clock.now(), org, prompt_tokens=tokens, completion_tokens=0, **changes)
    shop.clock.advance(1)
    return event


async def use(shop: Shop, data: Database, org: str, tokens: int, **changes: Any) -> None:
    """A request of so many tokens that is known of at once."""
    await UsageStore(data).insert([begun(shop, org, tokens, **changes)])


async def quota_of(shop: Shop, data: Database, org: str) -> Quota:
    """As the data plane is told."""
    source = KeySource(data, PEPPER, shop.clock)
    if await source.key_snapshot(SECRET) is None:
        await shop.key(org)
    snapshot = await source.key_snapshot(SECRET)
    assert snapshot is not None
    assert snapshot.org.quota is not None
    return snapshot.org.quota


async def charges(shop: Shop, org: str) -> list[int]:
    """For use beyond the plan, in nanos."""
    query = (
        "SELECT -nanos FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting_id "
        "WHERE p.org_id = :o AND kind = 'overage' AND account = 'revenue' ORDER BY hour, reference"
    )
    return [int(str(nanos)) for nanos in await shop.api.rows(query, o=org)]
