"""What commands are run with."""

from pathlib import Path

import pytest


@pytest.fixture
def installation(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of one that has the test's database."""
    for name, value in {
        "DATABASE_URL": database_url,
        "LLMGATEWAY_DATA_DIR": str(tmp_path / "data"),
        "LLMGATEWAY_SECRET_KEY": "s" * 32,
        "JWT_SECRET_KEY": "j" * 32,
    }.items():
        monkeypatch.setenv(name, value)
