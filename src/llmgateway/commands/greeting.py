"""What `serve` prints when it is up: where it is, how to log in, and a line that works at once."""

import json
import os
from pathlib import Path

from llmgateway.app import public_address
from llmgateway.controlplane.onboarding.service import FirstSteps
from llmgateway.settings import Settings

_KEY_FILE = "dev-key"


def greeting(settings: Settings, port: int, first: FirstSteps | None) -> str:
    """The address, the first owner's login when it is new, and a curl line against the sandbox."""
    address = public_address(settings, port)
    lines = ["", f"llmgateway is ready at {address}", "", *login_lines(settings, first)]
    key = development_key(settings, first)
    if key is not None:
        lines += [
            "Try it:",
            _curl(address, key),
            "",
        ]
    return "\n".join(lines) + "\n"


def login_lines(settings: Settings, first: FirstSteps | None) -> list[str]:
    """At the first start: the first owner's login when nobody was asked for one, or how to get it where output is kept."""
    if first is None:
        return []
    if first.email is None:
        return ["Nobody can log in yet. Make the first owner:", "  llmgateway operators create EMAIL", ""]
    if first.password is None:
        given = settings.bootstrap_password is not None
        return [] if given else [f"Choose a password:  llmgateway operators reset-password {first.email}", ""]
    return [f"First owner   {first.email}", f"Password      {first.password}  (shown once)", ""]


def _curl(address: str, key: str) -> str:
    """A line that works as it is printed, in any shell."""
    message = {"role": "user", "content": "Hello, gateway"}
    body = json.dumps({"model": "sandbox/chat", "stream": True, "messages": [message]})
    headers = f"-H 'authorization: Bearer {key}' -H 'content-type: application/json'"
    return f"curl -N {address}/v1/chat/completions {headers} -d '{body}'"


def development_key(settings: Settings, first: FirstSteps | None) -> str | None:
    """The first key: as made now, or as kept by an earlier start; in production it is neither kept nor shown."""
    if settings.production:
        return None
    path = settings.data_dir / _KEY_FILE
    if first is not None and first.key is not None:
        _keep(path, first.key)
        return first.key
    try:
        return path.read_text("utf-8").strip() or None
    except FileNotFoundError:
        return None


def _keep(path: Path, key: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(key + "\n")
