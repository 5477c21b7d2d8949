"""A Store in Redis or Valkey, shared by all processes: each call one script, the calls of one turn of the loop one pipeline.

Keys of one organisation share what stands in braces, so a cluster keeps them on one node. Numbers in scripts are doubles: they are
capped below 2^53 and written with %.0f. Counters carry the server's run id in their names: after a restart all of them are
unknown, whatever the server still remembers.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any, Final, cast

import redis.asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from llmgateway.kit.clock import Clock
from llmgateway.kit.store import CEILING, LEASE_SECONDS, Claim, Counter, Gauge, Reading, Verdict, Window

_CONNECTIONS: Final = 16
_PIPELINES: Final = 4
_TICKET_SECONDS: Final = 86_400
_REPLICAS: Final = "replicas"


class StoreDown(Exception):
    """Redis did not answer in time, or said something that cannot be used."""


class RedisStore:
    """See Store. Every call raises StoreDown when Redis cannot be asked."""

    def __init__(self, url: str, *, seconds: float, prefix: str = "lgw:", clock: Clock | None = None) -> None:
        """`seconds` is the deadline of a call; a clock replaces the server's own time, for tests."""
        self._redis: Any = _client(url, seconds)  # its own types know no keywords
        self._seconds = seconds
        self._prefix = prefix
        self._clock = clock
        self._asking = asyncio.Lock()
        self._epoch: str | None = None
        """The server's run id; None when it must be asked again."""
        self._scripts = {name: _source(name) for name in ("admit", "settle", "seed")}
        self._shas = dict[str, str]()
        self._waiting = list[tuple[str, list[str], list[str], asyncio.Future[Any]]]()
        self._tickets = dict[str, str]()
        """Ticket -> its key, until it is settled."""
        self._open = dict[str, dict[str, list[str]]]()
        """Lease -> ticket -> its gauges, to be kept alive."""
        self._flushing = set[asyncio.Task[None]]()
        self.replicas = 1
        """Processes that were heard of at the last beat."""

    async def admit(self, ticket: str, lease: str, claims: Sequence[Claim]) -> Verdict:
        epoch = await self._server()
        asked = [self._claim(claim, epoch) for claim in claims]
        ticket_key = self._ticket_key(ticket, [claim.key for claim in claims])
        keys = [ticket_key, *(key for key, _ in asked)]
        given = [
            self._now(),
            str(LEASE_SECONDS * 1000),
            str(_TICKET_SECONDS),
            ticket,
            *(part for _, parts in asked for part in parts),
        ]
        answer: list[Any] = await self._run("admit", keys, given)
        verdict = _verdict(answer, claims)
        gauges = [key for claim, (key, _) in zip(claims, asked, strict=True) if isinstance(claim, Gauge)]
        if verdict.admitted:
            self._tickets[ticket] = ticket_key
        if verdict.admitted and gauges:
            self._open.setdefault(lease, {})[ticket] = gauges
        return verdict

    async def settle(self, ticket: str, truths: Mapping[str, int]) -> bool:
        for held in self._open.values():
            held.pop(ticket, None)
        epoch = await self._server()
        keys = [self._tickets.get(ticket) or self._ticket_key(ticket, list(truths))]
        given = [self._now(), ticket, self._prefix, epoch]
        given += [part for key, truth in truths.items() for part in (key, f"{min(max(truth, 0), CEILING):d}")]
        settled = bool(await self._run("settle", keys, given))
        self._tickets.pop(ticket, None)
        return settled

    async def seed(self, counters: Mapping[str, int], lifetime: int) -> None:
        epoch = await self._server()
        for key, value in counters.items():
            name = f"{self._prefix}{key}@{epoch}"
            await self._run("seed", [name], [f"{min(max(value, 0), CEILING):d}", str(lifetime)])

    async def beat(self, lease: str) -> None:
        """The lease's process lives, and so does what it holds."""
        now = await self._millis()
        try:
            async with asyncio.timeout(self._seconds * 4):
                pipe = self._redis.pipeline(transaction=False)
                for ticket, gauges in list(self._open.get(lease, {}).items()):
                    for gauge in gauges:
                        pipe.zadd(gauge, {ticket: now + LEASE_SECONDS * 1000}, xx=True)
                        pipe.expire(gauge, LEASE_SECONDS * 2)
                pipe.zadd(self._prefix + _REPLICAS, {lease: now + LEASE_SECONDS * 1000})
                pipe.zremrangebyscore(self._prefix + _REPLICAS, "-inf", now)
                pipe.zcard(self._prefix + _REPLICAS)
                answers: list[Any] = await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            raise self._down(error) from error
        self.replicas = max(1, int(answers[-1]))

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.gather(*self._flushing, return_exceptions=True)
        await self._redis.aclose()

    async def facts(self) -> Mapping[str, str]:
        """What an operator must know of the server: its eviction policy and whether it keeps an append-only file."""
        facts = dict[str, str]()
        for name in ("maxmemory-policy", "appendonly"):
            try:
                async with asyncio.timeout(self._seconds * 20):
                    found: Mapping[str, str] = await self._redis.config_get(name)
            except (RedisError, OSError, TimeoutError):
                continue  # a managed server may not tell
            facts |= found
        return facts

    async def ping(self) -> None:
        """Raises StoreDown."""
        self._epoch = None
        await self._server()

    def _claim(self, claim: Claim, epoch: str) -> tuple[str, list[str]]:
        key = self._prefix + claim.key
        if isinstance(claim, Window):
            return key, [
                "w",
                f"{claim.limit:d}",
                f"{claim.cost:d}",
                f"{claim.stretch:d}",
                f"{claim.seconds * 1000:d}",
                claim.key,
            ]
        if isinstance(claim, Gauge):
            return key, ["g", f"{claim.limit:d}", f"{claim.cost:d}", "0", "0", claim.key]
        return f"{key}@{epoch}", ["c", f"{claim.limit:d}", f"{claim.cost:d}", f"{claim.stretch:d}", "0", claim.key]

    def _ticket_key(self, ticket: str, names: Sequence[str]) -> str:
        """Beside the ticket's claims: what they have in braces keeps them on one node of a cluster."""
        first = next((name for name in names if name.startswith("{")), "")
        return f"{self._prefix}{first[: first.find('}') + 1]}ticket:{ticket}"

    def _now(self) -> str:
        return "" if self._clock is None else f"{int(self._clock.now().timestamp() * 1000):d}"

    async def _millis(self) -> int:
        if self._clock is not None:
            return int(self._clock.now().timestamp() * 1000)
        try:
            async with asyncio.timeout(self._seconds):
                seconds, micros = await self._redis.time()
        except (RedisError, OSError, TimeoutError) as error:
            raise self._down(error) from error
        return seconds * 1000 + micros // 1000

    async def _server(self) -> str:
        """The server's run id, asked after every connection that was lost. Raises StoreDown."""
        if self._epoch is not None:
            return self._epoch
        async with self._asking:
            if self._epoch is not None:  # somebody else asked meanwhile
                return self._epoch
            try:
                async with asyncio.timeout(self._seconds * 4):
                    info: Mapping[str, Any] = await self._redis.info("server")
                    for name, source in self._scripts.items():
                        self._shas[name] = str(await self._redis.script_load(source))
            except (RedisError, OSError, TimeoutError) as error:
                raise self._down(error) from error
            epoch = self._epoch = str(info["run_id"])[:12]
            return epoch

    def _down(self, error: BaseException) -> StoreDown:
        self._epoch = None
        return StoreDown(str(error) or type(error).__name__)

    async def _run(self, name: str, keys: list[str], given: list[str]) -> Any:
        """One script, in the pipeline of this turn of the loop. Raises StoreDown."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((name, keys, given, future))
        if len(self._waiting) == 1 and len(self._flushing) < _PIPELINES:
            loop.call_soon(self._flush)
        try:
            async with asyncio.timeout(self._seconds):
                return await future
        except TimeoutError as error:
            raise self._down(error) from error

    def _flush(self) -> None:
        """Send what waits. While so many pipelines are under way, calls gather for the next."""
        if not self._waiting or len(self._flushing) >= _PIPELINES:
            return
        batch, self._waiting = self._waiting, []
        task = asyncio.ensure_future(self._send(batch))
        self._flushing.add(task)
        task.add_done_callback(self._flushed)

    def _flushed(self, task: asyncio.Task[None]) -> None:
        self._flushing.discard(task)
        self._flush()

    async def _send(self, batch: Sequence[tuple[str, list[str], list[str], asyncio.Future[Any]]]) -> None:
        pipe = self._redis.pipeline(transaction=False)
        for name, keys, given, _ in batch:
            pipe.evalsha(self._shas[name], len(keys), *keys, *given)
        try:
            async with asyncio.timeout(self._seconds * 2):
                answers: list[Any] = await pipe.execute(raise_on_error=False)
        except (RedisError, OSError, TimeoutError) as error:
            answers = [error] * len(batch)
        for (_, _, _, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(self._down(answer))
            else:
                future.set_result(answer)


def _client(url: str, seconds: float) -> Any:
    connect = cast("Callable[..., Any]", aioredis.Redis.from_url)
    return connect(
        url,
        max_connections=_CONNECTIONS,
        socket_connect_timeout=max(seconds * 4, 0.2),
        socket_timeout=max(seconds * 4, 0.2),
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )


def _source(name: str) -> str:
    return files("llmgateway.kit").joinpath(f"redis_{name}.lua").read_text("utf-8")


def _verdict(answer: Sequence[Any], claims: Sequence[Claim]) -> Verdict:
    admitted, now, *rest = answer
    readings, refused, unknown = list[Reading](), list[int](), list[str]()
    for place, claim in enumerate(claims):
        used, reserved, current, previous, flag = rest[place * 5 : place * 5 + 5]
        readings.append(Reading(int(used), int(reserved), int(current), int(previous)))
        if flag == "refused":
            refused.append(place)
        elif flag == "unknown":
            unknown.append(claim.key)
            if isinstance(claim, Counter) and claim.cost > claim.limit:
                refused.append(place)
    return Verdict(admitted == "1", int(now) / 1000, tuple(readings), tuple(refused), tuple(unknown))
