"""`serve --workers N`: several processes behind one port, started one after the other, started again when they die, ended together.

They share the listening socket, so that a connection that waits is taken by whoever is there, and a folder of figures, so that each
can tell the sum of all. Everything else they share already: PostgreSQL, Redis, and a folder of journals with one for each.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import structlog

from llmgateway.kit.metrics import forget_process

_PAUSE_SECONDS = 1.0
"""Between the death of a process and the next one in its place."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a process of a crew got from the one that started it."""

    listener: socket.socket
    line: socket.socket
    """Told once it serves; it closes at the other end when nobody is left who looks after it."""

    @classmethod
    def read(cls, numbers: str) -> Self:
        """From `LISTENER,LINE`, the numbers of their descriptors."""
        listener, line = (socket.socket(fileno=int(number)) for number in numbers.split(","))
        return cls(listener, line)

    def tell(self, greeting: str) -> None:
        """It serves; the greeting is for whoever started it to print."""
        self.line.sendall(greeting.encode())
        self.line.shutdown(socket.SHUT_WR)

    def watch(self, abandoned: Callable[[], None]) -> None:
        """Call back when the one who started it is gone."""
        loop = asyncio.get_running_loop()

        def heard() -> None:
            loop.remove_reader(self.line.fileno())
            abandoned()

        loop.add_reader(self.line.fileno(), heard)


@dataclass(frozen=True, slots=True)
class _Member:
    process: asyncio.subprocess.Process
    line: socket.socket
    greeting: str
    """Empty: it died before it served."""


class Crew:
    """The processes behind one listener."""

    def __init__(self, arguments: Sequence[str], listener: socket.socket, figures: Path) -> None:
        """`arguments`: what `llmgateway` is told, the same for all; `figures`: the folder that they share."""
        self._arguments = arguments
        self._listener = listener
        self._figures = figures
        self._running = dict[int, asyncio.subprocess.Process]()
        self._ending = False

    async def serve(self, count: int) -> int:
        """Until a signal ends them all, or the first does not start; gives the exit code."""
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, self._end, sign)
        first = await self._start()
        if not first.greeting:
            return _exit_code(await self._wait(first))
        sys.stdout.write(first.greeting)
        sys.stdout.flush()
        codes = await asyncio.gather(self._keep(first), *(self._keep() for _ in range(count - 1)))
        return max(map(_exit_code, codes))

    async def _keep(self, member: _Member | None = None) -> int:
        """One place, filled until the end; gives the exit code of the last who had it."""
        code = 0
        while member is not None or not self._ending:
            code = await self._wait(member or await self._start())
            member = None
            if not self._ending:
                log.error("a process behind the port died and is started again", exit_code=code)
                await asyncio.sleep(_PAUSE_SECONDS)
        return code

    async def _start(self) -> _Member:
        """Start one and wait until it serves, or is gone."""
        line, its_end = socket.socketpair()
        numbers = (self._listener.fileno(), its_end.fileno())
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "llmgateway", *self._arguments, "--inherited", ",".join(map(str, numbers))),
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(self._figures)},
            pass_fds=numbers,
            start_new_session=True,  # Ctrl-C reaches it through us, once
        )
        self._running[process.pid] = process
        its_end.close()
        if self._ending:  # the signal came too early for it
            process.terminate()
        return _Member(process, line, await _read(line))

    async def _wait(self, member: _Member) -> int:
        code = await member.process.wait()
        member.line.close()
        del self._running[member.process.pid]
        forget_process(self._figures, member.process.pid)
        return code

    def _end(self, sign: signal.Signals) -> None:
        self._ending = True
        self._listener.close()  # the processes have their own, for as long as they drain
        for process in self._running.values():
            process.send_signal(sign)


async def _read(line: socket.socket) -> str:
    """What is said before the other end falls silent."""
    line.setblocking(False)
    loop, said = asyncio.get_running_loop(), b""
    while some := await loop.sock_recv(line, 4096):
        said += some
    return said.decode()


def _exit_code(returned: int) -> int:
    """As a shell tells it: one that a signal ended is 128 and its number."""
    return returned if returned >= 0 else 128 - returned
