"""Who migrates, who refuses, and whom the roles are given to."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from llmgateway.cli import cli
from llmgateway.db.opening import migrate, newest_revision, open_database
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.errors import ConfigurationError
from llmgateway.settings import Settings
from tests.db.migrating import SECRETS, alembic
from tests.fixtures_database import run_sql, url_of


def _settings(url: str) -> Settings:
    return Settings.model_validate({"DATABASE_URL": url, **SECRETS})


async def _open(url: str, role: Role = Role.ADMIN) -> str | None:
    """The schema that is found."""
    async with open_database(_settings(url), role):
        pass
    return await _revision(url)


async def _revision(url: str) -> str | None:
    database = Database(url)
    async with database.transaction() as tx:
        found: str | None = await tx.scalar(text("SELECT version_num FROM alembic_version"))
    await database.close()
    return found


@pytest.fixture
async def plain_user(superuser_url: str, empty_url: str) -> AsyncIterator[str]:
    """A login that may create nothing, on an empty database of somebody else's."""
    name = "plain_user"
    await run_sql(superuser_url, f"CREATE ROLE {name} LOGIN")
    yield name
    await run_sql(
        url_of(empty_url, database=empty_url.partition("?")[0].rpartition("/")[2], user="llmgateway"),
        f"DROP OWNED BY {name}",
    )
    await run_sql(superuser_url, f"DROP ROLE {name}")


def _as(user: str, url: str) -> str:
    return url_of(url, database=url.partition("?")[0].rpartition("/")[2], user=user)


async def test_production_never_migrates_by_itself(empty_url: str) -> None:
    with pytest.raises(ConfigurationError, match="llmgateway migrate"):
        await _open(empty_url)
    await asyncio.to_thread(migrate, empty_url)
    assert await _open(empty_url) == newest_revision()


async def test_an_older_schema_refuses_and_names_the_command(empty_url: str) -> None:
    await asyncio.to_thread(alembic, empty_url, "upgrade", "0001")
    with pytest.raises(ConfigurationError, match=r"older.*llmgateway migrate"):
        await _open(empty_url)
    await asyncio.to_thread(migrate, empty_url)
    assert await _open(empty_url) == newest_revision()


async def test_a_newer_schema_that_took_something_away_refuses(database_url: str) -> None:
    await run_sql(
        database_url,
        "UPDATE alembic_version SET version_num = '9999'",
        "COMMENT ON TABLE alembic_version IS 'fits code of schema 9998 and newer'",
    )
    with pytest.raises(ConfigurationError, match=r"9999.*newer"):
        await _open(database_url)
    with pytest.raises(ConfigurationError, match=r"9999.*newer"):
        await asyncio.to_thread(migrate, database_url)


async def test_a_newer_schema_that_only_expanded_serves_the_version_before(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it does while replicas are replaced, also when one of them restarts, and on the way back."""
    await run_sql(database_url, "UPDATE alembic_version SET version_num = '9999'")
    assert await _open(database_url) == "9999"
    assert await asyncio.to_thread(migrate, database_url) == "9999"
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("LLMGATEWAY_SECRET_KEY", "s" * 32)
    monkeypatch.setenv("JWT_SECRET_KEY", "j" * 32)
    told = await asyncio.to_thread(CliRunner().invoke, cli, ["migrate"])
    assert told.stdout == "The schema is at 9999, newer than this version, which can run on it.\n"
    assert await _open(database_url) == "9999"


async def test_alembic_from_the_repository_goes_up_and_down_and_up(empty_url: str) -> None:
    for arguments in (("upgrade", "head"), ("downgrade", "base"), ("upgrade", "head")):
        await asyncio.to_thread(alembic, empty_url, *arguments)
    assert await _open(empty_url) == newest_revision()


async def test_migrating_twice_changes_nothing(database_url: str) -> None:
    assert await asyncio.to_thread(migrate, database_url) == newest_revision()
    assert await _open(database_url) == newest_revision()


async def test_two_databases_of_one_server_may_migrate_at_once(superuser_url: str, empty_url: str) -> None:
    # The roles are the server's: both make them, or find them just made.
    await run_sql(superuser_url, "CREATE DATABASE another_one OWNER tests_login")
    other = url_of(superuser_url, database="another_one")
    urls = (empty_url, other, empty_url, other)
    await asyncio.gather(*(asyncio.to_thread(alembic, url, "upgrade", "head") for url in urls))
    assert await _open(empty_url) == await _open(other) == newest_revision()
    await run_sql(superuser_url, "DROP DATABASE another_one WITH (FORCE)")


async def test_a_user_who_may_not_create_roles_is_told_what_is_missing(empty_url: str, plain_user: str) -> None:
    with pytest.raises(ConfigurationError, match=r"permission denied.*DATABASE_MIGRATION_URL.*CREATEROLE"):
        await asyncio.to_thread(migrate, _as(plain_user, empty_url))


async def test_the_user_of_database_url_is_given_the_roles_by_the_migrating_one(
    empty_url: str, plain_user: str
) -> None:
    user_url = _as(plain_user, empty_url)
    await asyncio.to_thread(migrate, empty_url, user_url)
    for role in (Role.ADMIN, Role.DATA, Role.APP):
        assert await _open(user_url, role) == newest_revision()


async def test_a_user_who_was_given_no_roles_is_told_to_migrate(database_url: str, plain_user: str) -> None:
    with pytest.raises(ConfigurationError, match=r"permission denied.*llmgateway migrate"):
        await _open(_as(plain_user, database_url))


async def test_the_embedded_database_migrates_itself(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    settings = Settings.model_validate({"LLMGATEWAY_DATA_DIR": data_dir})
    for _ in range(2):
        async with open_database(settings, Role.ADMIN) as database, database.transaction() as tx:
            assert (await tx.scalars(text("SELECT id FROM organisations"))).all() == []
