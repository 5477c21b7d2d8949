"""Opening the database at a process's start: the embedded one, or the one of DATABASE_URL."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from llmgateway.db.embedded import embedded_postgres
from llmgateway.db.session import Database, make_engine
from llmgateway.errors import ConfigurationError
from llmgateway.settings import Settings

_SECONDS = 5.0


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncGenerator[Database]:
    """The database, its schema right. Raises ConfigurationError, one sentence, when it cannot be used."""
    async with AsyncExitStack() as stack:
        url = settings.database_url
        if url is None:
            # At a process's start and end nothing else runs yet, or any more: waiting for the server harms nobody.
            url = stack.enter_context(embedded_postgres(settings.data_dir))
        engine = make_engine(url, seconds=_SECONDS)
        stack.push_async_callback(engine.dispose)
        database = Database(engine)
        found = await _revision(database)
        if found != newest_revision():
            if settings.production:
                raise ConfigurationError(
                    "The database's schema is older than this version. Run `llmgateway migrate` first."
                )
            await asyncio.to_thread(migrate, url)
        yield database


def migrate(url: str) -> None:
    """Bring a database's schema up to date."""
    config = _config()
    config.attributes["url"] = url
    command.upgrade(config, "head")


def newest_revision() -> str | None:
    """The schema that this version needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config


async def _revision(database: Database) -> str | None:
    """The schema that is there; None for none. Raises ConfigurationError when the database cannot be reached."""
    try:
        async with database.transaction() as session:
            known = await session.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
            return await session.scalar(text("SELECT version_num FROM alembic_version")) if known else None
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
        words = " ".join(str(cause).split()) or type(cause).__name__
        raise ConfigurationError(
            f"The database cannot be used: {words}. Check DATABASE_URL and that the server runs."
        ) from error
