"""A Store in Redis or Valkey, shared by all processes: each call one script, several calls one pipeline.

Keys of one organisation share what stands in braces, so a cluster keeps them on one node. Numbers in scripts are doubles: they are
capped below 2^53 and written with %.0f. Counters and tickets carry the server's run id in their names: after a restart all of
them are unknown, whatever the server still remembers; scripts carry it too, so that none runs on another server unnoticed.
"""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

import msgspec
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ReadOnlyError, ResponseError

from llmgateway.kit.clock import Clock
from llmgateway.kit.redis_claims import (
    HeldClaim,
    HeldTicket,
    held_anew,
    kept_alive,
    near_of,
    script,
    verdict_of,
    written,
)
from llmgateway.kit.redis_pipelines import Pipelines
from llmgateway.kit.redis_server import Birth, RedisServer, StoreDamaged, StoreDown
from llmgateway.kit.store import (
    CEILING,
    LEASE_SECONDS,
    STORING_SECONDS,
    Claim,
    Counter,
    Gauge,
    Verdict,
    beginnings_of,
)

_TICKET_SECONDS: Final = "86400"
_LEASE_MILLIS: Final = f"{LEASE_SECONDS * 1000:d}"
_STORING_MILLIS: Final = f"{STORING_SECONDS * 1000:.0f}"
_REPLICAS: Final = "replicas"
_LAGGING: Final = "lagging"
_LAG_SECONDS: Final = 3
_STORED: Final = "stored"
_RECOVERY_MILLIS: Final = 900_000
"""After counts were lost: until every request of before has ended."""
_PATIENCE: Final = 10
_TOGETHER: Final = 100
"""Tickets that are held again or kept alive by one pipeline: all others wait for it, and it has a deadline of its own."""
_DAMAGES: Final = ("WRONGTYPE", "ERR", "user_script")
"""What errors of a script begin with that found something else than it wrote."""
_LOSSES: Final = (RedisConnectionError, NoScriptError, ReadOnlyError)


class _Lost(StoreDown):
    """The connection was lost, or the server is another one than before: its scripts are not there.

    The same ticket asked once more reserves, or settles, nothing twice, even where the script had run.
    """


