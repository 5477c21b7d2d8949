"""A deadline is for the other side: a loop that stood still reads first what has come."""

import asyncio
import socket
import time

import pytest
import uvloop

from llmgateway.kit.patience import Deadlines, Patience

LOOPS = pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
_SECONDS = 0.02
_FEW = 10
"""Turns of a loop that is always late: three deadlines, each over after one or two."""


@LOOPS
def test_an_answer_that_came_while_the_loop_stood_still_is_in_time(loop: type[asyncio.AbstractEventLoop]) -> None:
    async def ask() -> bytes:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            reader, writer = await asyncio.open_connection(sock=ours)
            asyncio.get_running_loop().call_soon(_stand_still, theirs)
            try:
                async with Patience(_SECONDS):
                    return await reader.readline()
            finally:
                writer.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(ask()) == b"here\n"


def _stand_still(theirs: socket.socket) -> None:
    theirs.sendall(b"here\n")
    time.sleep(5 * _SECONDS)  # past the deadline, with the answer unread


@LOOPS
def test_silence_ends(loop: type[asyncio.AbstractEventLoop]) -> None:
    async def wait() -> None:
        async with Patience(_SECONDS):
            await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=loop) as runner, pytest.raises(TimeoutError):
        runner.run(wait())


def test_a_loop_that_is_always_late_ends_it_too() -> None:
    turns = list[None]()

    async def wait() -> None:
        busy = asyncio.ensure_future(_always_late(turns))
        try:
            async with Patience(_SECONDS):
                await asyncio.Event().wait()
        finally:
            busy.cancel()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, pytest.raises(TimeoutError):
        runner.run(wait())
    assert len(turns) < _FEW


async def _always_late(turns: list[None]) -> None:
    while True:
        turns.append(None)
        time.sleep(2 * _SECONDS)  # noqa: ASYNC251 -- standing still is what it is for
        await asyncio.sleep(0)


async def _both_wait(deadlines: Deadlines) -> tuple[float, float]:
    """Two futures that nobody answers, the second watched later: how long each waited."""
    loop = asyncio.get_running_loop()
    futures, waited = list[asyncio.Future[None]](), list[float]()
    for pause in (0.0, _SECONDS / 2):
        await asyncio.sleep(pause)
        future, since = loop.create_future(), loop.time()
        future.add_done_callback(lambda _, since=since: waited.append(loop.time() - since))
        deadlines.watch(future)
        futures.append(future)
    for future in futures:  # on a busy machine the first may be given its time anew, and end last
        with pytest.raises(TimeoutError):
            await future
    return waited[0], waited[1]


@LOOPS
def test_each_of_many_waits_its_own_time(loop: type[asyncio.AbstractEventLoop]) -> None:
    async def wait() -> tuple[float, float]:
        return await _both_wait(Deadlines(_SECONDS))

    with asyncio.Runner(loop_factory=loop) as runner:
        first, second = runner.run(wait())
    assert min(first, second) >= _SECONDS * 0.9


@LOOPS
def test_of_many_waits_those_that_are_answered_or_left_end_no_other_way(loop: type[asyncio.AbstractEventLoop]) -> None:
    async def wait() -> tuple[str, bool, bool]:
        deadlines, running = Deadlines(_SECONDS), asyncio.get_running_loop()
        answered, left, silent = running.create_future(), running.create_future(), running.create_future()
        for future in (answered, left, silent):
            deadlines.watch(future)
        answered.set_result("here")
        left.cancel()
        with pytest.raises(TimeoutError):
            await silent
        return answered.result(), left.cancelled(), silent.done()

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(wait()) == ("here", True, True)


def test_many_waits_are_not_ended_by_a_loop_that_stood_still_but_by_one_that_is_always_late() -> None:
    async def stand_still() -> bool:
        future = asyncio.get_running_loop().create_future()
        Deadlines(_SECONDS).watch(future)
        time.sleep(5 * _SECONDS)  # noqa: ASYNC251 -- standing still is what it is for
        await asyncio.sleep(_SECONDS / 4)
        return future.done()

    turns = list[None]()

    async def always_late() -> None:
        busy = asyncio.ensure_future(_always_late(turns))
        future = asyncio.get_running_loop().create_future()
        Deadlines(_SECONDS).watch(future)
        try:
            await future
        finally:
            busy.cancel()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert not runner.run(stand_still())
        with pytest.raises(TimeoutError):
            runner.run(always_late())
    assert len(turns) < _FEW
