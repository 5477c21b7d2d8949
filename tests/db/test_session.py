"""URLs as people have them, and what stands in the way of a connection."""

import asyncio
import os
import signal

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from llmgateway.db import session as session_module
from llmgateway.db.opening import open_database
from llmgateway.db.roles import Role
from llmgateway.db.session import Database, is_fault_of_data, login
from llmgateway.errors import ConfigurationError
from llmgateway.settings import Settings
from tests.fixtures_database import url_of


def _settings(url: str) -> Settings:
    return Settings.model_validate({"DATABASE_URL": url, "LLMGATEWAY_SECRET_KEY": "s" * 32, "JWT_SECRET_KEY": "j" * 32})


async def _open(url: str) -> None:
    async with open_database(_settings(url), Role.ADMIN):
        pass


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg", "postgresql+psycopg2"])
async def test_every_spelling_of_the_scheme(database_url: str, scheme: str) -> None:
    await _open(f"{scheme}{database_url.removeprefix('postgresql+asyncpg')}")


@pytest.mark.parametrize(
    "extra", ["sslmode=disable", "channel_binding=prefer", "connect_timeout=3", "application_name=x"]
)
async def test_parameters_that_hosts_put_into_their_urls(database_url: str, extra: str) -> None:
    await _open(f"{database_url}&{extra}")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://somebody:secret@127.0.0.1:1/x", "DATABASE_URL"),
        ("postgresql://somebody:secret@host.invalid/x", "DATABASE_URL"),
        ("postgresql://127.0.0.1/x?sslmode=bogus", "sslmode"),
    ],
)
async def test_a_url_that_leads_nowhere_is_one_sentence(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        await _open(url)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_no_such_database(superuser_url: str) -> None:
    with pytest.raises(ConfigurationError, match=r'"absent" does not exist.*DATABASE_URL'):
        await _open(url_of(superuser_url, database="absent", user="llmgateway"))


async def test_no_such_user(superuser_url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"nobody_at_all.*DATABASE_URL"):
        await _open(url_of(superuser_url, database="postgres", user="nobody_at_all"))


async def test_a_password_stays_in_the_url() -> None:
    url = "postgresql://user:p%40ss%2Fword@host/x"
    assert login(url) == "user"
    assert make_url(Database(url)._dsn).password == "p@ss/word"


async def test_a_block_that_raises_leaves_nothing_behind(admin: Database) -> None:
    insert = text("INSERT INTO organisations VALUES ('o', 'o', 'o', 'free', NULL, now())")

    async def fail() -> None:
        async with admin.transaction() as tx:
            await tx.execute(insert)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with admin.transaction() as tx:
        assert (await tx.scalars(text("SELECT id FROM organisations"))).all() == []


async def test_every_connection_acts_as_the_role(data: Database, admin: Database) -> None:
    for database, role in ((data, Role.DATA), (admin, Role.ADMIN)):
        for _ in range(3):
            async with database.transaction() as tx:
                assert await tx.scalar(text("SELECT current_user")) == role


@pytest.mark.parametrize(
    ("statement", "at_fault"),
    [
        ("SELECT 1 / 0", True),
        ("SELECT CAST('\"\\u0000\"' AS jsonb)", True),
        ("INSERT INTO organisations VALUES (NULL, 'o', 'o', 'free', NULL, now())", True),
        ("SELECT no_such_column FROM organisations", False),
        ("SELECT 1 FROM usage_events_rest", False),
        ("SELECT pg_terminate_backend(pg_backend_pid())", False),
        ("SELECT pg_sleep(3)", False),
    ],
)
async def test_only_the_data_itself_can_be_at_fault(database_url: str, statement: str, at_fault: bool) -> None:
    admin = Database(database_url, Role.ADMIN, seconds=0.5)
    with pytest.raises((DBAPIError, TimeoutError)) as caught:
        async with admin.transaction() as tx:
            await tx.execute(text(statement))
    assert is_fault_of_data(caught.value) is at_fault
    await admin.close()


async def _backend(database: Database) -> int:
    async with database.transaction() as tx:
        return await tx.scalar(text("SELECT pg_backend_pid()")) or 0


async def test_connections_that_the_server_ended_are_opened_anew(admin: Database) -> None:
    before = await _backend(admin)
    assert await _backend(admin) == before
    os.kill(before, signal.SIGTERM)
    await asyncio.sleep(0.2)  # the end is on its way
    assert await _backend(admin) != before


async def test_a_connection_that_rested_long_and_was_dropped_is_opened_anew(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = Database(database_url, Role.ADMIN, seconds=0.5)
    before = await _backend(admin)
    os.kill(before, signal.SIGSTOP)  # it answers no more, and says nothing
    try:
        monkeypatch.setattr(session_module, "_RESTED_SECONDS", 0.0)
        assert await _backend(admin) not in {0, before}
    finally:
        os.kill(before, signal.SIGCONT)
    await admin.close()
