"""How the process itself is doing: read every few seconds, and once more when Prometheus asks."""

import asyncio
import os
import platform
import resource
import time
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from llmgateway.contract.channels import PathHealth, SourceUnavailable
from llmgateway.dataplane.observe import figures
from llmgateway.dataplane.watch.instruments import Instruments
from llmgateway.dataplane.watch.shipping import Shipper
from llmgateway.kit.journal import Journal
from llmgateway.kit.metrics import Metrics
from llmgateway.kit.outage import Outage

Probe = Callable[[], Awaitable[None]]
"""Asks a store for a sign of life. Raises SourceUnavailable or TimeoutError."""

_LAG_SECONDS: Final = 0.5
_PROBE_SECONDS: Final = 5.0
_STATES: Final = ("closed", "open", "half_open")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Organs:
    """What is looked at."""

    version: str
    """Of the package that runs."""
    instruments: Instruments
    journal: Journal
    shipper: Shipper
    ready: Callable[[], bool]
    stores: Mapping[str, Probe]
    """Name -> its probe."""


def states(paths: Iterable[PathHealth]) -> Tally[tuple[str, str]]:
    """How many paths to a provider are in a state, whoever brought the credential: its id begins with the provider's."""
    return Tally((path.credential.rpartition("/")[0], path.state) for path in paths)


class Vitals:
    """One for a process; it looks as long as `watch` runs."""

    def __init__(self, metrics: Metrics, organs: Organs) -> None:
        self._metrics = metrics
        self._organs = organs
        self._cpu = 0.0
        self._circuits: set[tuple[str, str]] = set()
        self._lag = metrics.histogram(figures.LOOP_LAG)
        versions = (organs.version, platform.python_version(), organs.instruments.catalog.version)
        metrics.gauge(figures.BUILD, *versions).set(1)
        metrics.gauge(figures.PROCESSES).set(1)
        metrics.gauge(figures.STARTED).set(time.time())

    async def watch(self) -> None:
        """Look until cancelled."""
        try:
            await asyncio.gather(
                self._watch_the_loop(), *(self._watch_store(*store) for store in self._organs.stores.items())
            )
        finally:
            self._metrics.catch_up()

    def look(self) -> None:
        """Set every gauge to what is so now."""
        self._look_at_the_journal()
        self._look_at_the_circuits(self._organs.instruments.health.report())
        self._look_at_the_process()
        self._gauge(figures.RUNNING, self._organs.instruments.counting.running)
        self._gauge(figures.READY, int(self._organs.ready()))

    async def _watch_the_loop(self) -> None:
        loop, looked = asyncio.get_running_loop(), 0.0
        while True:
            before = loop.time()
            await asyncio.sleep(_LAG_SECONDS)
            now = loop.time()
            self._lag.observe(max(0.0, now - before - _LAG_SECONDS))
            self._metrics.catch_up()
            if now - looked >= _PROBE_SECONDS:
                looked = now
                self.look()

    async def _watch_store(self, name: str, probe: Probe) -> None:
        """Probe it until cancelled. The figure begins with the first answer: a store not yet asked is not down."""
        seconds = self._metrics.histogram(figures.STORE_SECONDS, name)
        outage = Outage("a store does not answer", "a store answers again", store=name)
        with suppress(SourceUnavailable, TimeoutError):
            await probe()  # it connects, at a moment when everything else starts too: what that takes says nothing
        while True:
            start = time.monotonic()
            try:
                await probe()
            except (SourceUnavailable, TimeoutError) as error:
                outage.goes_on(error)
                self._metrics.gauge(figures.STORE_UP, name).set(0)
            else:
                outage.is_over()
                seconds.observe(time.monotonic() - start)
                self._metrics.gauge(figures.STORE_UP, name).set(1)
            await asyncio.sleep(_PROBE_SECONDS)

    def _look_at_the_journal(self) -> None:
        organs = self._organs
        recorder, shipper = organs.instruments.recorder, organs.shipper
        self._gauge(figures.JOURNAL_BACKLOG, recorder.backlog)
        self._gauge(figures.JOURNAL_LAG, shipper.lag)
        self._gauge(figures.JOURNAL_HELD, recorder.held)
        self._gauge(figures.JOURNAL_SIZE, organs.journal.size)
        self._gauge(figures.JOURNAL_POISON, shipper.poison)
        self._gauge(figures.JOURNAL_SHIPPED, shipper.shipped)
        with suppress(OSError):  # a disk that is gone shows as a journal that cannot be written
            disk = os.statvfs(organs.journal.folder)
            self._gauge(figures.DISK_FREE, disk.f_bavail * disk.f_frsize)
            self._gauge(figures.DISK_SIZE, disk.f_blocks * disk.f_frsize)

    def _look_at_the_circuits(self, paths: list[PathHealth]) -> None:
        tally = states(paths)
        self._circuits |= {(provider, state) for provider, _ in tally for state in _STATES}
        for key in self._circuits:
            self._metrics.gauge(figures.CIRCUITS, *key).set(tally[key])

    def _look_at_the_process(self) -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu, self._cpu = self._cpu, used.ru_utime + used.ru_stime
        self._metrics.counter(figures.CPU).inc(max(0.0, self._cpu - cpu))
        with suppress(OSError):  # no /proc outside Linux
            pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
            self._gauge(figures.MEMORY, pages * _PAGE_BYTES)
            self._gauge(figures.OPEN_FILES, sum(1 for _ in Path("/proc/self/fd").iterdir()))

    def _gauge(self, figure: figures.Figure, value: float) -> None:
        self._metrics.gauge(figure).set(value)
