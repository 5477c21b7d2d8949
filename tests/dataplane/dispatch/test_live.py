"""A stream that does not come to its end, over real HTTP: what is told names what went wrong."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import pytest

from llmgateway.dataplane.dispatch.live import LiveStream
from llmgateway.dataplane.plan.targets import PhaseTimeouts
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.kit.http import HttpClient
from llmgateway.providers.openai_wire.stream import NativeReader, SseDecoder

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = b'data: {"choices": [{"index": 0, "delta": {"content": "hi"}}]}\n\n'
CHUNK = b"%x\r\n%b\r\n" % (len(EVENT), EVENT)


@asynccontextmanager
async def _live(timeouts: PhaseTimeouts, pause: float, *, cut: bool = False) -> AsyncGenerator[LiveStream]:
    """A stream that says something every `pause` seconds, or once only, before it is cut."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(HEAD + CHUNK)
            while not cut:
                await writer.drain()
                await asyncio.sleep(pause)
                writer.write(CHUNK)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, HttpClient() as client:
        exchange = await client.send("GET", url, {}, b"", connect_seconds=5)
        stream = LiveStream(exchange, SseDecoder(NativeReader(1)), timeouts, native=True, passes=True)
        try:
            await stream.first_content()
            yield stream
        finally:
            stream.close()


async def _to_its_end(stream: LiveStream) -> None:
    while await stream.next():
        pass


async def _end_of(stream: LiveStream) -> ProviderError:
    with pytest.raises(ProviderError) as failed:
        await _to_its_end(stream)
    return failed.value


@pytest.mark.parametrize(
    ("idle", "total", "pause", "told"),
    [
        (0.1, 60.0, 60.0, "The provider's stream was silent for 0.1 s."),
        (60.0, 0.2, 60.0, "The provider's stream took longer than 0.2 s."),
        (60.0, 0.2, 0.01, "The provider's stream took longer than 0.2 s."),
    ],
)
async def test_a_stream_that_is_waited_for_too_long_is_told_as_what_it_was(
    idle: float, total: float, pause: float, told: str
) -> None:
    async with _live(PhaseTimeouts(idle=idle, total=total), pause) as stream:
        failure = await _end_of(stream)
    assert (failure.kind, failure.message) == (FailureKind.TIMEOUT, told)


async def test_a_stream_that_is_cut_is_told_as_cut() -> None:
    async with _live(PhaseTimeouts(), 60, cut=True) as stream:
        failure = await _end_of(stream)
    assert failure.kind is FailureKind.CUT
    assert failure.message.startswith("The provider's stream broke off: ")
