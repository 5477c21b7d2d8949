"""`python -m bench.topology`: a steady load on the local topology: 2 data, 1 control, 1 worker, PostgreSQL, Valkey, behind nginx.

Everything shares this machine: the gateways, their stores, the balancer, the provider (nginx with a canned answer) and the callers. It
counts answers, what the gateway adds to the provider's own time, what each process weighs, and that every answer is stored once.
"""

import argparse
import asyncio
import json
import sys
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import text

from bench.canned import openai_request
from bench.gateway import LIMITS, PATIENT
from bench.machine import CannotMeasureError, cpu_seconds, nginx, resident_megabytes
from bench.report import Machine, Row, Table, record
from bench.steady import Steady, steady
from deploy.local.throwaway import throwaway_folder
from deploy.local.topology import Topology, topology
from llmgateway.db.session import Database

CHAT = openai_request("openai/gpt-4.1")
_FAILED_BUDGET = 0.1
"""Percent."""
_WARM_SECONDS = 10.0
_SETTLE_SECONDS = 30.0
"""For usage to reach the database."""


@dataclass
class Scales:
    """What each process weighed, and when."""

    begun: float = field(default_factory=time.monotonic)
    minutes: list[float] = field(default_factory=list[float])
    megabytes: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def slope(self, name: str) -> float:
        """Megabytes a minute, by least squares, over the second half: the first fills caches and pools."""
        half = len(self.minutes) // 2
        times, weights = self.minutes[half:], self.megabytes[name][half:]
        middle, weight = sum(times) / len(times), sum(weights) / len(weights)
        spread = sum((at - middle) ** 2 for at in times)
        pairs = zip(times, weights, strict=True)
        return sum((at - middle) * (one - weight) for at, one in pairs) / spread if spread else 0.0


def main() -> None:
    """Measure, print, keep where asked; fails when more than one in a thousand failed or an event is missing."""
    parser = argparse.ArgumentParser(prog="bench.topology", description=__doc__)
    parser.add_argument("--rate", type=float, default=1000, help="requests a second")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument(
        "--record", action="store_true", help="keep them for docs/benchmarks.md, which `make docs` writes"
    )
    arguments = parser.parse_args()
    table, machine = Table(), Machine.here()
    try:
        with throwaway_folder("bench") as folder:
            seen, stored = _measure(table, folder, arguments.rate, arguments.minutes * 60)
    except CannotMeasureError as error:
        sys.exit(f"bench: {error}")
    print(table.text(f"{arguments.rate:,.0f} requests/s for {arguments.minutes:g} minutes on the local topology"))
    print("\n".join(seen.examples))
    if arguments.record:
        command = f"make bench-topology RATE={arguments.rate:g} MINUTES={arguments.minutes:g} RECORD=1"
        record("topology", command, machine, table)
    if seen.failed_share * 100 > _FAILED_BUDGET or stored < len(seen.times):
        sys.exit(1)


def _measure(table: Table, folder: Path, rate: float, seconds: float) -> tuple[Steady, int]:
    folder.chmod(0o755)
    below = folder / "topology"
    below.mkdir()
    warm = min(_WARM_SECONDS, seconds)
    with nginx(folder) as upstream:
        direct = steady(upstream.url, CHAT, "none", rate=rate, seconds=warm)
        config = folder / "gateway.yaml"
        config.write_text(f'providers:\n  openai: {{api_key: bench, base_url: "{upstream.url}/v1"}}\n')
        with topology(below, LLMGATEWAY_CONFIG=str(config), **PATIENT) as made:
            key = json.loads(made.command("keys", "create", "--name", "bench", *LIMITS, "--json"))["key"]
            before = len(steady(made.url, CHAT, key, rate=rate / 2, seconds=warm).times)
            pids = _pids(made)
            cpu = {name: cpu_seconds(pid) for name, pid in pids.items()}
            with _weighing(pids) as scales:
                seen = steady(made.url, CHAT, key, rate=rate, seconds=seconds)
            shares = {name: (cpu_seconds(pid) - cpu[name]) / seen.seconds for name, pid in pids.items()}
            stored = asyncio.run(_stored(made.database_url, before + len(seen.times))) - before
    _answers(table, rate, seen, direct)
    table.add(Row("answers without a usage event", len(seen.times) - stored, "events", budget=0))
    for name in pids:
        weights = scales.megabytes[name]
        note = f"{weights[0]:,.0f} MB at first, {shares[name]:.0%} of a core"
        table.add(Row(f"{name}: memory at the end", weights[-1], "MB", note=note))
        table.add(Row(f"{name}: memory, slope of the second half", scales.slope(name), "MB/minute"))
    return seen, stored


def _answers(table: Table, rate: float, seen: Steady, direct: Steady) -> None:
    table.add(Row("requests a second, asked for", rate, "requests/s"))
    table.add(Row("requests a second, answered", len(seen.times) / seen.seconds, "requests/s"))
    table.add(Row("requests", seen.sent, "requests"))
    table.add(Row("failed", seen.failed_share * 100, "%", budget=_FAILED_BUDGET))
    for share, name in ((0.5, "p50"), (0.99, "p99"), (0.999, "p99.9")):
        note = f"{seen.quantile(share):,.1f} ms through it all, {direct.quantile(share):,.1f} ms the provider alone"
        table.add(Row(f"added latency, {name}", seen.quantile(share) - direct.quantile(share), "ms", note=note))


def _pids(made: Topology) -> dict[str, int]:
    return {name: one.process.pid for name, one in made.replicas.items() if one.process is not None}


@contextmanager
def _weighing(pids: Mapping[str, int]) -> Generator[Scales]:
    """Look every second, for as long as the block lasts."""
    scales, stop = Scales(megabytes={name: [] for name in pids}), threading.Event()

    def weigh() -> None:
        while True:
            scales.minutes.append((time.monotonic() - scales.begun) / 60)
            for name, pid in pids.items():
                scales.megabytes[name].append(resident_megabytes(pid))
            if stop.wait(1):
                return

    thread = threading.Thread(target=weigh, daemon=True)
    thread.start()
    try:
        yield scales
    finally:
        stop.set()
        thread.join()


async def _stored(url: str, wanted: int) -> int:
    """Finished requests in the database, once all are there or no more come."""
    database, count = Database(url, seconds=60), -1
    deadline = time.monotonic() + _SETTLE_SECONDS
    try:
        while count < wanted and time.monotonic() < deadline:
            async with database.transaction() as tx:
                count = int(await tx.scalar(text("SELECT count(*) FROM usage_events WHERE outcome = 'finished'")) or 0)
            await asyncio.sleep(0.5)
    finally:
        await database.close()
    return count


if __name__ == "__main__":
    main()
