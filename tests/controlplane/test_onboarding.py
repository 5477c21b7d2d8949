"""First steps: one owner, organisation and key, once; and the pepper's life under master keys."""

import asyncio
import os
import stat
from pathlib import Path

import pytest
from pwdlib import PasswordHash
from sqlalchemy import text

from llmgateway.commands.greeting import greeting
from llmgateway.controlplane.keys.source import KeySource
from llmgateway.controlplane.onboarding.service import FirstSteps, install, welcome_operator
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.errors import ConfigurationError
from llmgateway.kit.clock import SystemClock
from llmgateway.settings import Settings

CLOCK = SystemClock()
PRODUCTION = {"DATABASE_URL": "postgresql://x@db/x", "LLMGATEWAY_SECRET_KEY": "s" * 32, "JWT_SECRET_KEY": "j" * 32}
OLD, NEW, OTHER = "o" * 32, "n" * 32, "x" * 32


def _settings(data_dir: Path, **given: object) -> Settings:
    return Settings.model_validate({"LLMGATEWAY_DATA_DIR": data_dir, **given})


async def _first(admin: Database, settings: Settings) -> tuple[bytes, FirstSteps]:
    pepper, first = await install(admin, CLOCK, settings)
    assert first is not None
    return pepper, first


async def _one(database: Database, query: str) -> object:
    async with database.transaction() as tx:
        return await tx.scalar(text(query))


async def test_an_empty_database_gets_an_owner_an_organisation_and_a_key_that_works(
    admin: Database, data: Database, tmp_path: Path
) -> None:
    pepper, first = await _first(admin, _settings(tmp_path))
    assert first.key is not None
    snapshot = await KeySource(data, pepper, SystemClock()).key_snapshot(first.key)
    assert snapshot is not None
    assert (snapshot.org.plan, snapshot.test, snapshot.org.charged) == ("self_hosted", False, False)
    assert await _one(admin, "SELECT role FROM members JOIN users ON users.id = user_id") == "owner"
    assert first.password is not None
    hashed = str(await _one(admin, "SELECT password_hash FROM logins"))
    assert hashed.startswith("$argon2id$")
    assert PasswordHash.recommended().verify(first.password, hashed)


async def test_in_production_nobody_and_no_key_is_made_that_was_not_named(admin: Database, tmp_path: Path) -> None:
    _, first = await _first(admin, _settings(tmp_path, **PRODUCTION))
    assert (first.email, first.password, first.key) == (None, None, None)
    told = greeting(_settings(tmp_path, **PRODUCTION), 80, first)
    assert "llmgateway operators create EMAIL" in told
    assert "curl" not in told
    for table, count in {"users": 0, "api_keys": 0, "organisations": 1}.items():
        assert await _one(admin, f"SELECT count(*) FROM {table}") == count
    async with admin.transaction() as tx:
        assert await welcome_operator(tx, CLOCK, "first@us.test", "hash") == "Default"
        assert await welcome_operator(tx, CLOCK, "second@us.test", "hash") is None
    assert await _one(admin, "SELECT role FROM members") == "owner"
    assert await _one(admin, "SELECT count(*) FROM users WHERE operator") == 2


async def test_a_first_owner_in_production_has_no_key_that_nobody_saw(admin: Database, tmp_path: Path) -> None:
    named = {"LLMGATEWAY_BOOTSTRAP_EMAIL": "boss@us.test", "LLMGATEWAY_BOOTSTRAP_PASSWORD": "a password of theirs"}
    settings = _settings(tmp_path, **PRODUCTION, **named)
    _, first = await _first(admin, settings)
    assert (first.email, first.password, first.key) == ("boss@us.test", None, None)
    assert await _one(admin, "SELECT count(*) FROM api_keys") == 0
    assert "operators" not in greeting(settings, 80, first)


async def test_the_second_start_makes_nothing_and_has_the_same_pepper(admin: Database, tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    pepper, _ = await _first(admin, settings)
    assert await install(admin, CLOCK, settings) == (pepper, None)
    assert await _one(admin, "SELECT count(*) FROM api_keys") == 1


async def test_of_several_first_starts_at_once_one_makes_it(database_url: str, tmp_path: Path) -> None:
    databases = [Database(database_url, Role.ADMIN) for _ in range(4)]
    made = await asyncio.gather(*(install(database, CLOCK, _settings(tmp_path)) for database in databases))
    assert len({pepper for pepper, _ in made}) == 1
    assert [first is None for _, first in made].count(False) == 1
    for database in databases:
        await database.close()


async def test_what_is_given_is_taken_as_given(admin: Database, data: Database, tmp_path: Path) -> None:
    key = "lgw_test_short_but_valid_1"
    given = {
        "LLMGATEWAY_BOOTSTRAP_EMAIL": " Boss@Example.COM ",
        "LLMGATEWAY_BOOTSTRAP_PASSWORD": "a password of theirs",
        "LLMGATEWAY_BOOTSTRAP_API_KEY": key,
    }
    pepper, first = await _first(admin, _settings(tmp_path, **given))
    assert (first.password, first.key) == (None, key)
    assert await _one(admin, "SELECT email FROM users") == "boss@example.com"
    assert PasswordHash.recommended().verify(
        "a password of theirs", str(await _one(admin, "SELECT password_hash FROM logins"))
    )
    snapshot = await KeySource(data, pepper, SystemClock()).key_snapshot(key)
    assert snapshot is not None
    assert snapshot.test


async def test_the_pepper_is_stored_sealed(admin: Database, tmp_path: Path) -> None:
    pepper, _ = await _first(admin, _settings(tmp_path))
    stored = await _one(admin, "SELECT key_pepper FROM installations")
    assert isinstance(stored, bytes)
    assert pepper not in stored


async def test_a_new_master_key_takes_over_and_the_old_one_can_go(admin: Database, tmp_path: Path) -> None:
    pepper, _ = await _first(admin, _settings(tmp_path, LLMGATEWAY_SECRET_KEY=OLD))
    assert await install(admin, CLOCK, _settings(tmp_path, LLMGATEWAY_SECRET_KEY=f"{NEW},{OLD}")) == (pepper, None)
    assert await install(admin, CLOCK, _settings(tmp_path, LLMGATEWAY_SECRET_KEY=NEW)) == (pepper, None)
    with pytest.raises(ConfigurationError, match="LLMGATEWAY_SECRET_KEY"):
        await install(admin, CLOCK, _settings(tmp_path, LLMGATEWAY_SECRET_KEY=OLD))


async def test_without_its_master_key_a_database_refuses(admin: Database, tmp_path: Path) -> None:
    await _first(admin, _settings(tmp_path, LLMGATEWAY_SECRET_KEY=OLD))
    with pytest.raises(ConfigurationError, match="LLMGATEWAY_SECRET_KEY"):
        await install(admin, CLOCK, _settings(tmp_path, LLMGATEWAY_SECRET_KEY=OTHER))


async def test_the_embedded_master_key_is_its_owners_alone(admin: Database, tmp_path: Path) -> None:
    await _first(admin, _settings(tmp_path))
    assert _modes(tmp_path) == {"master-key": 0o600}
    os.truncate(tmp_path / "master-key", 0)
    with pytest.raises(ConfigurationError, match="master-key is empty"):
        await install(admin, CLOCK, _settings(tmp_path))


def _modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
