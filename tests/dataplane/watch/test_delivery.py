"""When an answer leaves: before the store has heard of its end, where that can keep nobody out."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest

from llmgateway.canon.usage import Usage
from llmgateway.catalog.tokens import Tokenizer
from llmgateway.contract.snapshot import Limits
from llmgateway.dataplane.admit.limits import Limiter
from llmgateway.dataplane.admit.scopes import Need
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.observe.counting import Counting
from llmgateway.dataplane.observe.figures import FIGURES
from llmgateway.dataplane.observe.tracing import NO_TRACE
from llmgateway.dataplane.reply import Reply
from llmgateway.dataplane.watch.delivery import Audience, whole
from llmgateway.dataplane.watch.instruments import Instruments
from llmgateway.dataplane.watch.meter import Meter
from llmgateway.dataplane.watch.request_log import RequestLog
from llmgateway.kit.ids import new_id
from llmgateway.kit.memory_store import MemoryStore
from llmgateway.kit.metrics import Metrics
from llmgateway.providers.base import Answer
from tests.dataplane.routing import CATALOG, NOON, Routing, chat, key

NEED = Need(10, 100)


class FarAway(MemoryStore):
    """Hears of an end when it is let."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.told, self.let = asyncio.Event(), asyncio.Event()

    async def settle(self, ticket: str, truths: Mapping[str, int], ago: float = 0.0) -> bool:
        self.told.set()
        await self.let.wait()
        return await super().settle(ticket, truths, ago)


class Caller:
    """One request and what its caller was sent."""

    def __init__(self, limits: Limits) -> None:
        routing, nobody = Routing(), cast("Any", None)
        self.store = FarAway(routing.clock)
        self.sent: list[bytes] = []
        self.closed: list[str] = []
        instruments = Instruments(
            limiter=Limiter(self.store, routing.clock), recorder=cast("Any", self), catalog=CATALOG,
            tokenizer=Tokenizer(), clock=routing.clock, health=routing.health,
            counting=Counting(Metrics(FIGURES), CATALOG), request_log=RequestLog("none"), contents=nobody,
        )  # fmt: skip
        self.meter = Meter(instruments, NO_TRACE, new_id("req", NOON), key(limits=limits), ("chat", "openai"))

    def close(self, event: Any) -> None:
        """The journal's part."""
        self.closed.append(event.outcome)

    async def send(self, message: dict[str, Any]) -> None:
        """The server's part."""
        if "body" in message:
            self.sent.append(message["body"])

    async def answered(self, body: bytes) -> "asyncio.Task[None]":
        """The answer is on its way, and the store has been told of the end."""
        call = chat()
        self.meter.counts(call)
        await self.meter.admit(NEED)
        audience = Audience(call, OpenAIDialect(), self.meter, Reply(self.send, "req_1"))
        task = asyncio.create_task(whole(Answer(body={}, usage=Usage(10, 5), raw=body), audience))
        await asyncio.wait_for(self.store.told.wait(), 10)
        return task


@pytest.mark.parametrize(
    "limits",
    [
        Limits(requests_per_minute=17),
        Limits(tokens_per_minute=17 * 110),
        Limits(requests_per_minute=17, requests_per_day=17, tokens_per_minute=10**6),
    ],
)
async def test_an_answer_waits_for_no_store_where_many_more_have_room(limits: Limits) -> None:
    caller = Caller(limits)
    task = await caller.answered(b"{}")
    assert (caller.sent, caller.closed) == ([b"{}"], ["finished"])
    caller.store.let.set()
    await task
    assert await caller.store.settle(caller.meter._id, {}) is False  # it is settled


@pytest.mark.parametrize(
    "limits",
    [
        Limits(concurrency=1),
        Limits(concurrency=10_000),
        Limits(tokens_per_minute=17 * 110 - 1),
        Limits(requests_per_minute=1, tokens_per_minute=10**6),
    ],
)
async def test_the_place_is_free_before_the_answer_is_there_where_somebody_may_wait_for_it(limits: Limits) -> None:
    """Little room; or a limit of requests at the same time, which as many callers may share as it has places."""
    caller = Caller(limits)
    task = await caller.answered(b"{}")
    assert (caller.sent, caller.closed) == ([], ["finished"])
    caller.store.let.set()
    await task
    assert caller.sent == [b"{}"]


async def test_a_caller_who_takes_a_large_answer_slowly_holds_nothing_meanwhile() -> None:
    caller = Caller(Limits(requests_per_minute=100))
    task = await caller.answered(b" " * 65_537)
    assert caller.sent == []
    caller.store.let.set()
    await task
    assert len(caller.sent) == 1
