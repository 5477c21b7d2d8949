"""A provider that misbehaves on purpose, over raw TCP: OpenAI's and Anthropic's wires, the fault chosen by the model's name."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from tests.upstreams.faults import FAULTS, Asked, Misbehaving
from tests.upstreams.wires import Json


@asynccontextmanager
async def misbehaving() -> AsyncGenerator[Misbehaving]:
    """Run one on a free port."""
    state = Misbehaving()
    running = set[asyncio.Task[None]]()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_serve(reader, writer, state))
        running.add(task)
        with suppress(asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            await task
        running.discard(task)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=1_000)
    state.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield state
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.sleep(0.05)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, state: Misbehaving) -> None:
    """One request a connection; who hangs up while being answered ends the answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    lines = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    body: Json = json.loads(await reader.readexactly(int(lines.get("content-length", "0"))))
    model = str(body["model"])
    asked = Asked(model, body, "/messages" in head.split("\r\n", 1)[0], writer, state)
    state.asked[model] += 1
    state.bodies.append(body)
    state.answering[model] += 1
    answer = asyncio.ensure_future(_answered(asked))
    gone = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        state.answering[model] -= 1
        for task in (answer, gone):
            task.cancel()
        await asyncio.gather(answer, gone, return_exceptions=True)


async def _answered(asked: Asked) -> None:
    with suppress(ConnectionError):
        await FAULTS[asked.model.partition("-")[0]](asked)
