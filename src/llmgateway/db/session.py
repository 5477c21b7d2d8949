"""The way to the database: connections under a role, sessions, and the one place that commits."""

import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol, cast

import asyncpg
from sqlalchemy import event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from llmgateway.db.roles import Role
from llmgateway.errors import ConfigurationError

DATABASE_ERRORS: Final = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
"""All that asking the database can end in."""

_ONLY_LIBPQ: Final = frozenset({"channel_binding", "connect_timeout", "gssencmode", "keepalives", "sslcrldir"})
"""Parameters of URLs that the driver would hand on to the server, which does not know them."""
_RESTED_SECONDS: Final = 10.0
"""A connection that rested longer is asked for a sign of life: a firewall may have dropped it, and told nobody."""
_IN_UTC: Final = {"timezone": "UTC"}
"""Whatever the server's own is: in it moments come out of JSON, days are added, and a date becomes a moment."""
_FAULTS_OF_DATA: Final = ("22", "23")
"""SQLSTATE classes: data exception, integrity constraint violation."""


class Connection(Protocol):
    """What we use of the driver's own connection; it brings no types."""

    async def execute(self, query: str) -> str: ...

    def is_closed(self) -> bool: ...

    async def add_listener(self, channel: str, callback: Callable[[object, int, str, object], None]) -> None: ...

    def add_termination_listener(self, callback: Callable[[object], None]) -> None: ...

    def terminate(self) -> None: ...


_connect: Final = cast("Callable[..., Awaitable[Connection]]", asyncpg.connect)


class Database:
    """One process's way to one database, under one role."""

    def __init__(self, url: str, role: Role | None = None, *, seconds: float | None = None) -> None:
        """`seconds` limits connecting and each statement; no role is the login's own. Raises ConfigurationError."""
        self._url = url
        self._dsn = _dsn(url)
        self._role = role
        self._seconds = seconds
        self.engine: Final[AsyncEngine] = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self.connect,
            pool_size=5,
            max_overflow=5,
            pool_timeout=seconds or 30,
        )
        _look_before_use(self.engine)

    def acting_as(self, role: Role, *, seconds: float | None = None) -> "Database":
        """Another way to the same database. Whoever asks for it closes it."""
        return Database(self._url, role, seconds=seconds)

    async def connect(self) -> Connection:
        """A connection of the driver's own, outside the pool."""
        connection = await _connect(
            self._dsn, timeout=self._seconds or 60, command_timeout=self._seconds, server_settings=_IN_UTC
        )
        if self._role is not None:
            try:
                await connection.execute(f"SET ROLE {self._role}")
            except DATABASE_ERRORS:
                connection.terminate()
                raise
        return connection

    @asynccontextmanager
    async def transaction(
        self, org_id: str | None = None, *, user_id: str | None = None
    ) -> AsyncGenerator[AsyncSession]:
        """A session whose work is committed when the block ends, and undone when it raises.

        The organisation, or the person, is what row-level security lets `app` see; without one it sees nothing.
        """
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            if org_id is not None or user_id is not None:
                await see(session, org_id=org_id, user_id=user_id)
            yield session

    async def close(self) -> None:
        """Close the pool."""
        await self.engine.dispose()


async def see(session: AsyncSession, *, org_id: str | None = None, user_id: str | None = None) -> None:
    """From here on the transaction sees this organisation, this person's own rows, and nothing else."""
    await session.execute(
        text("SELECT set_config('app.org_id', :org_id, true), set_config('app.user_id', :user_id, true)"),
        {"org_id": org_id or "", "user_id": user_id or ""},
    )


def _look_before_use(engine: AsyncEngine) -> None:
    """Open those of the pool's connections anew that ended while they rested.

    A server that ends says so, and is believed without a question: SQLAlchemy's own `pool_pre_ping` asks three before each
    transaction (https://docs.sqlalchemy.org/en/21/core/pooling.html#dealing-with-disconnects).
    """
    pool, dialect = engine.sync_engine.pool, engine.sync_engine.dialect

    @event.listens_for(pool, "checkin")
    def rests(connection: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        del connection
        entry.info["rests"] = time.monotonic()

    @event.listens_for(pool, "checkout")
    def look(connection: DBAPIConnection, entry: ConnectionPoolEntry, _: object) -> None:
        if cast("Connection", entry.driver_connection).is_closed():
            raise DisconnectionError("the server ended the connection")
        rested = time.monotonic() - entry.info.get("rests", math.inf)
        if rested > _RESTED_SECONDS:
            try:
                dialect.do_ping(connection)
            except (dialect.loaded_dbapi.Error, OSError, TimeoutError) as error:
                raise DisconnectionError("the connection was dropped on the way") from error


def is_fault_of_data(error: BaseException) -> bool:
    """Whether PostgreSQL can never take what it was given; anything else may be better at the next try."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    return isinstance(state, str) and state.startswith(_FAULTS_OF_DATA)


def login(url: str) -> str | None:
    """The user that a URL names. Raises ConfigurationError."""
    return make_url(_dsn(url)).username


def _dsn(url: str) -> str:
    """A URL as the driver reads it."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(
            "DATABASE_URL is no URL. Write postgresql://USER:PASSWORD@HOST:5432/DATABASE."
        ) from error
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise ConfigurationError(
            f"DATABASE_URL names {parsed.get_backend_name()}; only PostgreSQL is supported: postgresql://USER:PASSWORD@HOST/DATABASE."
        )
    plain = parsed.set(drivername="postgresql").difference_update_query(_ONLY_LIBPQ)
    return plain.render_as_string(hide_password=False)
