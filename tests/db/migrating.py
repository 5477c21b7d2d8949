"""Alembic, as an operator calls it in the repository."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SECRETS = {"LLMGATEWAY_SECRET_KEY": "s" * 32, "JWT_SECRET_KEY": "j" * 32}


def alembic(url: str, *arguments: str) -> None:
    """As an operator calls it in the repository."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "DATABASE_URL": url, **SECRETS},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
