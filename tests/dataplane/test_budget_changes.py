"""What a key is held to changes at any moment, also while a request is being admitted."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import pytest

from llmgateway.contract.channels import KeyChanged, Spent
from llmgateway.contract.snapshot import Budget
from llmgateway.dataplane.admit.limits import Limiter
from llmgateway.dataplane.admit.scopes import Need
from llmgateway.errors import PaymentRequired
from llmgateway.kit.clock import ManualClock
from tests.dataplane.budgeted import DOLLAR, START, Ledger, key, limiter_over
from tests.dataplane.usage_records import event


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
    await limiter.end(
        await limiter.admit(after, "t2", Need(10, 10, 1, 1)),
        msgspec.structs.replace(event(), created_at=START, cost_nanos=1),
    )
    await limiter.end(runs, msgspec.structs.replace(event(), created_at=START, cost_nanos=DOLLAR))
    with pytest.raises(PaymentRequired) as caught:
        await limiter.admit(after, "t3", Need(10, 10, 1, 1))
    assert caught.value.code == "budget_exceeded"
