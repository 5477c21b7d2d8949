"""Opening the database at a process's start: the embedded one, or the one of DATABASE_URL."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import structlog
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from llmgateway.db.compatibility import READ_NOTE, REVISION, fits, is_known, too_new
from llmgateway.db.embedded import embedded_postgres
from llmgateway.db.roles import Role
from llmgateway.db.session import DATABASE_ERRORS, Database, login
from llmgateway.errors import ConfigurationError
from llmgateway.settings import Settings

log = structlog.get_logger()

_SECONDS: Final = 5.0
_PRIVILEGE: Final = "42501"


@asynccontextmanager
async def open_database(settings: Settings, role: Role, *, serving: bool = False) -> AsyncGenerator[Database]:
    """The database under a role, its schema right. Raises ConfigurationError, one sentence, when it cannot be used."""
    async with AsyncExitStack() as stack:
        url = settings.database_url
        if url is None:
            # At a process's start and end nothing else runs yet, or any more: waiting for the server harms nobody.
            url = stack.enter_context(embedded_postgres(settings.data_dir, serving=serving))
        if not await _is_current(url, settings):
            await asyncio.to_thread(migrate, url)
        database = Database(url, role, seconds=_SECONDS)
        stack.push_async_callback(database.close)
        await _check_role(database)
        yield database


@asynccontextmanager
async def open_for_long_statements(settings: Settings, role: Role, *, seconds: float) -> AsyncGenerator[Database]:
    """As `open_database`, for a command whose statements may each take so many seconds."""
    async with open_database(settings, role) as database:
        patient = database.acting_as(role, seconds=seconds)
        try:
            yield patient
        finally:
            await patient.close()


def migrate(url: str, user_url: str | None = None) -> str | None:
    """Bring a database's schema up to date, for the user of the second URL too; what it is then. Raises ConfigurationError."""
    config = _config()
    config.attributes["url"] = url
    config.attributes["login"] = login(user_url or url)
    with _in_one_sentence():
        command.upgrade(config, "head")
    return config.attributes.get(REVISION)


def newest_revision() -> str | None:
    """The schema that this version needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    return config


async def _is_current(url: str, settings: Settings) -> bool:
    """Whether the schema is the one we need; False where it is ours to migrate. Raises ConfigurationError."""
    database = Database(url, seconds=_SECONDS)
    try:
        found, oldest = await _revision(database)
    finally:
        await database.close()
    scripts = ScriptDirectory.from_config(_config())
    if found == scripts.get_current_head():
        return True
    if not is_known(found, scripts):
        if not fits(oldest, scripts):
            raise too_new(found)
        log.warning("the schema is newer than this version, which can run on it", schema=found)
        return True
    if settings.production:
        raise ConfigurationError("The database's schema is older than this version. Run `llmgateway migrate` first.")
    return False


async def _revision(database: Database) -> tuple[str | None, str | None]:
    """The schema that is there, None for none, and the oldest whose code it fits. Raises ConfigurationError when the database cannot be reached."""
    with _in_one_sentence():
        async with database.transaction() as session:
            known = await session.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
            if not known:
                return None, None
            found = await session.scalar(text("SELECT version_num FROM alembic_version"))
            return found, await session.scalar(READ_NOTE)


async def _check_role(database: Database) -> None:
    with _in_one_sentence():
        async with database.transaction() as session:
            await session.execute(text("SELECT 1"))


@contextmanager
def _in_one_sentence() -> Generator[None]:
    """Whatever the database answers becomes a ConfigurationError that says what to do."""
    try:
        yield
    except DATABASE_ERRORS as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
        words = " ".join(str(cause).split()).removeprefix("(").rstrip(".") or type(cause).__name__
        advice = (
            "Run `llmgateway migrate` with a DATABASE_MIGRATION_URL whose user may create roles (ALTER ROLE ... CREATEROLE) "
            "and owns the database."
            if getattr(cause, "sqlstate", None) == _PRIVILEGE
            else "Check DATABASE_URL and that the server runs."
        )
        raise ConfigurationError(f"The database cannot be used: {words}. {advice}") from error
