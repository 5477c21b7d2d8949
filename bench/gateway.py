"""The gateway under test, used as an operator would: a gateway.yaml, `serve`, and a key with every kind of limit."""

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.machine import LOAD, SERVED, CannotMeasureError, Server, free_port, move, serving
from llmgateway.db.embedded import cluster_home

COMMAND = str(Path(sys.executable).with_name("llmgateway"))
LIMITS = (
    *("--rpm", "1000000000", "--rph", "1000000000", "--rpd", "1000000000", "--tpm", "1000000000000"),
    *("--concurrency", "100000", "--budget-usd", "9000000"),
)
"""Far away, but each of them is checked and reserved for every request."""

PATIENT = {"LLMGATEWAY_REDIS_DEADLINE_MS": "500"}
"""With Valkey: on cores that all of them fill, an answer can be late without anybody being down."""


@dataclass(frozen=True, slots=True)
class Installation:
    """A data directory, and what its processes are started with."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    profile: Path | None = None
    workers: int = 1
    core: str | None = SERVED
    """None: any."""
    apart: bool = False
    """Whether its database has another core, as a machine of its own would be."""

    @property
    def whole_environment(self) -> dict[str, str]:
        """What its processes and commands see."""
        return {
            **os.environ,
            **self.environment,
            "LLMGATEWAY_DATA_DIR": str(self.folder / "data"),
            "LLMGATEWAY_DRAIN_DELAY": "0",
            "LLMGATEWAY_DRAIN_TIMEOUT": "1",
        }

    @contextmanager
    def serving(self, upstream: Server) -> Generator[Server]:
        """A gateway whose providers are the upstream."""
        port = free_port()
        configuration = self.folder / "gateway.yaml"
        configuration.write_text(f"""
providers:
  openai: {{api_key: bench, base_url: "{upstream.url}/v1"}}
  anthropic: {{api_key: bench, base_url: "{upstream.url}"}}
""")
        command = [COMMAND, "serve", "--config", str(configuration), "--port", str(port)]
        if self.profile:
            command = [sys.executable, "-m", "bench.profiled", str(self.profile), *command[1:]]
        if self.workers > 1:
            command += ["--workers", str(self.workers)]
        log = self.folder / "gateway.log"
        environment = self.whole_environment
        with serving(command, port, core=self.core, ready="/readyz", environment=environment, log=log) as server:
            if self.apart:
                move(LOAD, working_in=cluster_home(self.folder / "data"))
            yield server

    def make_key(self) -> str:
        """An API key with limits of every kind. Raises CannotMeasureError."""
        made = subprocess.run(
            [COMMAND, "keys", "create", "--name", "bench", *LIMITS, "--json"],
            env=self.whole_environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise CannotMeasureError(f"llmgateway keys create failed:\n{made.stderr[-2000:]}")
        return json.loads(made.stdout)["key"]
