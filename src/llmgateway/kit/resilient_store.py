"""A shared store that may be away: limits go on here, more strictly; money and quota do not."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import msgspec
import structlog

from llmgateway.kit.clock import Clock
from llmgateway.kit.memory_store import MemoryStore
from llmgateway.kit.outage import Outage
from llmgateway.kit.redis_server import StoreDamaged, StoreDown
from llmgateway.kit.redis_store import RedisStore
from llmgateway.kit.store import Claim, Counter, Verdict

_SKIP_SECONDS: Final = 1.0
_OWED_SECONDS: Final = 0.5
_RELEASES: Final = 3
"""How often a ticket that nobody waits for is released: its admission may be read there after the first time."""
_MOST_DOUBTS: Final = 10_000
_TOLD_SECONDS: Final = 60.0


_log = structlog.get_logger(__name__)


class MoneyUnknown(Exception):
    """What was spent cannot be known now, so nothing more may be."""


class ResilientStore:
    """See Store. While Redis is away, windows and gauges count here, each process its share; counters raise MoneyUnknown."""

    def __init__(self, shared: RedisStore, clock: Clock, noted: Callable[[bool], None] = lambda _: None) -> None:
        """`noted` hears whether each admission was Redis's (True) or this process's own."""
        self._shared = shared
        self._own = MemoryStore(clock)
        self._clock = clock
        self._noted = noted
        self._outage = Outage(
            "Redis does not answer; limits count in this process", "Redis answers; limits count there"
        )
        self._skip_until = 0.0
        self._told_damage_at = -math.inf
        self._locally: set[str] = set()
        """Tickets that were admitted here."""
        self._owed: dict[str, tuple[Mapping[str, int], float]] = {}
        """Settlements that Redis has not heard of yet, and since when (monotonic) they are due."""
        self._doubted: dict[str, tuple[Mapping[str, int], int]] = {}
        """Tickets whose admission Redis did not answer and may still run: nothing of each claim, and releases left."""
        self._also: list[tuple[str, Mapping[str, int], Sequence[str], float]] = []
        """As `count_also`, of what Redis has not heard of yet; a second time changes nothing."""
        self._payer: asyncio.Task[None] | None = None

    @property
    def degraded(self) -> bool:
        """Whether Redis is left alone for the moment."""
        return self._clock.monotonic() < self._skip_until

    async def admit(self, ticket: str, lease: str, claims: Sequence[Claim]) -> Verdict:
        """Raises MoneyUnknown."""
        if not self.degraded:
            try:
                verdict = await self._shared.admit(ticket, lease, claims)
            except StoreDown as error:
                self._leave_alone(error)
                self._doubt(ticket, claims)
            except asyncio.CancelledError:  # it may have been admitted, and nobody will settle it
                self._doubt(ticket, claims)
                raise
            else:
                self._outage.is_over()
                self._noted(True)
                return verdict
        if any(isinstance(claim, Counter) for claim in claims):
            raise MoneyUnknown("the store that counts money does not answer")
        self._noted(False)
        shares = [msgspec.structs.replace(claim, limit=-(-claim.limit // self._shared.replicas)) for claim in claims]
        verdict = await self._own.admit(ticket, lease, shares)
        if verdict.admitted:
            self._locally.add(ticket)
        return verdict

    async def settle(self, ticket: str, truths: Mapping[str, int], ago: float = 0.0) -> bool:
        if ticket in self._locally:
            self._locally.discard(ticket)
            return await self._own.settle(ticket, truths)
        due = self._clock.monotonic() - ago
        if not self.degraded:
            try:
                return await self._shared.settle(ticket, truths, ago)
            except StoreDown as error:
                self._leave_alone(error)
            except asyncio.CancelledError:  # it may not have been sent; a second time changes nothing
                self._owe(ticket, truths, due)
                raise
        self._owe(ticket, truths, due)
        return True

    def holds(self, ticket: str) -> bool:
        return self._shared.holds(ticket) or ticket in self._owed or any(ticket == owed for owed, *_ in self._also)

    async def count_also(self, ticket: str, truths: Mapping[str, int], held: Sequence[str], ago: float = 0.0) -> None:
        due = self._clock.monotonic() - ago
        if not self.degraded:
            try:
                await self._shared.count_also(ticket, truths, held, ago)
            except StoreDown as error:
                self._leave_alone(error)
            except asyncio.CancelledError:
                self._owe_also(ticket, truths, held, due)
                raise
            else:
                return
        self._owe_also(ticket, truths, held, due)

    async def names(self, ticket: str, near: str) -> Sequence[str]:
        """Nothing while Redis is away."""
        try:
            return await self._shared.names(ticket, near)
        except StoreDown:
            return ()

    async def newest(self, beginnings: Sequence[str]) -> Sequence[str]:
        """Nothing while Redis is away."""
        try:
            return await self._shared.newest(beginnings)
        except StoreDown:
            return ()

    async def reading_time(self) -> float:
        """Raises MoneyUnknown."""
        try:
            return await self._shared.reading_time()
        except StoreDown as error:
            raise MoneyUnknown(str(error)) from error

    async def seed(self, counters: Mapping[str, int], lifetime: int, read_at: float = 0.0) -> None:
        """Raises MoneyUnknown."""
        try:
            await self._shared.seed(counters, lifetime, read_at)
        except StoreDown as error:
            self._leave_alone(error)
            raise MoneyUnknown("the store that counts money does not answer") from error

    async def lag(self, lease: str, seconds: float) -> None:
        if not self.degraded:
            try:
                await self._shared.lag(lease, seconds)
            except StoreDown as error:
                self._leave_alone(error)

    async def beat(self, lease: str) -> None:
        await self._own.beat(lease)
        if not self.degraded:
            try:
                await self._shared.beat(lease)
            except StoreDown as error:
                self._leave_alone(error)
            else:
                self._outage.is_over()

    async def probe(self) -> None:
        """Raises StoreDown when Redis does not answer."""
        await self._shared.ping()

    async def close(self) -> None:
        """Try once more to settle what is owed, and close."""
        if self._payer is not None:
            self._payer.cancel()
            await asyncio.gather(self._payer, return_exceptions=True)
        await self._pay_once()
        await self._shared.close()

    def _owe(self, ticket: str, truths: Mapping[str, int], due: float) -> None:
        self._owed[ticket] = truths, due
        self._pay_soon()

    def _owe_also(self, ticket: str, truths: Mapping[str, int], held: Sequence[str], due: float) -> None:
        self._also.append((ticket, truths, held, due))
        self._pay_soon()

    def _doubt(self, ticket: str, claims: Sequence[Claim]) -> None:
        if len(self._doubted) < _MOST_DOUBTS:
            self._doubted[ticket] = {claim.key: 0 for claim in claims}, _RELEASES
            self._pay_soon()

    def _pay_soon(self) -> None:
        if self._payer is None or self._payer.done():
            self._payer = asyncio.ensure_future(self._pay())

    async def _pay(self) -> None:
        """Settle what is owed and release what nobody waits for, until nothing is left."""
        while self._owed or self._also or self._doubted:
            await asyncio.sleep(_OWED_SECONDS)
            await self._pay_once()

    async def _pay_once(self) -> None:
        """What finds damage stays owed, and holds up nothing behind it."""
        try:
            await self._settle_owed()
            await self._count_owed()
            await self._release_doubted()
        except StoreDown:
            return

    async def _settle_owed(self) -> None:
        for ticket, (truths, due) in list(self._owed.items()):
            with suppress(StoreDamaged):
                await self._shared.settle(ticket, truths, self._clock.monotonic() - due)
                del self._owed[ticket]

    async def _count_owed(self) -> None:
        for owed in list(self._also):
            ticket, truths, held, due = owed
            with suppress(StoreDamaged):
                await self._shared.count_also(ticket, truths, held, self._clock.monotonic() - due)
                self._also.remove(owed)

    async def _release_doubted(self) -> None:
        for ticket, (nothing, releases) in list(self._doubted.items()):
            released = False
            with suppress(StoreDamaged):
                released = await self._shared.settle(ticket, nothing)
            self._doubted[ticket] = nothing, releases - 1
            if released or releases == 1:
                del self._doubted[ticket]

    def _leave_alone(self, error: StoreDown) -> None:
        """For a moment; not where it answers, and only what it holds of this one is damaged."""
        if isinstance(error, StoreDamaged):
            now = self._clock.monotonic()
            if now - self._told_damage_at >= _TOLD_SECONDS:
                self._told_damage_at = now
                _log.error(
                    "Redis holds what this gateway did not write; delete it, and it is counted anew", reason=str(error)
                )
            return
        self._outage.goes_on(error)
        self._skip_until = self._clock.monotonic() + _SKIP_SECONDS
