"""Small servers beside a test that does not run on an event loop."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

Opened = TypeVar("Opened")


@contextmanager
def beside(server: AbstractAsyncContextManager[Opened]) -> Generator[Opened]:
    """On an event loop of its own, for as long as the block lasts."""
    loop, stop, started, held = asyncio.new_event_loop(), asyncio.Event(), threading.Event(), list[Opened]()

    async def run() -> None:
        async with server as opened:
            held.append(opened)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert started.wait(20)
    try:
        yield held[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
