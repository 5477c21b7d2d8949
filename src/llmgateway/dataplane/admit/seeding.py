"""Counters that the store does not know are unknown, not zero: they get their value from the events, before they admit."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from llmgateway.contract.channels import CounterSource, Spent
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.dataplane.admit.scopes import Held
from llmgateway.kit.resilient_store import MoneyUnknown
from llmgateway.kit.store import Store

_LIFETIME: Final = 40 * 86_400
"""Seconds a counter is remembered: longer than any period but the whole; that one is seeded again."""


class Seeder:
    """Asks the control plane what was spent, after this process's own journal is in the database."""

    def __init__(self, source: CounterSource, store: Store, flush: Callable[[], Awaitable[bool]]) -> None:
        """`flush` ships what this process's journal has by now, and says whether all of it was."""
        self._source = source
        self._store = store
        self._flush = flush
        self._reading: dict[tuple[str, datetime, str], asyncio.Task[tuple[float, Sequence[Spent]]]] = {}
        """Organisation, begin of its period and day -> what is being read of it; all who wait for it share it."""

    async def seed(self, key: KeySnapshot, unknown: Iterable[str], held: Iterable[Held], now: datetime) -> None:
        """Give the unknown counters, which are those of now, their value. Raises SourceUnavailable and MoneyUnknown."""
        missing = set(unknown)
        start = key.org.quota.period_start if key.org.quota else _month_of(now)
        which = (key.org.id, start, f"{now:%Y-%m-%d}")
        reading = self._reading.get(which)
        if reading is None:
            reading = self._reading[which] = asyncio.create_task(self._read(key.org.id, start, now))
            reading.add_done_callback(lambda _: self._reading.pop(which))
        read_at, spent = await asyncio.shield(reading)
        values = {one.claim.key: _value(one, key, spent) for one in held if one.claim.key in missing}
        await self._store.seed(values, _LIFETIME, read_at)

    async def _read(self, org_id: str, start: datetime, now: datetime) -> tuple[float, Sequence[Spent]]:
        read_at = await self._store.reading_time()
        if not await self._flush():
            raise MoneyUnknown("this process has not stored yet what it counted")
        return read_at, await self._source.spent(org_id, start, now)


def _month_of(now: datetime) -> datetime:
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _value(held: Held, key: KeySnapshot, spent: Iterable[Spent]) -> int:
    """The sum over the keys that the counter is about."""
    if held.sort == "charge":
        return sum(one.charged_nanos for one in spent)
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
