"""The Makefile: every target says what it does, and `make help` shows it."""

import re
import shutil
import subprocess

import pytest

from tests.architecture.source import ROOT

TARGETS = re.findall(r"^([a-z][\w-]*):(?!=)(.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_every_target_is_documented() -> None:
    assert {name for name, rest in TARGETS if "## " not in rest} == set()
    assert {"run", "demo", "test", "check", "fix", "bench", "docs", "lock", "clean"} <= {name for name, _ in TARGETS}


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed: the help text is not tried")
def test_help_lists_every_target() -> None:
    make = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {line.split()[1] for line in make.stdout.splitlines()} == {name for name, _ in TARGETS}
