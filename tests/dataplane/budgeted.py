"""Keys with budgets and quotas for tests, and what the control plane says was spent of them."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from llmgateway.contract.channels import SourceUnavailable, Spent
from llmgateway.contract.snapshot import Budget, KeySnapshot, OrgSnapshot, Quota
from llmgateway.contract.usage import UsageEvent
from llmgateway.dataplane.admit.limits import Limiter, Ticket
from llmgateway.dataplane.admit.seeding import Seeder
from llmgateway.kit.clock import ManualClock
from llmgateway.kit.memory_store import MemoryStore
from tests.dataplane.usage_records import event

START = datetime(2026, 11, 5, 12, tzinfo=UTC)
DOLLAR = 10**9
QUOTA = Quota(
    requests=3,
    tokens=1_000,
    period_start=datetime(2026, 11, 1, tzinfo=UTC),
    period_end=datetime(2026, 12, 1, tzinfo=UTC),
)


class Ledger:
    """A CounterSource that answers what a test says was spent, or that it cannot be asked."""

    def __init__(self, *spent: Spent) -> None:
        self.rows = spent
        self.down = False
        self.asked = 0
        self.moments = list[datetime]()

    async def spent(self, org_id: str, period_start: datetime, moment: datetime) -> Sequence[Spent]:
        self.asked += 1
        self.moments.append(moment)
        if self.down:
            raise SourceUnavailable("down")
        assert org_id == "org_1"
        return self.rows


def spent(
    key: str, nanos: int = 0, *, project: str | None = None, requests: int = 0, tokens: int = 0, charged: int = 0
) -> Spent:
    """What a key spent of every period."""
    return Spent(
        key_id=key,
        project_id=project,
        day_nanos=nanos,
        month_nanos=nanos,
        total_nanos=nanos,
        period_requests=requests,
        period_tokens=tokens,
        charged_nanos=charged,
    )


def cost(ticket: Ticket, nanos: int) -> UsageEvent:
    """The event of a request that cost so much."""
    return msgspec.structs.replace(event(), id=ticket.id, created_at=START, cost_nanos=nanos)


async def over(limiter: Limiter, ticket: Ticket, nanos: int) -> None:
    """A request that cost so much is over, and in the database."""
    ended = cost(ticket, nanos)
    await limiter.end(ticket, ended)
    await limiter.stored(ended)


def limiter_over(ledger: Ledger, clock: ManualClock | None = None) -> Limiter:
    """A limiter in memory whose counters are seeded from the ledger."""
    clock = clock or ManualClock(START)
    store = MemoryStore(clock)

    async def shipped() -> bool:
        return True

    return Limiter(store, clock, Seeder(ledger, store, shipped))


def key(
    *budgets: Budget,
    quota: Quota | None = None,
    org: tuple[Budget, ...] = (),
    test: bool = False,
    charge_limit: int | None = None,
    charged: bool = False,
) -> KeySnapshot:
    """A key with these budgets; `org` are its organisation's."""
    organisation = OrgSnapshot(
        id="org_1", slug="a", plan="free", quota=quota, budgets=org, charge_limit=charge_limit, charged=charged
    )
    return KeySnapshot(id="key_1", name="k", org=organisation, budgets=budgets, test=test)
