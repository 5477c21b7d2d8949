"""The response cache: what is kept, who waits for whom, and what is said again."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.contract.channels import CachePurged
from llmgateway.contract.snapshot import KeySnapshot, OrgSnapshot
from llmgateway.contract.usage import Outcome, UsageEvent
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.lookup.cache import CachedAnswer, HeldAnswers, ResponseCache
from llmgateway.dataplane.lookup.replay import Replay
from llmgateway.errors import Problem, Unavailable
from llmgateway.kit.cache_store import MemoryCache
from llmgateway.kit.clock import ManualClock
from llmgateway.providers.base import Answer

NOW = datetime(2026, 11, 5, tzinfo=UTC)
KEY = KeySnapshot(id="key_1", name="k", org=OrgSnapshot(id="org_1", slug="one", plan="free"))
OTHER = KeySnapshot(id="key_2", name="k", org=OrgSnapshot(id="org_2", slug="two", plan="free"))


@pytest.fixture
def cache() -> ResponseCache:
    return ResponseCache(MemoryCache(ManualClock(NOW), 1_000_000), b"secret", 60)


def _call(**more: Any) -> Call:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **more}
    return OpenAIDialect().read(Operation.CHAT, msgspec.json.encode(body), Wishes())


def _answer(**choice: Any) -> Answer:
    whole = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop", **choice}
    return Answer(body={"id": "a", "choices": [whole]}, usage=None, finish="stop", text="Hello")


def _event() -> UsageEvent:
    return UsageEvent(
        id="req_1", org_id="org_1", key_id="key_1", project_id=None, created_at=NOW, operation="chat", dialect="openai", model="m",
        provider="p", served_model="m", outcome=Outcome.FINISHED, status=200, list_cost_nanos=7,
    )  # fmt: skip


async def _status(cache: ResponseCache, call: Call, key: KeySnapshot = KEY) -> str:
    async with cache.looking(call, key) as look:
        return look.status


@pytest.mark.parametrize(
    "answer",
    [
        _answer(finish_reason="content_filter"),
        _answer(finish_reason=None),
        _answer(message={"role": "assistant", "content": None, "refusal": "No."}),
        _answer(native_finish_reason="pause_turn"),
        Answer(body={"id": "a", "choices": []}, usage=None),
    ],
    ids=["filtered", "cut", "refused", "paused", "empty"],
)
async def test_what_is_not_whole_is_not_kept(cache: ResponseCache, answer: Answer) -> None:
    async with cache.looking(_call(), KEY) as look:
        await look.keep(answer, _event())
    assert await _status(cache, _call()) == "miss"


async def test_one_tenants_answers_are_never_anothers_and_purges_stay_within_one(cache: ResponseCache) -> None:
    for key in (KEY, OTHER):
        async with cache.looking(_call(), key) as look:
            assert look.status == "miss"
            await look.keep(_answer(), _event())
    cache.forget(CachePurged("org_1", model="other"))
    cache.forget(CachePurged("org_1", key_id="key_2"))
    async with cache.looking(_call(), KEY) as look:
        assert look.entry is not None
        assert (look.status, look.entry.list_cost_nanos) == ("hit", 7)
    cache.forget(CachePurged("org_1"))
    assert [await _status(cache, _call(), key) for key in (KEY, OTHER)] == ["miss", "hit"]


class _Crowd:
    """Callers with one question; each answer is held back until the door opens."""

    def __init__(self, cache: ResponseCache, answer: Answer | Problem) -> None:
        self.cache = cache
        self.answer = answer
        self.door = asyncio.Event()
        self.inside = 0

    async def ask(self) -> str:
        async with self.cache.looking(_call(), KEY) as look:
            if look.entry is None:
                self.inside += 1
                await self.door.wait()
                if isinstance(self.answer, Problem):
                    raise self.answer
                await look.keep(self.answer, _event())
            return look.status


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_callers_who_wait_for_an_answer_that_is_not_kept_then_ask_all_at_once(cache: ResponseCache) -> None:
    crowd = _Crowd(cache, _answer(finish_reason="content_filter"))
    first, *waiting = [asyncio.create_task(crowd.ask()) for _ in range(5)]
    await _turns()
    assert crowd.inside == 1
    crowd.door.set()
    await first
    crowd.door.clear()
    await _turns()
    assert crowd.inside == 5
    crowd.door.set()
    assert await asyncio.gather(*waiting) == ["miss"] * 4


async def test_when_the_first_caller_leaves_one_other_asks_and_the_rest_wait_for_it(cache: ResponseCache) -> None:
    crowd = _Crowd(cache, _answer())
    first, *waiting = [asyncio.create_task(crowd.ask()) for _ in range(4)]
    await _turns()
    first.cancel()
    await _turns()
    assert crowd.inside == 2
    crowd.door.set()
    assert sorted(await asyncio.gather(*waiting)) == ["hit", "hit", "miss"]


async def test_a_waiting_caller_who_leaves_leaves_the_others_waiting(cache: ResponseCache) -> None:
    crowd = _Crowd(cache, _answer())
    callers = [asyncio.create_task(crowd.ask()) for _ in range(3)]
    await _turns()
    callers[1].cancel()
    await _turns()
    crowd.door.set()
    assert [await callers[0], await callers[2]] == ["miss", "hit"]
    assert crowd.inside == 1


async def test_a_failure_is_told_to_all_who_waited_and_not_remembered(cache: ResponseCache) -> None:
    crowd = _Crowd(cache, Unavailable("Nobody is there. Try again."))
    callers = [asyncio.create_task(crowd.ask()) for _ in range(3)]
    await _turns()
    crowd.door.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable] * 3
    assert crowd.inside == 1
    assert await _status(cache, _call()) == "miss"


async def test_a_replayed_message_leaves_nothing_out() -> None:
    message = {"role": "assistant", "content": "Hi", "audio": {"id": "x"}, "function_call": {"name": "f"}}
    entry = CachedAnswer(
        body=_answer(message=message).body, usage=None, finish="stop", text="Hi", provider="p", served_model="m",
        list_cost_nanos=None,
    )  # fmt: skip
    said = dict[str, Any]()
    for step in await Replay(entry).next():
        assert step.chunk is not None
        for choice in step.chunk["choices"]:
            said |= choice["delta"]
    assert said == message


async def test_an_answer_that_was_on_its_way_when_a_purge_came_is_not_kept(cache: ResponseCache) -> None:
    async with cache.looking(_call(), KEY) as look:
        cache.forget(CachePurged("org_1", model="m"))
        await look.keep(_answer(), _event())
    assert await _status(cache, _call()) == "miss"
    async with cache.looking(_call(), KEY) as look:
        cache.forget(CachePurged("org_1", model="another model"))
        cache.forget(CachePurged("org_2"))
        await look.keep(_answer(), _event())
    assert await _status(cache, _call()) == "hit"


async def test_a_purge_that_is_announced_takes_what_is_kept(cache: ResponseCache) -> None:
    async with cache.looking(_call(), KEY) as look:
        await look.keep(_answer(), _event())
    cache.forget(CachePurged("org_1", "key_1"))
    await asyncio.sleep(0)
    assert await _status(cache, _call()) == "miss"


async def test_what_is_held_is_told_by_model_and_key_of_one_organisation() -> None:
    store = MemoryCache(ManualClock(NOW), 1_000_000)
    cache = ResponseCache(store, b"secret", 60)
    for key in (KEY, OTHER):
        async with cache.looking(_call(), key) as look:
            await look.keep(_answer(), _event())
    [share] = await HeldAnswers(store).held("org_1")
    assert (share.model, share.key_id, share.entries) == ("m", "key_1", 1)
    assert share.bytes > 100


async def test_who_asked_first_may_leave_and_the_call_goes_on_until_the_last_who_waits_has_left(
    cache: ResponseCache,
) -> None:
    async with cache.looking(_call(), KEY) as first:
        waiting = [asyncio.ensure_future(_status(cache, _call())) for _ in range(2)]
        await asyncio.sleep(0)
        gone = asyncio.ensure_future(first.until_nobody_waits())
        waiting[0].cancel()
        await asyncio.sleep(0.01)
        assert not gone.done()
        await first.keep(_answer(), _event())
        await gone
    assert await waiting[1] == "hit"
    async with cache.looking(_call(n=2), KEY) as only:
        await only.until_nobody_waits()  # nobody waits: at once
