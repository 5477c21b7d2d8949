"""What a key is held to changes at any moment, also while a request is being admitted."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import pytest

from llmgateway.contract.channels import KeyChanged, Spent
from llmgateway.contract.snapshot import Budget
from llmgateway.dataplane.admit.limits import Limiter, Ticket
from llmgateway.dataplane.admit.scopes import Need
from llmgateway.dataplane.admit.seeding import Seeder
from llmgateway.errors import PaymentRequired
from llmgateway.kit.clock import ManualClock
from llmgateway.kit.memory_store import MemoryStore
from tests.dataplane.budgeted import DOLLAR, START, Ledger, cost, key, limiter_over, over, spent


class _Changing(Ledger):
    """The key's budget is another one since the first time that it is asked for."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock
        self.limiter: Limiter | None = None

    async def spent(self, org_id: str, period_start: datetime, moment: datetime) -> Sequence[Spent]:
        limiter, self.limiter = self.limiter, None
        if limiter is not None:
            self._clock.advance(0.5)
            limiter.note(KeyChanged("key_1", None))
            self._clock.advance(0.5)
        return await super().spent(org_id, period_start, moment)


async def test_a_budget_that_changes_while_a_request_is_admitted_counts_that_request() -> None:
    clock = ManualClock(START)
    ledger = _Changing(clock)
    limiter = ledger.limiter = limiter_over(ledger, clock)
    before, after = key(Budget(nanos=9 * DOLLAR)), key(Budget(nanos=DOLLAR, epoch=1))
    runs = await limiter.admit(before, "t1", Need(10, 10, 1, 1))
    await over(limiter, await limiter.admit(after, "t2", Need(10, 10, 1, 1)), 1)
    await over(limiter, runs, DOLLAR)
    with pytest.raises(PaymentRequired) as caught:
        await limiter.admit(after, "t3", Need(10, 10, 1, 1))
    assert caught.value.code == "budget_exceeded"


class _Slow(Ledger):
    """What happens while it is read is not in it."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def spent(self, org_id: str, period_start: datetime, moment: datetime) -> Sequence[Spent]:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return await super().spent(org_id, period_start, moment)


async def test_what_is_stored_while_a_new_budget_is_first_read_counts_in_it() -> None:
    """It ran when the budget was set, or was over and on its way to the database."""
    clock, ledger = ManualClock(START), _Slow()
    limiter = limiter_over(ledger, clock)
    runs, ended = [await limiter.admit(key(), name, Need(10, 10)) for name in ("t1", "t2")]
    await limiter.end(ended, cost(ended, DOLLAR // 2))
    clock.advance(0.1)
    limiter.note(KeyChanged("key_1", None))

    async def meanwhile() -> None:
        await limiter.stored(cost(ended, DOLLAR // 2))
        await over(limiter, runs, DOLLAR // 4)

    ledger.meanwhile = meanwhile
    limited = key(Budget(nanos=DOLLAR))
    await over(limiter, await limiter.admit(limited, "t3", Need(10, 10, DOLLAR // 4, 0)), DOLLAR // 4)
    with pytest.raises(PaymentRequired, match="It is used up"):
        await limiter.admit(limited, "t4", Need(10, 10, 1, 1))


async def test_what_is_stored_before_a_new_budget_is_first_read_is_not_counted_twice() -> None:
    """The database is read only after what this process had counted is in it."""
    clock, ledger, ended = ManualClock(START), Ledger(spent("key_1", DOLLAR // 2)), list[Ticket]()
    store = MemoryStore(clock)

    async def flush() -> bool:
        for ticket in ended:
            await limiter.stored(cost(ticket, DOLLAR // 2))
        clock.advance(0.1)
        return True

    limiter = Limiter(store, clock, Seeder(ledger, store, flush))
    ended.append(await limiter.admit(key(), "t1", Need(10, 10)))
    await limiter.end(ended[0], cost(ended[0], DOLLAR // 2))
    limiter.note(KeyChanged("key_1", None))
    room = await limiter.admit(key(Budget(nanos=DOLLAR)), "t2", Need(10, 10, DOLLAR // 2, 0))
    assert room.held
