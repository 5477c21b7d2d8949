"""An upstream that streams at the pace of a model: every open stream gets one frame, one packet, every 20 ms.

The streams are spread over the 20 ms, so that frames arrive alone, as they do from a provider. It speaks just enough
HTTP for one POST after the other on a connection. `GET /frames` answers how many frames were written so far.
"""

import asyncio
import sys
from collections import deque
from typing import cast

import uvloop

from bench.canned import anthropic_frames, openai_frames

PHASES = 20
TICK = 0.001
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _wire(frames: list[bytes]) -> list[bytes]:
    chunks = [b"%x\r\n%b\r\n" % (len(frame), frame) for frame in frames]
    return [*chunks[:-1], chunks[-1] + b"0\r\n\r\n"]


class Pacer:
    """The clock of all streams: one phase a millisecond, so each stream is served once in 20 ms."""

    def __init__(self) -> None:
        self.frames = {True: _wire(anthropic_frames()), False: _wire(openai_frames())}
        self.written = 0
        self._phases: list[deque[Stream]] = [deque() for _ in range(PHASES)]
        self._next = 0

    def enrol(self, stream: "Stream") -> None:
        """Serve this stream from now on, in the next phase of the round."""
        self._next = (self._next + 1) % PHASES
        self._phases[self._next].append(stream)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            for phase in self._phases:
                for _ in range(len(phase)):
                    stream = phase.popleft()
                    if stream.advance():
                        phase.append(stream)
                due += TICK
                await asyncio.sleep(max(0.0, due - loop.time()))


class Stream(asyncio.Protocol):
    """One connection, and the stream that is open on it."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._received = bytearray()
        self._frames: list[bytes] = []
        self._place = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's class derives from neither

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < _length(head):
            return
        self._received.clear()
        assert self._transport is not None
        if head.startswith(b"GET"):
            count = str(self._pacer.written).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(count), count))
            return
        self._transport.write(HEAD)
        self._frames, self._place = self._pacer.frames[b"/messages" in head.partition(b"\r\n")[0]], 0
        self._pacer.enrol(self)

    def advance(self) -> bool:
        """Write the next frame. False when there is nobody to write to, or nothing left."""
        if self._transport is None:
            return False
        self._transport.write(self._frames[self._place])
        self._pacer.written += 1
        self._place += 1
        return self._place < len(self._frames)


def _length(head: bytes | bytearray) -> int:
    for line in bytes(head).lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def _serve(port: int) -> None:
    pacer = Pacer()
    await asyncio.get_running_loop().create_server(lambda: Stream(pacer), "127.0.0.1", port, backlog=2048)
    await pacer.run()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
