"""Alembic's entry: runs the migrations on DATABASE_MIGRATION_URL, DATABASE_URL, or the URL it is handed."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, text

from llmgateway.db.compatibility import NOTE, READ_NOTE, REVISION, fits, is_known, too_new
from llmgateway.db.roles import ensure_roles
from llmgateway.db.session import Database, login
from llmgateway.settings import load_settings

_LOCK = 7261948301
"""Advisory lock: two processes never migrate at once."""


def _run(connection: Connection, user: str | None) -> None:
    """All that is missing, in the one transaction that the caller began; leaves word of the schema that is there then."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    ensure_roles(connection, user)
    context.configure(connection=connection)
    found = context.config.attributes[REVISION] = context.get_context().get_current_revision()
    if _is_ahead(connection, found):
        return
    with context.begin_transaction():
        context.run_migrations()
    context.config.attributes[REVISION] = context.get_context().get_current_revision()
    connection.execute(NOTE)
    connection.execute(text("GRANT SELECT ON alembic_version TO PUBLIC"))  # so that every process can see what is there
    if connection.scalar(text("SELECT to_regproc('ensure_usage_partitions') IS NOT NULL")):
        connection.execute(text("SELECT ensure_usage_partitions()"))


def _is_ahead(connection: Connection, found: str | None) -> bool:
    """Whether a newer version has made the schema, and this one can run on it. Raises ConfigurationError when it cannot."""
    if is_known(found, context.script):
        return False
    if not fits(connection.scalar(READ_NOTE), context.script):
        raise too_new(found)
    return True


async def _main(url: str, user: str | None) -> None:
    database = Database(url)
    try:
        async with database.engine.begin() as connection:
            await connection.run_sync(_run, user)
    finally:
        await database.close()


def _target() -> tuple[str, str | None]:
    """The URL to migrate, and the user who shall act as our roles."""
    given = context.config.attributes.get("url")
    if given is not None:
        return str(given), context.config.attributes.get("login")
    settings = load_settings(os.environ)
    url = settings.database_migration_url or settings.database_url
    if url is None:
        raise SystemExit(
            "alembic: set DATABASE_URL. The embedded database migrates itself when `llmgateway serve` starts."
        )
    return url, login(settings.database_url or url)


asyncio.run(_main(*_target()))
