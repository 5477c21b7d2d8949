"""`llmgateway operators`, as whoever runs the installation calls it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llmgateway.cli import cli
from llmgateway.errors import ConfigurationError


def test_the_first_owner_is_an_operator_and_the_last_one_stays(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "DATABASE_URL": database_url,
        "LLMGATEWAY_DATA_DIR": str(tmp_path),
        "LLMGATEWAY_SECRET_KEY": "s" * 32,
        "JWT_SECRET_KEY": "j" * 32,
        "LLMGATEWAY_BOOTSTRAP_EMAIL": "first@us.test",
    }.items():
        monkeypatch.setenv(name, value)
    run = CliRunner().invoke
    assert run(cli, ["keys", "create", "--name", "k"]).exit_code == 0  # the installation is made
    assert json.loads(run(cli, ["operators", "list", "--json"]).stdout) == ["first@us.test"]
    refused = run(cli, ["operators", "remove", "first@us.test"]).exception
    assert isinstance(refused, ConfigurationError)
    assert "last operator" in str(refused)
    unknown = run(cli, ["operators", "add", "nobody@us.test"]).exception
    assert "sign up first" in str(unknown)
