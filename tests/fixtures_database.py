"""A real PostgreSQL for tests: one server a session, migrated once, a database of its own for each test that asks.

The login that tests use is no superuser: it may create roles and databases, as DATABASE_MIGRATION_URL's user must.
"""

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import make_url

from llmgateway.db.embedded import cluster_home, embedded_postgres
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
_MEMORY = Path("/dev/shm")
_ROOM = 1 << 30
"""In bytes. A container's may have too little."""
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
    data_dir = tmp_path_factory.mktemp("database") / "data"
    haste = [*(f"ALTER SYSTEM SET {name} = '{value}'" for name, value in _HASTE.items()), "SELECT pg_reload_conf()"]
    if not _MEMORY.is_dir() or shutil.disk_usage(_MEMORY).free < _ROOM:
        with embedded_postgres(data_dir) as url:
            asyncio.run(run_sql(url, *haste))
            yield url
        return
    with TemporaryDirectory(dir=_MEMORY) as memory, embedded_postgres(data_dir) as url:
        server = cluster_home(data_dir).stat()
        os.chown(memory, server.st_uid, server.st_gid)
        asyncio.run(run_sql(url, *haste, *_kept_in(memory)))
        yield url


def _kept_in(folder: str) -> tuple[str, ...]:
    """New databases are files of this folder.

    Of memory, because ext4 looks long for the place of a file where others were deleted a minute ago: of a database's five
    hundred, four tenths of a second.
    """
    return f"CREATE TABLESPACE memory LOCATION '{folder}'", "ALTER DATABASE template1 SET TABLESPACE memory"


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


@pytest.fixture
async def worker(database_url: str) -> AsyncIterator[Database]:
    """The test's database, as jobs see it."""
    database = Database(database_url, Role.WORKER)
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
