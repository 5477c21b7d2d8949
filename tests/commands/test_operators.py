"""`llmgateway operators`, as whoever runs the installation calls it."""

import asyncio
import json
from pathlib import Path

import pytest
from pwdlib import PasswordHash
from sqlalchemy import text
from typer.testing import CliRunner

from llmgateway.cli import cli
from llmgateway.db.session import Database
from llmgateway.errors import ConfigurationError

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def _production(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DATABASE_URL": database_url,
        "LLMGATEWAY_DATA_DIR": str(tmp_path),
        "LLMGATEWAY_SECRET_KEY": "s" * 32,
        "JWT_SECRET_KEY": "j" * 32,
    }.items():
        monkeypatch.setenv(name, value)


def test_the_first_owner_is_an_operator_and_the_last_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMGATEWAY_BOOTSTRAP_EMAIL", "first@us.test")
    assert run(cli, ["keys", "create", "--name", "k"]).exit_code == 0  # the installation is made
    assert json.loads(run(cli, ["operators", "list", "--json"]).stdout) == ["first@us.test"]
    refused = run(cli, ["operators", "remove", "first@us.test"]).exception
    assert isinstance(refused, ConfigurationError)
    assert "last operator" in str(refused)
    unknown = run(cli, ["operators", "add", "nobody@us.test"]).exception
    assert "sign up first" in str(unknown)


async def test_who_is_locked_out_gets_another_password(admin: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMGATEWAY_BOOTSTRAP_EMAIL", "first@us.test")
    await asyncio.to_thread(run, cli, ["keys", "create", "--name", "k"])
    async with admin.transaction() as tx:
        await tx.execute(text("UPDATE logins SET totp_secret = 'x', totp_confirmed_at = now()"))
        await tx.execute(text("UPDATE users SET email_verified_at = NULL"))
    told = await asyncio.to_thread(run, cli, ["operators", "reset-password", "First@us.test"])
    assert told.exception is None
    password = told.stdout.split("is now ")[1].splitlines()[0]
    async with admin.transaction() as tx:
        login = (await tx.execute(text("SELECT password_hash, totp_confirmed_at FROM logins"))).one()
        verified = await tx.scalar(text("SELECT email_verified_at IS NOT NULL FROM users"))
        trail = await tx.scalar(text("SELECT target FROM audit_events WHERE action = 'operator.reset_password'"))
    assert PasswordHash.recommended().verify(password, login.password_hash)
    assert (login.totp_confirmed_at, verified) == (None, True)
    assert str(trail).startswith("user_")
    unknown = await asyncio.to_thread(run, cli, ["operators", "reset-password", "nobody@us.test"])
    assert "Nobody has an account" in str(unknown.exception)


def test_the_first_owner_is_made_by_a_command_where_nobody_was_named() -> None:
    refused = run(cli, ["operators", "create", "not-an-address"])
    assert "e-mail address" in refused.output
    made = run(cli, ["operators", "create", "First@us.test"])
    assert made.stdout.startswith("first@us.test is an operator and the owner of Default. The password is ")
    assert json.loads(run(cli, ["operators", "list", "--json"]).stdout) == ["first@us.test"]
    again = run(cli, ["operators", "create", "first@us.test"]).exception
    assert "has an account" in str(again)
