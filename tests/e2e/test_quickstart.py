"""The README's promise: in a bare checkout `make run` is enough, and the line it prints works at once."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.started import started

ROOT = Path(__file__).parents[2]
NOT_IN_A_CLONE = shutil.ignore_patterns(".venv", ".data", ".git", "__pycache__", ".*_cache", ".hypothesis")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(
        not all(map(shutil.which, ("make", "curl", "python3"))),
        reason="SKIPPED: make, curl or python3 is missing, so the quickstart is not tried",
    ),
]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tracked files, without anything that an earlier run left."""
    return shutil.copytree(ROOT, tmp_path_factory.mktemp("clone") / "llmgateway", ignore=NOT_IN_A_CLONE)


def test_make_run_in_a_bare_checkout_prints_a_line_that_works(checkout: Path) -> None:
    for patience in (300, 60):  # the second start finds everything in place, and the key of the first
        with started(
            ["make", "run"], folder=checkout, environment={"LLMGATEWAY_PORT": "0"}, patience=patience
        ) as gateway:
            answer = subprocess.run(
                [*gateway.words, "--silent", "--show-error", "--fail-with-body"],
                capture_output=True,
                text=True,
                check=False,
                timeout=30,
            )
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert answer.stdout.rstrip().endswith("data: [DONE]")
    assert (checkout / ".data" / "dev-key").stat().st_mode & 0o777 == 0o600
