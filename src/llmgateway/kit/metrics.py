"""Metrics for Prometheus, called figures here: declared as data, counted in this process, and summed over all when scraped.

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


class MetricKind(StrEnum):
    """The type of a metric."""

    COUNTER = "counter"
    """It only grows."""
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


Merge = Literal["livesum", "livemax", "livemin"]
"""How a gauge of several living processes becomes one number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The declaration of one metric."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """For a histogram: the upper bounds of its buckets."""
    merge: Merge = "livesum"
    """For a gauge."""


def forget_process(shared: Path, pid: int) -> None:
    """Forget the gauges of a dead process that used the folder; what it counted stays."""
    mark_process_dead(pid, str(shared))


class Metrics:
    """The metrics of one process."""

    def __init__(self, figures: Iterable[Figure], shared: Path | None = None) -> None:
        disable_created_metrics()
        self._shared = shared
        self._registry = CollectorRegistry()
        self._open: dict[str, Counter | Gauge | Histogram] = {figure.name: self._opened(figure) for figure in figures}
        self._before_reading: list[Callable[[], None]] = []

    def counter(self, figure: Figure, *labels: str) -> Counter:
        """The counter with these label values, in the declared order. Keep it: finding it costs more than counting."""
        found = self._open[figure.name]
        if not isinstance(found, Counter):
            raise TypeError(f"{figure.name} is declared as a {figure.kind}")
        return found.labels(*labels) if labels else found

    def gauge(self, figure: Figure, *labels: str) -> Gauge:
        """The gauge with these label values, in the declared order."""
        found = self._open[figure.name]
        if not isinstance(found, Gauge):
            raise TypeError(f"{figure.name} is declared as a {figure.kind}")
        return found.labels(*labels) if labels else found

    def histogram(self, figure: Figure, *labels: str) -> Histogram:
        """The histogram with these label values, in the declared order."""
        found = self._open[figure.name]
        if not isinstance(found, Histogram):
            raise TypeError(f"{figure.name} is declared as a {figure.kind}")
        return found.labels(*labels) if labels else found

    def before_reading(self, count: Callable[[], None]) -> None:
        """Have `count` called before the metrics are read: it adds what its owner gathers, to count it a batch at a time."""
        self._before_reading.append(count)

    def catch_up(self) -> None:
        """Count what was gathered. Other processes that share the folder see nothing before this."""
        for count in self._before_reading:
            count()

    def page(self) -> bytes:
        """All metrics in the format of Prometheus, summed over the processes that share the folder."""
        self.catch_up()
        if self._shared is None:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together, str(self._shared))
        return generate_latest(together)

    def _opened(self, figure: Figure) -> Counter | Gauge | Histogram:
        if figure.kind is MetricKind.COUNTER:
            return Counter(figure.name, figure.help, figure.labels, registry=self._registry)
        if figure.kind is MetricKind.GAUGE:
            return Gauge(
                figure.name, figure.help, figure.labels, registry=self._registry, multiprocess_mode=figure.merge
            )
        return Histogram(figure.name, figure.help, figure.labels, registry=self._registry, buckets=figure.buckets)
