"""Every public recording through a running gateway, judged by the harness that reviewers use (../shared/acceptance)."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from llmgateway.providers.registry import PROVIDERS
from tests.e2e.gateway import run_gateway

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HARNESS = Path(__file__).parents[3] / "shared" / "acceptance"
ENVIRONMENT = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"}
RIGHT_ANSWERS = 0.98
"""Of those that the harness judges: equal in text, tool calls, finish reason, usage and errors."""
KEPT_FIELDS = 0.985
"""Of the requests' fields: arrived, or refused by name."""

OTHER_WIRES = {"ollama:ollama.chat": "ollama_native", "ollama:ollama.embed": "ollama_native"}
"""Recordings of a provider's second wire, and who speaks it here."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Score:
    """What the harness found."""

    results: list[Json]

    @property
    def judged(self) -> list[Json]:
        return [result for result in self.results if result["verdict"] != "na"]

    @property
    def wrong(self) -> list[str]:
        """The answers that differ, a line each."""
        bad = [result for result in self.judged if result["verdict"] != "pass"]
        return [f"{r['provider']} {r['op']} {r['id']} {r.get('diff') or r.get('error')}" for r in bad]

    @property
    def units(self) -> list[Any]:
        """(field, what became of it or None) of all requests."""
        everything: list[Any] = []
        for result in self.results:
            everything += result.get("request") or []
        return everything


@contextmanager
def replay(port: int) -> Generator[None]:
    """The stand-in for all providers."""
    process = subprocess.Popen(
        [sys.executable, "replay.py", "--port", str(port)],
        cwd=HARNESS,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                httpx2.get(f"http://127.0.0.1:{port}/_health", timeout=1)
                break
            except httpx2.HTTPError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _config(folder: Path, port: int) -> str:
    """The harness's own gateway.yaml, less the providers that are not built in yet."""
    done = subprocess.run(
        [sys.executable, "gateways/ours.py", "yaml", f"http://127.0.0.1:{port}"],
        cwd=HARNESS,
        env={**ENVIRONMENT, "ACCEPT_SERVICE_ACCOUNT": str(_service_account(folder, port))},
        capture_output=True,
        text=True,
        check=True,
    )
    config: Json = yaml.safe_load(done.stdout)
    known = {provider.id for provider in PROVIDERS}
    config["providers"] = {n: e for n, e in config["providers"].items() if n in known or e.get("type")}
    config["providers"]["ollama_native"] = config["providers"]["ollama"]
    return yaml.safe_dump(config)


def _service_account(folder: Path, port: int) -> Path:
    """A throw-away key pair in the form of a Google service account."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = {
        "type": "service_account",
        "project_id": "test-project",
        "private_key_id": "k",
        "private_key": pem,
        "client_email": "a@b.iam.gserviceaccount.com",
        "token_uri": f"http://127.0.0.1:{port}/token",
    }
    file = folder / "service_account.json"
    file.write_text(json.dumps(account))
    return file


@pytest.fixture(scope="module")
def score(tmp_path_factory: pytest.TempPathFactory) -> Score:
    if not HARNESS.is_dir():
        pytest.skip(f"NOT JUDGED: {HARNESS} is absent, so no recorded traffic can be replayed.")
    folder = tmp_path_factory.mktemp("recordings")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = _config(folder, port)
    names = ",".join(yaml.safe_load(config)["providers"])
    with replay(port), run_gateway(folder / "data", config) as gateway:
        out = folder / "results.json"
        arguments = ["--base-url", gateway.url, "--api-key", gateway.key, "--replay", f"http://127.0.0.1:{port}"]
        arguments += ["--provider-map", json.dumps(OTHER_WIRES)]
        arguments += ["--model-template", "{provider}/{model}.{case}", "--provider", names, "--out", str(out)]
        subprocess.run(
            [sys.executable, "drive.py", *arguments],
            cwd=HARNESS,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=True,
            timeout=200,
        )
    return Score(json.loads(out.read_text())["results"])


def test_the_answers_are_the_providers_own(score: Score) -> None:
    assert len(score.judged) > 400
    right = 1 - len(score.wrong) / len(score.judged)
    assert right >= RIGHT_ANSWERS, "\n".join(score.wrong)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "groq", "deepseek", "ollama"])
def test_the_first_six_are_right_in_all_chats_and_embeddings(score: Score, provider: str) -> None:
    operations = ("chat", "chat_stream", "messages", "messages_stream", "embeddings")
    judged = [r for r in score.judged if r["provider"] == provider and r["op"] in operations]
    assert judged
    assert [(r["id"], r["op"], r.get("diff") or r.get("error")) for r in judged if r["verdict"] != "pass"] == []


def test_the_requests_arrive(score: Score) -> None:
    lost = [unit for unit in score.units if unit[1]]
    assert len(score.units) > 1500
    assert 1 - len(lost) / len(score.units) >= KEPT_FIELDS, lost
