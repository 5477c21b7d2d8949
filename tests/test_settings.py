"""The environment: what is wrong in it is told in one sentence that names the variable, before anything starts."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from llmgateway.cli import cli
from llmgateway.errors import ConfigurationError
from llmgateway.settings import load_settings


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("LLMGATEWAY_BOOTSTRAP_EMAIL", "not an address", "must be an e-mail address"),
        ("LLMGATEWAY_BOOTSTRAP_EMAIL", "Boss <boss@us.test>", "must be an e-mail address"),
        ("LLMGATEWAY_BOOTSTRAP_PASSWORD", "short", "must have 8 to 200 characters"),
        ("LLMGATEWAY_BOOTSTRAP_PASSWORD", "a bell\a rings", "must not hold control characters"),
    ],
)
def test_what_no_start_can_use_is_refused_by_check_and_by_serve(
    variable: str, value: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMGATEWAY_DATA_DIR", str(tmp_path))
    monkeypatch.setenv(variable, value)
    for command in (["config", "check"], ["serve", "--port", "0"]):
        error = CliRunner().invoke(cli, command).exception
        assert isinstance(error, ConfigurationError)
        assert str(error).startswith(f"{variable}: ")
        assert sentence in str(error)
    assert list(tmp_path.iterdir()) == []


def test_the_first_owners_address_is_kept_as_sign_up_keeps_it() -> None:
    assert load_settings({"LLMGATEWAY_BOOTSTRAP_EMAIL": " Boss@Example.COM "}).bootstrap_email == "boss@example.com"
