"""Figures are what they were declared as, and several processes tell their sum."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from llmgateway.kit.metrics import Figure, MetricKind, Metrics, forget_process

SEEN = Figure(name="seen_total", kind=MetricKind.COUNTER, help="Seen.", labels=("what",))
OPEN = Figure(name="open_now", kind=MetricKind.GAUGE, help="Open.")
WORST = Figure(name="worst", kind=MetricKind.GAUGE, help="Worst.", merge="livemax")
TOOK = Figure(name="took_seconds", kind=MetricKind.HISTOGRAM, help="Took.", buckets=(0.1, 1))

WORKER = """
import sys
from pathlib import Path
from tests.kit.test_metrics import OPEN, SEEN, TOOK, WORST, Metrics
metrics = Metrics((SEEN, OPEN, WORST, TOOK), Path(sys.argv[1]))
metrics.counter(SEEN, "this").inc(int(sys.argv[2]))
metrics.gauge(OPEN).set(int(sys.argv[2]))
metrics.gauge(WORST).set(int(sys.argv[2]))
metrics.histogram(TOOK).observe(0.5)
print("counted", flush=True)
sys.stdin.read()
"""


def test_a_page_has_what_was_counted() -> None:
    metrics = Metrics((SEEN, OPEN, TOOK))
    metrics.counter(SEEN, "this").inc(2)
    metrics.gauge(OPEN).set(3)
    metrics.histogram(TOOK).observe(0.5)
    page = metrics.page().decode()
    assert 'seen_total{what="this"} 2.0' in page
    assert "open_now 3.0" in page
    assert 'took_seconds_bucket{le="0.1"} 0.0' in page
    assert 'took_seconds_bucket{le="1.0"} 1.0' in page
    assert "_created" not in page


def test_a_figure_is_only_what_it_was_declared_as() -> None:
    metrics = Metrics((SEEN, OPEN))
    with pytest.raises(TypeError, match="open_now is declared as a gauge"):
        metrics.counter(OPEN)
    with pytest.raises(TypeError, match="seen_total is declared as a counter"):
        metrics.gauge(SEEN)


def test_several_processes_tell_their_sum(tmp_path: Path) -> None:
    """And their gauges merge as they were declared to: a sum, or the worst of them."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path), str(count)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for count in (2, 5)
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "counted\n"
        page = Metrics((), tmp_path).page().decode()
        forget_process(tmp_path, workers[1].pid)
        afterwards = Metrics((), tmp_path).page().decode()
    finally:
        for worker in workers:
            worker.communicate()
    assert 'seen_total{what="this"} 7.0' in page
    assert "open_now 7.0" in page
    assert "worst 5.0" in page
    assert "took_seconds_count 2.0" in page
    assert 'seen_total{what="this"} 7.0' in afterwards
    assert "open_now 2.0" in afterwards
