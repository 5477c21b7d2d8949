"""Counters that the store does not know are unknown, not zero: they get their value from the events, before they admit."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from llmgateway.contract.channels import CounterSource, Spent
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.dataplane.scopes import Held
from llmgateway.kit.clock import Clock
from llmgateway.kit.store import Store

_LIFETIME: Final = 40 * 86_400
"""Seconds a counter is remembered: longer than any period but the whole; that one is seeded again."""


class Seeder:
    """Asks the control plane what was spent, after this process's own journal is in the database."""

    def __init__(self, source: CounterSource, store: Store, flush: Callable[[], Awaitable[bool]], clock: Clock) -> None:
        """`flush` ships the journal, and says whether all of it was."""
        self._source = source
        self._store = store
        self._flush = flush
        self._clock = clock

    async def seed(self, key: KeySnapshot, unknown: Iterable[str], held: Iterable[Held]) -> None:
        """Give the unknown counters their value. Raises SourceUnavailable and MoneyUnknown."""
        missing = set(unknown)
        await self._flush()
        quota = key.org.quota
        start = (
            quota.period_start if quota else self._clock.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        )
        spent = await self._source.spent(key.org.id, start)
        values = {one.claim.key: _value(one, key, spent) for one in held if one.claim.key in missing}
        await self._store.seed(values, _LIFETIME)


def _value(held: Held, key: KeySnapshot, spent: Iterable[Spent]) -> int:
    """The sum over the keys that the counter is about."""
    if held.sort == "quota_requests":
        return sum(one.period_requests for one in spent)
    if held.sort == "quota_tokens":
        return sum(one.period_tokens for one in spent)
    if held.whose == "This key":
        mine = [one for one in spent if one.key_id == key.id]
    elif held.whose == "This organisation":
        mine = list(spent)
    else:
        mine = [one for one in spent if one.project_id == key.project_id]
    periods = {"a day": "day_nanos", "a month": "month_nanos", "in all": "total_nanos"}
    return sum(int(getattr(one, periods[held.span])) for one in mine)
