"""Gives counters that the store does not know their value. They are unknown, not zero: the database is asked what was spent."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from llmgateway.contract.channels import CounterSource, Spent
from llmgateway.contract.refusals import KEY, ORGANISATION, PERIODS
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.dataplane.admit.scopes import ScopedClaim
from llmgateway.kit.resilient_store import MoneyUnknown
from llmgateway.kit.store import Store

_LIFETIME: Final = 40 * 86_400
"""Seconds that the store keeps a counter: longer than a day or month. A counter of all time is seeded again."""


class Seeder:
    """Asks the control plane what was spent, after this process's own journal is in the database."""

    def __init__(self, source: CounterSource, store: Store, flush: Callable[[], Awaitable[bool]]) -> None:
        """`flush` stores what this process's journal holds by now, and says whether all of it was stored."""
        self._source = source
        self._store = store
        self._flush = flush
        self._reading: dict[tuple[str, datetime, str], asyncio.Task[tuple[float, Sequence[Spent]]]] = {}
        """(organisation, begin of its billing period, day) -> the reading under way; concurrent requests share it."""

    async def seed(
        self, key: KeySnapshot, unknown: Iterable[str], claims: Iterable[ScopedClaim], now: datetime
    ) -> None:
        """Give the unknown counters among the claims their value. Raises SourceUnavailable and MoneyUnknown."""
        missing = set(unknown)
        start = key.org.quota.period_start if key.org.quota else _month_of(now)
        which = (key.org.id, start, f"{now:%Y-%m-%d}")
        reading = self._reading.get(which)
        if reading is None:
            reading = self._reading[which] = asyncio.create_task(self._read(key.org.id, start, now))
            reading.add_done_callback(lambda _: self._reading.pop(which))
        read_at, spent = await asyncio.shield(reading)
        values = {one.claim.key: _value(one, key, spent) for one in claims if one.claim.key in missing}
        await self._store.seed(values, _LIFETIME, read_at)

    async def _read(self, org_id: str, start: datetime, now: datetime) -> tuple[float, Sequence[Spent]]:
        if not await self._flush():
            raise MoneyUnknown("this process has not stored yet what it counted")
        read_at = await self._store.reading_time()
        return read_at, await self._source.spent(org_id, start, now)


def _month_of(now: datetime) -> datetime:
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _value(claim: ScopedClaim, key: KeySnapshot, spent: Iterable[Spent]) -> int:
    """What the claim's counter has counted so far: a sum over the keys of its scope."""
    if claim.kind == "charge":
        return sum(one.charged_nanos for one in spent)
    if claim.kind == "quota_requests":
        return sum(one.period_requests for one in spent)
    if claim.kind == "quota_tokens":
        return sum(one.period_tokens for one in spent)
    if claim.whose == KEY:
        mine = [one for one in spent if one.key_id == key.id]
    elif claim.whose == ORGANISATION:
        mine = list(spent)
    else:
        mine = [one for one in spent if one.project_id == key.project_id]
    if claim.span == PERIODS["day"]:
        return sum(one.day_nanos for one in mine)
    if claim.span == PERIODS["month"]:
        return sum(one.month_nanos for one in mine)
    return sum(one.total_nanos for one in mine)
