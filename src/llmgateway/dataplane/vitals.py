"""Metrics of the process itself: taken every few seconds, and again when Prometheus asks."""

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
"""Asks a store for a sign of life. Raises SourceUnavailable or TimeoutError when there is none."""

_LAG_SECONDS: Final = 0.5
_PROBE_SECONDS: Final = 5.0
_STATES: Final = ("closed", "open", "half_open")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessParts:
    """The parts of the process whose state is measured."""

    version: str
    """The version of llmgateway that runs."""
    instruments: Instruments
    journal: Journal
    shipper: Shipper
    ready: Callable[[], bool]
    stores: Mapping[str, Probe]
    """Name -> its probe."""


def states(paths: Iterable[PathHealth]) -> Tally[tuple[str, str]]:
    """(provider, state) -> how many paths to that provider are in it, whoever's credential they use.

    A credential's id begins with its provider's.
    """
    return Tally((path.credential.rpartition("/")[0], path.state) for path in paths)


class Vitals:
    """The metrics of one process's state, kept up to date while `watch` runs."""

    def __init__(self, metrics: Metrics, parts: ProcessParts) -> None:
        self._metrics = metrics
        self._parts = parts
        self._cpu = 0.0
        self._circuits: set[tuple[str, str]] = set()
        self._lag = metrics.histogram(figures.LOOP_LAG)
        versions = (parts.version, platform.python_version(), parts.instruments.catalog.version)
        metrics.gauge(figures.BUILD, *versions).set(1)
        metrics.gauge(figures.PROCESSES).set(1)
        metrics.gauge(figures.STARTED).set(time.time())

    async def watch(self) -> None:
        """Measure until cancelled."""
        try:
            await asyncio.gather(
                self._watch_the_loop(), *(self._watch_store(*store) for store in self._parts.stores.items())
            )
        finally:
            self._metrics.catch_up()

    def look(self) -> None:
        """Set every gauge to the present state."""
        self._look_at_the_journal()
        self._look_at_the_circuits(self._parts.instruments.health.report())
        self._look_at_the_process()
        self._gauge(figures.RUNNING, self._parts.instruments.counting.running)
        self._gauge(figures.READY, int(self._parts.ready()))

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
        """Probe a store until cancelled. Its gauges appear with the first answer, since a store that was not asked is not down."""
        seconds = self._metrics.histogram(figures.STORE_SECONDS, name)
        outage = Outage("a store does not answer", "a store answers again", store=name)
        with suppress(SourceUnavailable, TimeoutError):
            await probe()  # the first probe connects while everything else starts: its time means nothing
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
        parts = self._parts
        recorder, shipper = parts.instruments.recorder, parts.shipper
        self._gauge(figures.JOURNAL_BACKLOG, recorder.backlog)
        self._gauge(figures.JOURNAL_LAG, shipper.lag)
        self._gauge(figures.JOURNAL_HELD, recorder.held)
        self._gauge(figures.JOURNAL_SIZE, parts.journal.size)
        self._gauge(figures.JOURNAL_POISON, shipper.poison)
        self._gauge(figures.JOURNAL_SHIPPED, shipper.shipped)
        with suppress(OSError):  # a disk that is gone shows as a journal that cannot be written
            disk = os.statvfs(parts.journal.folder)
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
