"""The way to the database: engines, sessions, and the one place that commits."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from llmgateway.errors import ConfigurationError

_DRIVER: Final = "postgresql+asyncpg"


class Database:
    """One process's pool of connections."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        """A session whose work is committed when the block ends, and undone when it raises."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            yield session


def make_engine(url: str, *, seconds: float | None = None) -> AsyncEngine:
    """An engine for any PostgreSQL URL. `seconds` limits connecting and each statement. Raises ConfigurationError."""
    limits = {} if seconds is None else {"timeout": seconds, "command_timeout": seconds}
    return create_async_engine(
        _asyncpg(url), pool_size=5, max_overflow=5, pool_timeout=seconds or 30, pool_pre_ping=True, connect_args=limits
    )


def is_outage(error: BaseException) -> bool:
    """Whether the database could not be asked, as opposed to having refused what was asked."""
    if isinstance(error, OSError | TimeoutError):
        return True
    return isinstance(error, DBAPIError) and (
        error.connection_invalidated or type(error).__name__ in {"InterfaceError", "OperationalError", "InternalError"}
    )


def _asyncpg(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(
            "DATABASE_URL is no URL. Write postgresql://USER:PASSWORD@HOST:5432/DATABASE."
        ) from error
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise ConfigurationError(
            f"DATABASE_URL names {parsed.get_backend_name()}; only PostgreSQL is supported: postgresql://USER:PASSWORD@HOST/DATABASE."
        )
    return parsed.set(drivername=_DRIVER)
