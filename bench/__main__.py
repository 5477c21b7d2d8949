"""`python -m bench [PART...]`: each part is a table, each figure beside its budget; without a part all of them."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from bench.answers import whole_answers
from bench.gateway import PATIENT, Installation
from bench.growth import SIZES, growth
from bench.machine import CannotMeasureError, valkey
from bench.report import Machine, Table, record
from bench.streams import streamed_answers
from bench.workers import two_processes
from deploy.local.throwaway import throwaway_folder


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how hard."""

    seconds: float
    streams: int
    """At once, and the step by which there are more of them."""
    most: int
    """Streams that are tried at once."""
    sizes: tuple[int, ...]
    profile: Path | None = None


Part = Callable[[Table, Plan, Path], None]


def _embedded(table: Table, plan: Plan, folder: Path) -> None:
    whole_answers(table, plan.seconds, Installation(folder, profile=plan.profile))


def _redis(table: Table, plan: Plan, folder: Path) -> None:
    with valkey() as url:
        shared = Installation(folder, {"REDIS_URL": url, **PATIENT}, plan.profile, apart=True)
        whole_answers(table, plan.seconds, shared)


def _streams(table: Table, plan: Plan, folder: Path) -> None:
    streamed_answers(table, plan.seconds, plan.streams, plan.most, Installation(folder))


def _workers(table: Table, plan: Plan, folder: Path) -> None:
    two_processes(table, plan.seconds, folder)


def _growth(table: Table, plan: Plan, folder: Path) -> None:
    growth(table, plan.seconds, plan.sizes, folder)


PARTS: Mapping[str, tuple[str, Part]] = MappingProxyType(
    {
        "answers": ("whole answers, everything on, one core, embedded", _embedded),
        "redis": (
            "whole answers, everything on, one core, limits in Valkey, which has another core, as PostgreSQL has",
            _redis,
        ),
        "streams": ("streams of 50 chunks a second, everything on, one core", _streams),
        "workers": ("two processes behind one port", _workers),
        "growth": ("as organisations, keys and routes grow, one core", _growth),
    }
)
"""Name -> its title, and what measures it."""


def main() -> None:
    """Measure, print the tables, and keep them where asked."""
    arguments = _arguments()
    quick = Plan(seconds=1, streams=20, most=40, sizes=(10, 100))
    plan = quick if arguments.quick else Plan(arguments.seconds, arguments.streams, 2000, SIZES, arguments.profile)
    everything = list[dict[str, object]]()
    for name in arguments.parts or PARTS:
        title, part = PARTS[name]
        table, machine = Table(), Machine.here()
        try:
            with throwaway_folder("bench") as folder:
                part(table, plan, folder)
        except CannotMeasureError as error:
            sys.exit(f"bench: {error}")
        print(table.text(title), flush=True)
        everything += [{"part": name, **row} for row in table.data()]
        if arguments.record:
            options = " ".join(word for word in sys.argv[1:] if word not in PARTS)
            record(name, f'make bench BENCH="{name} {options}"', machine, table)
    if arguments.json:
        arguments.json.write_text(json.dumps(everything, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench", description="Throughput, added latency, CPU per chunk, memory, start."
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; default all")
    parser.add_argument("--seconds", type=float, default=8, help="length of each measurement")
    parser.add_argument("--streams", type=int, default=125, help="streams open at once, at 50 chunks a second each")
    parser.add_argument("--quick", action="store_true", help="a second each: shows that it runs, not how fast")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument(
        "--record", action="store_true", help="keep them for docs/benchmarks.md, which `make docs` writes"
    )
    parser.add_argument(
        "--profile", nargs="?", const=Path("bench.prof"), type=Path, help="under cProfile, to this file"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return arguments


if __name__ == "__main__":
    main()
