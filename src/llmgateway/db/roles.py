"""The roles of PostgreSQL that processes act as: the walls between tenants stand there, not in our queries alone."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError


class Role(StrEnum):
    """NOLOGIN; granted to the user of DATABASE_URL. Roles belong to the whole server, all databases on it share them."""

    OWNER = "llmgateway_owner"
    """Owns the tables; no process acts as it but `migrate`."""
    APP = "llmgateway_app"
    """Serves people: sees the one organisation that its transaction names, by row-level security."""
    DATA = "llmgateway_data"
    """Serves tokens: may only call the definer functions made for it, and reads no table."""
    WORKER = "llmgateway_worker"
    """Runs jobs over all organisations."""
    ADMIN = "llmgateway_admin"
    """The operator's commands, over all organisations."""
    LOOKUP = "llmgateway_lookup"
    """Owns the definer functions: what runs before the organisation is known."""


_TRIES: Final = 20
_INSUFFICIENT_PRIVILEGE: Final = "42501"
_EXISTS: Final = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :role)"
_MAY_ACT: Final = (
    "SELECT pg_has_role(:login, :role, CASE WHEN current_setting('server_version_num')::int >= 160000 "
    "THEN 'SET' ELSE 'MEMBER' END)"
)


def ensure_roles(connection: Connection, login: str | None) -> None:
    """Make the roles that are missing, and let the migrating user and the login act as them.

    Raises DBAPIError when the migrating user may not.
    """
    quoted = connection.dialect.identifier_preparer.quote_identifier
    me = connection.scalar(text("SELECT current_user"))
    logins = dict.fromkeys(name for name in (me, login) if name)
    for role in Role:
        _until(connection, _EXISTS, {"role": role}, f"CREATE ROLE {role} NOLOGIN")
        for name in logins:
            _until(connection, _MAY_ACT, {"role": role, "login": name}, f"GRANT {role} TO {quoted(name)}")


def _until(connection: Connection, question: str, values: Mapping[str, str], statement: str) -> None:
    """Roles are the whole server's: another database's migration may be doing the same at this moment."""
    for tries_left in reversed(range(_TRIES)):
        if connection.scalar(text(question), values):
            return
        try:
            with connection.begin_nested():
                connection.execute(text(statement))
        except DBAPIError as error:
            refused = getattr(error.orig, "sqlstate", None) == _INSUFFICIENT_PRIVILEGE
            if refused or not tries_left:
                raise
