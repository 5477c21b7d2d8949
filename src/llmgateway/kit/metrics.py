"""Figures for Prometheus: declared as data, counted in this process, summed over all processes when they are asked for.

Several processes share a folder of memory-mapped files (prometheus-client's multiprocess mode, chosen by
PROMETHEUS_MULTIPROC_DIR before the first import); one process alone counts in its own memory.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.multiprocess import (
    MultiProcessCollector,
    mark_process_dead,  # pyright: ignore[reportUnknownVariableType] -- the library does not type it
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Kind(StrEnum):
    """What a figure does."""

    COUNTER = "counter"
    """Only grows."""
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


Merge = Literal["livesum", "livemax", "livemin"]
"""How the gauges of several living processes become one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure, as it is declared."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds, of a histogram."""
    merge: Merge = "livesum"
    """Of a gauge."""


def forget_process(shared: Path, pid: int) -> None:
    """A process behind the folder is dead: its gauges go, what it counted stays."""
    mark_process_dead(pid, str(shared))


class Metrics:
    """The declared figures of one process, open for counting."""

    def __init__(self, figures: Iterable[Figure], shared: Path | None = None) -> None:
        disable_created_metrics()
        self._shared = shared
        self._registry = CollectorRegistry()
        self._open: dict[str, Counter | Gauge | Histogram] = {figure.name: self._opened(figure) for figure in figures}
        self._late: list[Callable[[], None]] = []

    def counter(self, figure: Figure, *labels: str) -> Counter:
        """The counter under these labels, in their declared order. Keep it: finding it costs more than counting."""
        found = self._open[figure.name]
        if not isinstance(found, Counter):
            raise TypeError(f"{figure.name} is declared as a {figure.kind}")
        return found.labels(*labels) if labels else found

    def gauge(self, figure: Figure, *labels: str) -> Gauge:
        """The gauge under these labels."""
        found = self._open[figure.name]
        if not isinstance(found, Gauge):
            raise TypeError(f"{figure.name} is declared as a {figure.kind}")
        return found.labels(*labels) if labels else found

    def histogram(self, figure: Figure, *labels: str) -> Histogram:
        """The histogram under these labels."""
        found = self._open[figure.name]
        if not isinstance(found, Histogram):
            raise TypeError(f"{figure.name} is declared as a {figure.kind}")
        return found.labels(*labels) if labels else found

    def late(self, count: Callable[[], None]) -> None:
        """Something is counted some at a time: `count` brings its figures up to date."""
        self._late.append(count)

    def catch_up(self) -> None:
        """Bring up to date what is counted some at a time: whoever shares the folder sees no more than that."""
        for count in self._late:
            count()

    def page(self) -> bytes:
        """All figures as Prometheus reads them, summed over the processes that share the folder."""
        self.catch_up()
        if self._shared is None:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together, str(self._shared))
        return generate_latest(together)

    def _opened(self, figure: Figure) -> Counter | Gauge | Histogram:
        if figure.kind is Kind.COUNTER:
            return Counter(figure.name, figure.help, figure.labels, registry=self._registry)
        if figure.kind is Kind.GAUGE:
            return Gauge(
                figure.name, figure.help, figure.labels, registry=self._registry, multiprocess_mode=figure.merge
            )
        return Histogram(figure.name, figure.help, figure.labels, registry=self._registry, buckets=figure.buckets)
