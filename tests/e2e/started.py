"""A command that starts a gateway and prints how to use it: run as a user runs it, and read as a user reads it."""

import os
import re
import shlex
import signal
import subprocess
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Started:
    """What the printed `curl ` line says."""

    curl: str

    @property
    def words(self) -> list[str]:
        """The line as a shell splits it."""
        return shlex.split(self.curl)

    @property
    def base_url(self) -> str:
        """http://127.0.0.1:PORT."""
        found = re.search(r"http://127\.0\.0\.1:\d+", self.curl)
        assert found, self.curl
        return found.group()

    @property
    def key(self) -> str:
        """The API key in it."""
        found = re.search(r"lgw_live_\w+", self.curl)
        assert found, self.curl
        return found.group()


@contextmanager
def started(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], patience: float
) -> Generator[Started]:
    """Run the command until it prints its `curl ` line, and stop it at the end. Fails when it never does."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LLMGATEWAY_", "MAKE"))}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**inherited, "LLMGATEWAY_DRAIN_DELAY": "0", "LLMGATEWAY_DRAIN_TIMEOUT": "5", **environment},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    impatience = threading.Timer(patience, process.kill)
    impatience.start()
    try:
        printed = ""
        for line in process.stdout:
            printed += line
            if line.startswith("curl "):
                break
        else:
            raise AssertionError(f"no curl line, but:\n{printed}")
        impatience.cancel()
        yield Started(line.strip())
    finally:
        impatience.cancel()
        process.send_signal(signal.SIGTERM)
        process.stdout.close()
        process.wait(30)
