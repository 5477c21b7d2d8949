"""Alembic's entry: runs the migrations on DATABASE_MIGRATION_URL, DATABASE_URL, or the URL it is handed."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, text

from llmgateway.db.session import make_engine
from llmgateway.settings import load_settings

_LOCK = 7261948301
"""Advisory lock: two processes never migrate at once."""


def _run(connection: Connection) -> None:
    """All that is missing, in the one transaction that the caller began."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


async def _main(url: str) -> None:
    engine = make_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_run)
    finally:
        await engine.dispose()


def _url() -> str:
    given = context.config.attributes.get("url")
    if given is not None:
        return str(given)
    settings = load_settings(os.environ)
    url = settings.database_migration_url or settings.database_url
    if url is None:
        raise SystemExit(
            "alembic: set DATABASE_URL. The embedded database migrates itself when `llmgateway serve` starts."
        )
    return url


asyncio.run(_main(_url()))
