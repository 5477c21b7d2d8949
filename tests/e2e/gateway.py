"""A real gateway in a process of its own, started as a user starts it and asked over HTTP."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from llmgateway.cli import cli

Json = dict[str, Any]
_READY = re.compile(r"ready at (http://\S+)")


@dataclass
class Gateway:
    """Where it listens, its first key, and how to ask its command line."""

    url: str
    key: str
    data_dir: Path
    process: subprocess.Popen[str]
    environment: Mapping[str, str]
    greeting: str

    def command(self, *arguments: str) -> str:
        """Run `llmgateway ...` beside it and give back what it prints."""
        return run_command(self.environment, *arguments)

    def usage(self, request_id: str, *, seconds: float = 20) -> Json:
        """The one event of a request, as soon as it can be read."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            events: list[Json] = json.loads(self.command("usage", "list", "--json", "--request", request_id))
            if events:
                assert len(events) == 1
                return events[0]
            time.sleep(0.2)
        raise AssertionError(f"no usage event for {request_id}")

    def new_key(self, *options: str) -> str:
        """Another key of the first organisation."""
        made: Json = json.loads(self.command("keys", "create", "--name", "test", *options, "--json"))
        return str(made["key"])


def run_command(environment: Mapping[str, str], *arguments: str) -> str:
    """What `llmgateway ...` prints: run in this process, which has loaded all of it, on a thread for its event loop."""
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(CliRunner().invoke, cli, arguments, env=environment).result(60)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


@contextmanager
def run_gateway(data_dir: Path, config: str = "", **environment: str) -> Generator[Gateway]:
    """Start a gateway on a free port and wait for its greeting; ended with SIGTERM."""
    data_dir.mkdir(parents=True, exist_ok=True)
    arguments = ["--port", "0"]
    if config:
        file = data_dir / "gateway.yaml"
        file.write_text(config)
        arguments += ["--config", str(file)]
    env = {
        **{name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL"))},
        "LLMGATEWAY_DATA_DIR": str(data_dir),
        "LLMGATEWAY_DRAIN_DELAY": "0",
        **environment,
    }
    log = (data_dir / "gateway.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "llmgateway", "serve", *arguments],
        env=env,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    try:
        greeting = _read_greeting(process, data_dir)
        match = _READY.search(greeting)
        assert match is not None, greeting
        key = (data_dir / "dev-key").read_text().strip()
        yield Gateway(match[1], key, data_dir, process, env, greeting)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        log.close()


def _read_greeting(process: subprocess.Popen[str], data_dir: Path) -> str:
    assert process.stdout is not None
    lines = list[str]()
    for line in process.stdout:
        lines.append(line)
        if line.startswith("curl "):
            return "".join(lines)
    raise AssertionError(f"the gateway did not start: {''.join(lines)} {(data_dir / 'gateway.log').read_text()}")
