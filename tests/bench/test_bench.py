"""The benchmark runs from end to end; how fast is nobody's business here."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.skipif(
    not all(shutil.which(name, path=PATH) for name in ("nginx", "wrk")),
    reason="SKIPPED: nginx or wrk is not installed, so the benchmark is not tried",
)
def test_a_quick_run_fills_the_table(tmp_path: Path) -> None:
    report = tmp_path / "bench.json"
    run = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--json", report],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    rows = {row["name"]: row["value"] for row in json.loads(report.read_text("utf-8"))}
    assert rows["gateway, 32 connections"] > 0
    assert [name for name in rows if name.startswith("CPU per chunk: ")]
