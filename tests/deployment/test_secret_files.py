"""Secrets that lie in files, as containers get them."""

from pathlib import Path

import pytest

from llmgateway.errors import ConfigurationError
from llmgateway.settings import load_settings


def test_a_setting_can_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("look-at-me\n")
    (tmp_path / "key").write_text("sk-from-a-file\n")
    settings = load_settings(
        {"LLMGATEWAY_METRICS_TOKEN_FILE": str(tmp_path / "token"), "OPENAI_API_KEY_FILE": str(tmp_path / "key")}
    )
    assert settings.metrics_token == "look-at-me"
    assert settings.environment["OPENAI_API_KEY"] == "sk-from-a-file"


def test_an_empty_file_counts_as_unset(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("\n")
    assert "OPENAI_API_KEY" not in load_settings({"OPENAI_API_KEY_FILE": str(tmp_path / "key")}).environment


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="LLMGATEWAY_METRICS_TOKEN_FILE"):
        load_settings({"LLMGATEWAY_METRICS_TOKEN_FILE": str(tmp_path / "absent")})


def test_a_value_and_a_file_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("x")
    with pytest.raises(ConfigurationError, match="both set"):
        load_settings({"OPENAI_API_KEY": "a", "OPENAI_API_KEY_FILE": str(tmp_path / "key")})


def test_other_files_are_none_of_ours(tmp_path: Path) -> None:
    load_settings({"SSL_CERT_FILE": str(tmp_path / "absent"), "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "absent")})
