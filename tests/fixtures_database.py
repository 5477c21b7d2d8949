"""A real PostgreSQL for tests: one server a session, migrated once, a database of its own for each test that asks.

The login that tests use is no superuser: it may create roles and databases, as DATABASE_MIGRATION_URL's user must.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import make_url

from llmgateway.db.embedded import embedded_postgres
from llmgateway.db.opening import migrate
from llmgateway.db.roles import Role
from llmgateway.db.session import Database

LOGIN = "tests_login"
_HASTE = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "max_wal_size": "4GB",
}
"""Of a server that needs to survive nothing, and whose databases live for a second: each is made in a third of the time."""
_TEMPLATE = "tests_template"


def url_of(url: str, *, database: str, user: str = LOGIN) -> str:
    """The same server, another database."""
    return make_url(url).set(database=database, username=user).render_as_string(hide_password=False)


async def run_sql(url: str, *statements: str) -> None:
    """Each in a transaction of its own."""
    database = Database(url)
    try:
        connection = await database.connect()
        for statement in statements:
            await connection.execute(statement)
        connection.terminate()
    finally:
        await database.close()


@pytest.fixture(scope="session")
def superuser_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server of this session, as the user who may do everything."""
    with embedded_postgres(tmp_path_factory.mktemp("database") / "data") as url:
        asyncio.run(
            run_sql(
                url,
                *(f"ALTER SYSTEM SET {name} = '{value}'" for name, value in _HASTE.items()),
                "SELECT pg_reload_conf()",
            )
        )
        yield url


@pytest.fixture(scope="session")
def _made() -> set[str]:
    return set()


@pytest.fixture
async def empty_url(superuser_url: str, _made: set[str]) -> AsyncIterator[str]:
    """An empty database of the test's own."""
    async for url in _database(superuser_url, _made, template=None):
        yield url


@pytest.fixture
async def database_url(superuser_url: str, _made: set[str]) -> AsyncIterator[str]:
    """A migrated database of the test's own."""
    async for url in _database(superuser_url, _made, template=_TEMPLATE):
        yield url


@pytest.fixture
async def admin(database_url: str) -> AsyncIterator[Database]:
    """The test's database, as the operator's commands see it."""
    database = Database(database_url, Role.ADMIN)
    yield database
    await database.close()


@pytest.fixture
async def data(database_url: str) -> AsyncIterator[Database]:
    """The test's database, as the data plane sees it."""
    database = Database(database_url, Role.DATA, seconds=2)
    yield database
    await database.close()


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[Database]:
    """The test's database, as the control plane's HTTP edge sees it."""
    database = Database(database_url, Role.APP)
    yield database
    await database.close()


async def _database(superuser_url: str, made: set[str], template: str | None) -> AsyncIterator[str]:
    if LOGIN not in made:
        await run_sql(superuser_url, f"CREATE ROLE {LOGIN} LOGIN CREATEROLE CREATEDB")
        made.add(LOGIN)
    if template is not None and template not in made:
        await run_sql(superuser_url, f"CREATE DATABASE {template} OWNER {LOGIN}")
        await _migrated(url_of(superuser_url, database=template))
        made.add(template)
    name = f"test_{secrets.token_hex(6)}"
    source = f" TEMPLATE {template} STRATEGY file_copy" if template else ""
    await run_sql(superuser_url, f"CREATE DATABASE {name} OWNER {LOGIN}{source}")
    yield url_of(superuser_url, database=name)
    await run_sql(superuser_url, f"DROP DATABASE {name} WITH (FORCE)")


async def _migrated(url: str) -> None:
    await asyncio.to_thread(migrate, url)
