"""The environment: what is wrong in it is told in one sentence that names the variable, before anything starts."""

import os
import subprocess
import sys
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
        ("DATABASE_URL", "mysql://u:secret@db/x", "must be a URL such as postgresql://USER"),
        ("DATABASE_MIGRATION_URL", "db.example.com", "must be a URL such as postgresql://USER"),
        ("DATABASE_URL", "postgresql://u:secret@db:port/x", "must be a URL such as postgresql://USER"),
        ("REDIS_URL", "redis://cache:port/0", "must be a URL that begins with redis://"),
        ("REDIS_URL", "http://secret@cache", "must be a URL that begins with redis:// or rediss:// or unix://"),
        ("LLMGATEWAY_TRUSTED_PROXIES", "10.0.0.1,300.1.1.1", "'300.1.1.1' is neither an address nor a network"),
        ("LLMGATEWAY_TRUSTED_PROXIES", "10.0.0.1/8", "'10.0.0.1/8' is neither an address nor a network"),
        ("LLMGATEWAY_SMTP_URL", "foo", "must be a URL that begins with smtp://HOST or smtp+starttls://HOST"),
        ("LLMGATEWAY_PUBLIC_URL", "foo", "must be a URL that begins with https://HOST or http://HOST"),
        ("LLMGATEWAY_PUBLIC_URL", "https://", "must be a URL that begins with https://HOST or http://HOST"),
        ("STRIPE_API_BASE", "foo", "must be a URL that begins with https://HOST"),
        ("LLMGATEWAY_BOOTSTRAP_PASSWORD", "short", "must have 12 to 200 characters"),
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
        assert "secret" not in str(error)
    assert list(tmp_path.iterdir()) == []


def test_the_first_owners_address_is_kept_as_sign_up_keeps_it() -> None:
    assert load_settings({"LLMGATEWAY_BOOTSTRAP_EMAIL": " Boss@Example.COM "}).bootstrap_email == "boss@example.com"


def test_what_is_right_is_taken_as_it_is() -> None:
    given = {
        "DATABASE_URL": "postgresql+psycopg2://u:p@/x?host=/run/postgresql",
        "REDIS_URL": "unix:///run/valkey.sock",
        "LLMGATEWAY_TRUSTED_PROXIES": "10.0.0.1, 10.0.0.0/8,fd00::/8",
        "LLMGATEWAY_SMTP_URL": "smtp+starttls://u:p@mail.us.test:587",
        "LLMGATEWAY_PUBLIC_URL": "https://us.test",
        "LLMGATEWAY_SECRET_KEY": "s" * 32,
        "JWT_SECRET_KEY": "j" * 32,
    }
    settings = load_settings(given)
    assert (settings.database_url, settings.redis_url) == (given["DATABASE_URL"], given["REDIS_URL"])
    assert settings.trusted_proxies == ("10.0.0.1", "10.0.0.0/8", "fd00::/8")
    assert load_settings({"LLMGATEWAY_TRUSTED_PROXIES": "*"}).trusted_proxies == ("*",)


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("LLMGATEWAY_TRUSTED_PROXY", "LLMGATEWAY_TRUSTED_PROXIES"),
        ("LLMGATEWAY_LOG_REQUEST", "LLMGATEWAY_LOG_REQUESTS"),
        ("LLMGATEWAY_SECRET_KEYS_FILE", "LLMGATEWAY_SECRET_KEY"),
        ("LLMGATEWAY_DOMAIN", None),
        ("LLMGATEWAY_URL", None),
        ("LLMGATEWAY_PORT", None),
    ],
)
def test_a_variable_that_is_nearly_a_setting_is_told(variable: str, meant: str | None) -> None:
    value = "8123" if variable == "LLMGATEWAY_PORT" else "x"
    assert load_settings({variable: value}).misspelt() == ({variable: meant} if meant else {})


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["worker"]])
def test_a_process_that_starts_warns_of_it(command: list[str], tmp_path: Path) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"  # so that it warns, and ends
    done = subprocess.run(
        [sys.executable, "-m", "llmgateway", *command],
        env={
            **os.environ,
            "LLMGATEWAY_DATA_DIR": str(tmp_path),
            "DATABASE_URL": nowhere,
            "LLMGATEWAY_SECRET_KEY": "s" * 32,
            "JWT_SECRET_KEY": "j" * 32,
            "LLMGATEWAY_LOG_REQUEST": "all",
            "LLMGATEWAY_DOMAIN": "gateway.us.test",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    [warning] = [line for line in done.stderr.splitlines() if '"warning"' in line]
    assert '"variable": "LLMGATEWAY_LOG_REQUEST"' in warning
    assert '"meant": "LLMGATEWAY_LOG_REQUESTS"' in warning


def test_what_kubernetes_tells_of_a_service_of_our_name_is_no_setting() -> None:
    told = {
        "LLMGATEWAY_PORT": "tcp://10.0.0.11:8080",
        "LLMGATEWAY_PORT_8080_TCP_ADDR": "10.0.0.11",
        "LLMGATEWAY_SERVICE_HOST": "10.0.0.11",
        "LLMGATEWAY_SERVICE_PORT": "8080",
        "LLMGATEWAY_SERVICE_PORT_HTTP": "8080",
    }
    settings = load_settings(told)
    assert settings.port == 8080
    assert not settings.misspelt()
    assert load_settings({**told, "LLMGATEWAY_PORT": "9000"}).port == 9000


def test_another_wrong_port_is_still_told() -> None:
    with pytest.raises(ConfigurationError, match="LLMGATEWAY_PORT"):
        load_settings({"LLMGATEWAY_PORT": "http://10.0.0.11:8080"})
