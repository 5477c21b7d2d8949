"""One timer ends each of many waits in its own time, and nobody else's."""

import asyncio

import pytest
import uvloop

from llmgateway.kit.watchdog import Watchdog

LOOPS = pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
SOON, NEVER = 0.05, 3600.0


@LOOPS
def test_each_wait_has_its_own_end(loop: type[asyncio.AbstractEventLoop]) -> None:
    async def stream() -> list[str]:
        now, dog, told = asyncio.get_running_loop().time, Watchdog(), list[str]()
        for seconds, silent in ((SOON, False), (NEVER, False), (SOON, True), (NEVER, False), (SOON, True)):
            try:
                with dog.until(now() + seconds):
                    await asyncio.sleep(NEVER if silent else 0)
                told.append("read")
            except TimeoutError:
                told.append("silent")
        dog.close()
        return told

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(stream()) == ["read", "read", "silent", "read", "silent"]


@LOOPS
def test_a_wait_outlasts_the_timer_that_an_earlier_one_set(loop: type[asyncio.AbstractEventLoop]) -> None:
    async def stream() -> float:
        now, dog = asyncio.get_running_loop().time, Watchdog()
        with dog.until(now() + SOON):
            await asyncio.sleep(0)
        began = now()
        with pytest.raises(TimeoutError), dog.until(began + 3 * SOON):
            await asyncio.sleep(NEVER)
        return now() - began

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(stream()) >= 3 * SOON - 1e-6  # the clock's floats round


def test_nobody_is_disturbed_between_two_waits() -> None:
    async def stream() -> str:
        dog = Watchdog()
        with dog.until(asyncio.get_running_loop().time() + SOON):
            await asyncio.sleep(0)
        await asyncio.sleep(3 * SOON)
        return "undisturbed"

    assert asyncio.run(stream()) == "undisturbed"


def test_who_is_cancelled_by_others_is_cancelled() -> None:
    async def stream() -> None:
        with Watchdog().until(asyncio.get_running_loop().time() + NEVER):
            await asyncio.sleep(NEVER)

    async def leave() -> None:
        task = asyncio.ensure_future(stream())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(leave())


def test_what_fails_by_itself_is_told_as_it_is() -> None:
    async def stream() -> None:
        with Watchdog().until(asyncio.get_running_loop().time() + NEVER):
            raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        asyncio.run(stream())
