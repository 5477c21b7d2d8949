"""What can stop a start: one clear sentence each, and an exit code that is not 0."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.e2e.gateway import run_gateway

pytestmark = pytest.mark.slow

SECRETS = {"LLMGATEWAY_SECRET_KEY": "s" * 32, "JWT_SECRET_KEY": "j" * 32}


def _fail(tmp_path: Path, *arguments: str, **environment: str) -> str:
    """Start, expect it to fail, and give back the one sentence."""
    done = subprocess.run(
        [sys.executable, "-m", "llmgateway", "serve", *arguments],
        env={**os.environ, "LLMGATEWAY_DATA_DIR": str(tmp_path / "data"), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode not in {0, None}
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = _fail(tmp_path, "--port", port)
    assert port in said
    assert "--port" in said


def test_unwritable_data_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    said = _fail(tmp_path, "--port", "0", LLMGATEWAY_DATA_DIR=str(tmp_path / "file" / "data"))
    assert "LLMGATEWAY_DATA_DIR" in said


@pytest.mark.parametrize(
    "url",
    [
        "not a url",
        "mysql://localhost/db",
        "postgresql://nobody:wrong@127.0.0.1:1/nothing",
        "postgresql://nobody@no-such-host.invalid/nothing",
    ],
)
def test_bad_database_url(tmp_path: Path, url: str) -> None:
    assert "DATABASE_URL" in _fail(tmp_path, "--port", "0", DATABASE_URL=url, **SECRETS)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("providers: [", "gateway.yaml"),
        ("nonsense: 1", "nonsense"),
        ("providers:\n  lab: {base_url: http://127.0.0.1:1}", "lab"),
        ("providers:\n  openai: {api_key: '${NOT_SET_ANYWHERE}'}", "NOT_SET_ANYWHERE"),
        ("models:\n  smart: {targets: []}", "models.smart.targets"),
        ("models:\n  smart: {strategy: luck, targets: [{provider: openai, model: m}]}", "strategy"),
    ],
)
def test_malformed_gateway_yaml(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(text)
    assert named in _fail(tmp_path, "--port", "0", "--config", str(file))


def test_missing_gateway_yaml(tmp_path: Path) -> None:
    assert "cannot be read" in _fail(tmp_path, "--port", "0", "--config", str(tmp_path / "absent.yaml"))


def test_missing_production_secret(tmp_path: Path) -> None:
    assert "LLMGATEWAY_SECRET_KEY" in _fail(tmp_path, "--port", "0", DATABASE_URL="postgresql://x@127.0.0.1:1/x")


def test_several_workers_without_shared_stores(tmp_path: Path) -> None:
    said = _fail(tmp_path, "--port", "0", "--workers", "2")
    assert "DATABASE_URL" in said
    assert "REDIS_URL" in said


def test_the_second_start_keeps_key_and_data_and_the_printed_curl_works(tmp_path: Path) -> None:
    with run_gateway(tmp_path / "data") as first:
        key = first.key
        assert "Password" in first.greeting
        assert (first.data_dir / "dev-key").stat().st_mode & 0o777 == 0o600
    with run_gateway(tmp_path / "data") as second:
        assert second.key == key
        assert "Password" not in second.greeting
        line = next(line for line in second.greeting.splitlines() if line.startswith("curl "))
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=30, check=True)
        assert "[DONE]" in done.stdout
        assert "sandbox" in done.stdout


def test_sigterm_in_mid_stream_lets_the_stream_end_and_stops_being_ready(tmp_path: Path) -> None:
    body = {"model": "sandbox/chat", "stream": True, "messages": [{"role": "user", "content": "word " * 80}]}
    with (
        run_gateway(tmp_path / "data", LLMGATEWAY_DRAIN_DELAY="2") as gateway,
        httpx2.Client(headers={"authorization": f"Bearer {gateway.key}"}, timeout=20) as client,
        client.stream("POST", f"{gateway.url}/v1/chat/completions", json=body) as response,
    ):
        pieces = response.iter_raw()
        next(pieces)
        gateway.process.terminate()
        ready = httpx2.get(f"{gateway.url}/readyz", timeout=5)
        while ready.status_code == 200:
            ready = httpx2.get(f"{gateway.url}/readyz", timeout=5)
        assert ready.json() == {"status": "draining"}
        assert b"[DONE]" in b"".join(pieces)
        assert gateway.process.wait(30) == 0
