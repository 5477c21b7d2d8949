"""The benchmarks run from end to end; how fast is nobody's business here."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from bench.__main__ import PARTS
from bench.canned import Request
from bench.report import RESULTS
from bench.steady import Steady, steady
from docs import benchmark_page
from tests.architecture.source import ROOT

PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
needs_tools = pytest.mark.skipif(
    not all(shutil.which(name, path=PATH) for name in ("nginx", "wrk")),
    reason="SKIPPED: nginx or wrk is not installed, so the benchmark is not tried",
)
WANTED = {
    "answers": "gateway, 32 connections",
    "streams": "streams at once before the core is full, passed through",
    "workers": "two processes : one process",
    "growth": "100 of each: requests of 100 keys, 32 connections",
}


@needs_tools
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", sorted(WANTED))
def test_a_quick_run_fills_the_table(part: str, tmp_path: Path) -> None:
    report = tmp_path / "bench.json"
    run = subprocess.run(
        [sys.executable, "-m", "bench", part, "--quick", "--json", report],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    rows = {row["name"]: row["value"] for row in json.loads(report.read_text("utf-8"))}
    assert WANTED[part] in rows, run.stdout


@needs_tools
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_steady_load_on_the_topology_loses_no_answer_and_no_event() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "bench.topology", "--rate", "20", "--minutes", "0.1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "data-2: memory, slope" in run.stdout


def test_a_part_that_is_none_is_told() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "bench", "nonsense"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "answers, redis, streams, workers, growth" in run.stderr


def test_the_page_has_every_part_measured() -> None:
    assert [*benchmark_page.PARTS] == [*PARTS, "topology", "peers"]
    for name in benchmark_page.PARTS:
        result = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
        assert result["rows"], name
        assert result["command"].startswith("make bench"), name


async def _asked_of(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], rate: float, seconds: float
) -> Steady:
    application = web.Application()
    application.router.add_post("/v1/chat/completions", handler)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    request = Request("/v1/chat/completions", "{}")
    try:
        return await asyncio.to_thread(steady, f"http://127.0.0.1:{port}", request, "k", rate=rate, seconds=seconds)
    finally:
        await runner.cleanup()


async def test_a_steady_load_counts_every_answer_and_every_failure() -> None:
    asked = list[str]()

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.headers["authorization"])
        number = len(asked)
        await asyncio.sleep(0.01)
        if number % 10 == 0:
            return web.Response(status=503)
        if number % 10 == 5:
            assert request.transport is not None
            request.transport.close()
        return web.Response(text="x" * 5000)

    seen = await _asked_of(answer, rate=200, seconds=1)
    assert seen.sent == len(asked)
    assert set(asked) == {"Bearer k"}
    failed = sum(1 for number in range(1, seen.sent + 1) if number % 5 == 0)
    assert (seen.failed, len(seen.times)) == (failed, seen.sent - failed)
    assert seen.quantile(0.5) >= 10
    assert seen.examples
