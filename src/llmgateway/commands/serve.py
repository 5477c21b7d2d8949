"""`llmgateway serve`: one process that serves, or several, from a clear greeting to a clean end."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
import uvicorn
import uvloop

from llmgateway.app import Gateway, Part, open_gateway, read_gateway_file
from llmgateway.commands.crew import Crew, Inherited
from llmgateway.commands.greeting import greeting
from llmgateway.commands.senders import BoundedProtocol, SlowSenders
from llmgateway.commands.shared_figures import shared_figures
from llmgateway.dataplane.pages import Readiness
from llmgateway.errors import ConfigurationError
from llmgateway.kit.log import configure_logs
from llmgateway.settings import Settings, load_settings, warn_of_misspelt
from llmgateway.stores import redis_url

app = typer.Typer()

_BACKLOG = 2048
_TICKS_TO_LOOK = 50
"""uvicorn's, ten a second, from one look at slow senders to the next."""
_LAST_WORDS_SECONDS = 5.0
"""For requests that were cut off when the drain took too long."""


@app.command()
def serve(
    config: Annotated[Path | None, typer.Option(help="The gateway.yaml to read.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default LLMGATEWAY_HOST.")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port to listen on, 0 for a free one; default LLMGATEWAY_PORT."),
    ] = None,
    role: Annotated[
        Part, typer.Option(help="What this process serves: tokens (data), people (control), or all.")
    ] = Part.ALL,
    workers: Annotated[int, typer.Option(min=1, help="Processes; more than one needs DATABASE_URL and REDIS_URL.")] = 1,
    inherited: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Serve the gateway."""
    chosen = {"config": config, "host": host, "port": port}
    settings = load_settings(os.environ).model_copy(
        update={name: value for name, value in chosen.items() if value is not None}
    )
    _check_workers(settings, workers)
    read_gateway_file(settings)  # a mistake in it is told before anything starts
    configure_logs(json=settings.production)
    if inherited is not None:
        _serve_alone(settings, role, Inherited.read(inherited))
        return
    warn_of_misspelt(settings)
    with contextlib.closing(_listen(settings.host, settings.port)) as listener:
        if workers > 1:
            sys.exit(_serve_together(settings, role, listener, workers))
        _serve_alone(settings, role, listener)


def _serve_alone(settings: Settings, role: Part, given: socket.socket | Inherited) -> None:
    """In this process, on a listener of its own or with others."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings, given, role))


def _serve_together(settings: Settings, role: Part, listener: socket.socket, workers: int) -> int:
    """In several processes on one listener, looked after by this one; gives the exit code."""
    arguments = ["serve", "--role", role.value, "--host", settings.host]
    arguments += ["--config", str(settings.config)] if settings.config else []
    with shared_figures() as figures:
        return asyncio.run(Crew(arguments, listener, figures).serve(workers))


async def _run(settings: Settings, given: socket.socket | Inherited, role: Part) -> None:
    listener = given.listener if isinstance(given, Inherited) else given
    port: int = listener.getsockname()[1]
    async with open_gateway(settings, port, role) as gateway:
        server = DrainingServer(_server_config(settings, gateway), gateway.readiness, settings.drain_delay)
        listener.listen(_BACKLOG)  # before the greeting, so that its line works at once
        _settle_memory()
        words = greeting(settings, port, gateway.first_steps)
        if isinstance(given, Inherited):
            given.watch(lambda: server.handle_exit(signal.SIGTERM, None))
            given.tell(words)
        else:
            sys.stdout.write(words)
            sys.stdout.flush()
        await server.serve(sockets=[listener])


class DrainingServer(uvicorn.Server):
    """At the first signal it stops being ready but listens on for a while, so that balancers notice; then it ends.

    Signals are kept from uvicorn: it would raise them again when it has ended, and the process would be gone before usage is
    shipped and the database closed.
    """

    def __init__(self, config: uvicorn.Config, readiness: Readiness, delay: float) -> None:
        super().__init__(config)
        self._readiness = readiness
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        self._slow_senders = SlowSenders()

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn ten times a second."""
        if counter % _TICKS_TO_LOOK == 0:
            self._slow_senders.send_away(self.server_state.connections, self._loop.time())
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 uvicorn's signature
        """Called by uvicorn's signal handler. A second SIGINT no longer waits for open streams."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        elif self._readiness.draining or self._delay == 0 or sig == signal.SIGINT:
            self.should_exit = True
        else:
            self._loop.call_soon_threadsafe(self._loop.call_later, self._delay, self._end)
        self._readiness.draining = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's; but those cancelled at the end of the drain still tell their callers and settle."""
        await super().shutdown(sockets)
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=_LAST_WORDS_SECONDS)

    def _end(self) -> None:
        self.should_exit = True


def _settle_memory() -> None:
    """What the start made lives as long as the process: the collector need not look at it again, nor look often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _server_config(settings: Settings, gateway: Gateway) -> uvicorn.Config:
    return uvicorn.Config(
        gateway,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=75,
        timeout_graceful_shutdown=max(1, round(settings.drain_timeout)),
    )


def _listen(host: str, port: int) -> socket.socket:
    """Take the port before anything else starts. Raises ConfigurationError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot listen on {host}:{port}: {error.strerror}. Choose another with --port or LLMGATEWAY_PORT."
        ) from error
    return listener


def _check_workers(settings: Settings, workers: int) -> None:
    """Raises ConfigurationError."""
    if workers > 1 and not (settings.production and redis_url(settings)):
        raise ConfigurationError(
            f"--workers {workers} needs DATABASE_URL and REDIS_URL, so that limits and usage are shared. "
            "Set both, or serve with one process."
        )
