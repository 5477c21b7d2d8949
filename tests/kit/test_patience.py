"""A deadline is for the other side: a loop that stood still reads first what has come."""

import asyncio
import socket
import time

import pytest
import uvloop

from llmgateway.kit.patience import Patience

LOOPS = pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
_SECONDS = 0.02


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
    async def wait() -> None:
        busy = asyncio.ensure_future(_always_late())
        try:
            async with Patience(_SECONDS):
                await asyncio.Event().wait()
        finally:
            busy.cancel()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, pytest.raises(TimeoutError):
        runner.run(wait())


async def _always_late() -> None:
    while True:
        time.sleep(2 * _SECONDS)  # noqa: ASYNC251 -- standing still is what it is for
        await asyncio.sleep(0)
