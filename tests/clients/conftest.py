"""A gateway in front of aimock, a third party's stand-in for OpenAI, Anthropic and Gemini (npm, @copilotkit/aimock).

And one in front of what the real ones once answered.
"""

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import httpx2
import pytest

from tests.conformance.harness import ABSENT, HARNESS, free_port, replay, replay_config
from tests.e2e.gateway import Gateway, run_gateway

HERE = Path(__file__).parent
NODE = HERE / "node"
ENVIRONMENT = {**os.environ, "NO_UPDATE_NOTIFIER": "1"}


@pytest.fixture(scope="session")
def node_clients() -> Path:
    """The folder of the Node clients, installed from their lock. One process at a time installs."""
    if shutil.which("npm") is None:
        pytest.skip("NOT TRIED: Node clients need node and npm, which this machine does not have.")
    with (NODE / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (NODE / "node_modules" / ".package-lock.json").exists():
            install = ["npm", "ci", "--no-audit", "--no-fund"]
            subprocess.run(install, cwd=NODE, check=True, capture_output=True, timeout=300)
    return NODE


@pytest.fixture(scope="session")
def gateway(node_clients: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway]:
    port = free_port()
    mock = subprocess.Popen(
        ["node", "node_modules/@copilotkit/aimock/dist/cli.js", "-p", str(port), "-f", str(HERE / "fixtures.json")],
        cwd=node_clients,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    config = f"""
providers:
  openai: {{api_key: sk-up, base_url: http://127.0.0.1:{port}/v1}}
  anthropic: {{api_key: sk-up, base_url: http://127.0.0.1:{port}}}
  gemini: {{api_key: sk-up, base_url: http://127.0.0.1:{port}}}
"""
    try:
        _wait(port)
        with run_gateway(tmp_path_factory.mktemp("clients"), config) as running:
            yield running
    finally:
        mock.terminate()
        mock.wait(10)


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway]:
    """A gateway in front of the recordings: a model's name says which."""
    if not HARNESS.is_dir():
        pytest.skip(ABSENT)
    folder, port = tmp_path_factory.mktemp("recorded"), free_port()
    with replay(port), run_gateway(folder / "data", replay_config(folder, port)) as running:
        yield running


def _wait(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            httpx2.get(f"http://127.0.0.1:{port}/health", timeout=1)
        except httpx2.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("aimock did not start")