class RedisStore:
    """See Store. Every call raises StoreDown when Redis cannot be asked."""

    def __init__(
        self,
        url: str,
        *,
        seconds: float,
        prefix: str = "lgw:",
        clock: Clock | None = None,
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        """`seconds` is the deadline of a call; a clock replaces the server's own time, for tests.

        `lost` hears whenever the server turns out to have lost its counts: by a restart, or by a flush.
        """
        self._server = RedisServer(
            url,
            {name: script(name) for name in ("admit", "settle", "also", "seed", "hold")},
            seconds=seconds,
            prefix=prefix,
            clock=clock,
            lost=lost,
        )
        self._pipelines = Pipelines(self._server, seconds, self._failure)
        self._prefix = prefix
        self._tickets: dict[str, str] = {}
        """Ticket -> its key, until it is settled."""
        self._open: dict[str, dict[str, HeldTicket]] = {}
        """Lease -> its tickets that hold gauges or counters, to be kept alive."""
        self.replicas = 1
        """Processes that were heard of at the last beat."""
        self._held_since: Birth | None = None
        """The birth of the server that holds all that runs here."""
        self._witnesses = 0
        """Of them, how many must have stored what they counted before a loss; none for a store that never beat."""

    async def admit(self, ticket: str, lease: str, claims: Sequence[Claim]) -> Verdict:
        try:
            return await self._admit(ticket, lease, claims)
        except _Lost:
            return await self._admit(ticket, lease, claims)

    async def _admit(self, ticket: str, lease: str, claims: Sequence[Claim]) -> Verdict:
        epoch = await self._server.epoch()
        near = near_of(claim.key for claim in claims)
        ticket_key, index = self._ticket_key(ticket, near, epoch), self._index(near)
        keys, counts, lives = [ticket_key, index], False, False
        for claim in claims:
            key = self._prefix + claim.key
            if isinstance(claim, Counter):
                counts, key = True, f"{key}@{epoch}"
            elif isinstance(claim, Gauge):
                lives = True
            keys.append(key)
        given = (self._server.told_time, _LEASE_MILLIS, _TICKET_SECONDS, ticket, written(claims))
        answer = await self._pipelines.call("admit", keys, given)
        try:
            verdict = verdict_of(answer, claims)
        except msgspec.MsgspecError as error:
            raise self._server.down(error) from error
        if verdict.admitted:
            self._tickets[ticket] = near
            if lives or counts:
                held = HeldTicket(ticket_key, index if counts else None, claims, verdict.readings)
                self._open.setdefault(lease, {})[ticket] = held
        return verdict

    async def settle(self, ticket: str, truths: Mapping[str, int], ago: float = 0.0) -> bool:
        try:
            return await self._settle(ticket, truths, ago)
        except _Lost:
            return await self._settle(ticket, truths, ago)

    async def _settle(self, ticket: str, truths: Mapping[str, int], ago: float) -> bool:
        for held in self._open.values():
            held.pop(ticket, None)
        epoch = await self._server.epoch()
        near = self._tickets.get(ticket)
        near = near_of(truths) if near is None else near
        given = (
            self._server.told_time,
            ticket,
            self._prefix,
            epoch,
            f"{ago * 1000:.0f}",
            _STORING_MILLIS,
            written(truths),
        )
        settled = bool(
            await self._pipelines.call("settle", [self._ticket_key(ticket, near, epoch), self._index(near)], given)
        )
        self._tickets.pop(ticket, None)
        return settled

    def holds(self, ticket: str) -> bool:
        return ticket in self._tickets

    async def count_also(self, ticket: str, truths: Mapping[str, int], held: Sequence[str], ago: float = 0.0) -> None:
        epoch = await self._server.epoch()
        keys = [f"{self._ticket_key(ticket, near_of(truths), epoch)}:also", *map(self._newest, truths)]
        told = (self._server.told_time, f"{ago * 1000:.0f}", self._prefix, epoch)
        await self._pipelines.call("also", keys, (*told, written([*truths.values()]), written(held)))

    async def names(self, ticket: str, near: str) -> Sequence[str]:
        """What an open ticket holds, by the names of its claims. Raises StoreDown."""
        epoch = await self._server.epoch()
        [held] = await self._server.ask([("HGET", self._ticket_key(ticket, near, epoch), "held")])
        return [] if held is None else [name for _, name, _, _ in msgspec.json.decode(held, type=list[HeldClaim])]

    async def newest(self, beginnings: Sequence[str]) -> Sequence[str]:
        """Raises StoreDown."""
        found = await self._server.ask([("GET", self._newest(beginning)) for beginning in beginnings])
        return [name for name in found if name is not None]

    async def reading_time(self) -> float:
        """Raises StoreDown, also until every process has stored what it counted before counts were lost."""
        born = (await self._server.meet()).millis
        early = born + STORING_SECONDS * 1000 - await self._server.millis()
        if early > 0:
            await asyncio.sleep(early / 1000)
        for _ in range(_PATIENCE):
            now = await self._server.millis()
            until = now if now - born < _RECOVERY_MILLIS else born
            lagging, stored = await self._said(until, born)
            if not lagging and stored >= self._witnesses:
                return now / 1000
            await asyncio.sleep(STORING_SECONDS / _PATIENCE)
        raise StoreDown("a process has not stored yet what it counted")

    async def seed(self, counters: Mapping[str, int], lifetime: int, read_at: float = 0.0) -> None:
        epoch = await self._server.epoch()
        for key, value in counters.items():
            counter, index = f"{self._prefix}{key}@{epoch}", self._index(near_of([key]))
            keys = [counter, index, *map(self._newest, beginnings_of(key))]
            given = (f"{min(max(value, 0), CEILING):d}", str(lifetime), f"{read_at * 1000:.0f}", key)
            await self._pipelines.call("seed", keys, given)

    async def lag(self, lease: str, seconds: float) -> None:
        """Raises StoreDown."""
        asked = time.monotonic()
        birth, now = await self._server.meet(), await self._server.millis()
        if birth != self._held_since:
            await self._hold_again(birth.epoch)
            self._held_since = birth
        since = now - math.ceil((seconds + time.monotonic() - asked) * 1000)
        names = {name: self._prefix + name for name in (_STORED, _LAGGING)}
        calls = [("ZADD", names[_STORED], str(since), lease)]
        if seconds > STORING_SECONDS / 2:
            calls += [("ZADD", names[_LAGGING], str(since), lease), ("EXPIRE", names[_LAGGING], str(_LAG_SECONDS))]
        else:
            calls += [("ZREM", names[_LAGGING], lease)]
        await self._server.ask(calls)

    async def _hold_again(self, epoch: str) -> None:
        """What runs here still holds what it reserved, also of a server that lost it: before anybody reads what was spent."""
        running = [(lease, ticket) for lease, tickets in self._open.items() for ticket in tickets]
        for place in range(0, len(running), _TOGETHER):
            again: list[Coroutine[Any, Any, object]] = []
            for lease, ticket in running[place : place + _TOGETHER]:
                held = self._open[lease].get(ticket)
                if held is not None:  # it may have ended meanwhile
                    near = self._tickets[ticket]
                    key, listed = self._ticket_key(ticket, near, epoch), self._index(near)
                    self._open[lease][ticket] = held._replace(key=key, listed=held.listed and listed)
                    claims = written(held_anew(held, self._prefix, epoch))
                    given = (self._server.told_time, _LEASE_MILLIS, _TICKET_SECONDS, ticket, claims)
                    again.append(self._pipelines.call("hold", [key, listed], given))
            await asyncio.gather(*again)

    async def _said(self, until: int, born: int) -> tuple[int, int]:
        """Processes with something unstored from before `until`, and those that stored all from before `born`. Raises StoreDown."""
        calls = [
            ("ZCOUNT", self._prefix + _LAGGING, "-inf", str(until)),
            ("ZCOUNT", self._prefix + _STORED, str(born), "+inf"),
        ]
        lagging, stored = await self._server.ask(calls)
        return int(lagging), int(stored)

    async def beat(self, lease: str) -> None:
        """The lease's process lives, and so does what it holds."""
        born = (await self._server.meet()).millis
        now = await self._server.millis()
        dead, running = str(now + LEASE_SECONDS * 1000), list(self._open.get(lease, {}).items())
        for place in range(0, len(running), _TOGETHER):
            some = running[place : place + _TOGETHER]
            await self._server.ask([call for one in some for call in kept_alive(*one, self._prefix, dead)])
        answers = await self._server.ask(
            [
                ("ZADD", self._prefix + _REPLICAS, dead, lease),
                ("ZREMRANGEBYSCORE", self._prefix + _REPLICAS, "-inf", str(now)),
                ("ZREMRANGEBYSCORE", self._prefix + _STORED, "-inf", str(now - _RECOVERY_MILLIS)),
                ("ZCARD", self._prefix + _REPLICAS),
            ]
        )
        # Just after counts were lost not all have been heard of again.
        before = self.replicas if now - born < LEASE_SECONDS * 1000 else 1
        self.replicas = self._witnesses = max(before, int(answers[-1]))

    async def close(self) -> None:
        """Close the connections."""
        await self._pipelines.finish()
        await self._server.close()

    async def facts(self) -> Mapping[str, str]:
        """What an operator must know of the server: see redis_wire."""
        return await self._server.facts()

    async def ping(self) -> None:
        """Raises StoreDown."""
        await self._server.meet()

    def _ticket_key(self, ticket: str, near: str, epoch: str) -> str:
        """Beside the ticket's claims: what they have in braces keeps them on one node of a cluster."""
        return f"{self._prefix}{near}ticket:{ticket}@{epoch}"

    def _index(self, near: str) -> str:
        """Where open tickets that hold counters are listed, by when their process is dead."""
        return f"{self._prefix}{near}open"

    def _newest(self, beginning: str) -> str:
        """Where the newest counter is told whose name begins so."""
        return f"{self._prefix}{beginning}:newest"

    def _failure(self, keys: Sequence[str], error: Exception) -> StoreDown:
        if type(error) is ResponseError and str(error).startswith(_DAMAGES):
            return StoreDamaged(f"{error}; its keys: {', '.join(keys)}")
        down = self._server.down(error)
        return _Lost(*down.args) if isinstance(error, _LOSSES) else down
