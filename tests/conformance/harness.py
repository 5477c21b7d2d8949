"""The reviewers' harness (../shared/acceptance): its stand-in for all providers, and a gateway.yaml that points there."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from llmgateway.providers.registry import PROVIDERS

HARNESS: Final = Path(__file__).parents[3] / "shared" / "acceptance"
ENVIRONMENT: Final = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"}
ABSENT: Final = f"NOT JUDGED: {HARNESS} is absent, so no recorded traffic can be replayed."

Json = dict[str, Any]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


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


def replay_config(folder: Path, port: int) -> str:
    """The harness's own gateway.yaml, less the providers that are not built in yet."""
    done = subprocess.run(
        [sys.executable, "gateways/ours.py", "yaml", f"http://127.0.0.1:{port}"],
        cwd=HARNESS,
        env={**ENVIRONMENT, "ACCEPT_SERVICE_ACCOUNT": str(service_account(folder, port))},
        capture_output=True,
        text=True,
        check=True,
    )
    config: Json = yaml.safe_load(done.stdout)
    known = {provider.id for provider in PROVIDERS}
    config["providers"] = {n: e for n, e in config["providers"].items() if n in known or e.get("type")}
    config["providers"]["ollama_native"] = config["providers"]["ollama"]
    return yaml.safe_dump(config)


def service_account(folder: Path, port: int) -> Path:
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
