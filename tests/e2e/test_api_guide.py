"""docs/guides/api.md, walked as it stands; only the address and the mailed token are put in."""

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.e2e.gateway import run_gateway

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("jq") is None, reason="SKIPPED LOUDLY: jq is not installed, the API guide was not walked"
    ),
]

BLOCKS = re.findall(
    r"^```sh\n(.*?)^```$", (ROOT / "docs" / "guides" / "api.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)


def _run(script: str) -> str:
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _mailed(log: Path) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = re.search(r"verify\?token=(\S+)", log.read_text("utf-8"))
        if found:
            return found[1]
        time.sleep(0.2)
    raise AssertionError(log.read_text("utf-8"))


def test_the_walk_from_sign_up_to_the_first_completion(tmp_path: Path) -> None:
    with run_gateway(tmp_path, LLMGATEWAY_SIGNUP="on") as gateway:
        first, *rest = [block.replace("http://localhost:8080", gateway.url) for block in BLOCKS]
        _run(first)
        token = _mailed(tmp_path / "gateway.log")
        printed = _run("\n".join(rest).replace("TOKEN_FROM_THE_MAIL", token))
    assert '"analytical-engines"' in printed
    assert "first by priority" in printed
    assert "Hello" in printed
    assert '"outcome": "finished"' in printed
    assert printed.split()[-2:] == ["key.rotate", "key.create"]
