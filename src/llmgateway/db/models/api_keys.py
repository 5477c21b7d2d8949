"""api_keys and key_secrets: the credentials of applications. A secret itself is never stored."""

from sqlalchemy import BigInteger, ForeignKey, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from llmgateway.db.base import Base, Id, Moment
from llmgateway.db.models.budgeted import Budgeted


class ApiKey(Budgeted, Base):
    """One key: what it may do, and how much. None is no limit."""

    __tablename__ = "api_keys"

    id: Mapped[Id]
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    project_id: Mapped[str | None]
    name: Mapped[str]
    test: Mapped[bool]
    prefix: Mapped[str]
    """The first characters of its newest secret, to recognise it by."""
    last4: Mapped[str]
    created_by: Mapped[str | None]
    """Whose it is: the key ends when they leave. None for keys of the command line."""
    requests_per_minute: Mapped[int | None] = mapped_column(BigInteger)
    requests_per_hour: Mapped[int | None] = mapped_column(BigInteger)
    requests_per_day: Mapped[int | None] = mapped_column(BigInteger)
    tokens_per_minute: Mapped[int | None] = mapped_column(BigInteger)
    concurrency: Mapped[int | None]
    cache_seconds: Mapped[int | None]
    scopes: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    models: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    providers: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    networks: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    tags: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    governed: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'"))
    """Columns that somebody who manages keys set: its maker alone may only make them tighter."""
    expires_at: Mapped[Moment | None]
    revoked_at: Mapped[Moment | None]
    created_at: Mapped[Moment]


class KeySecret(Base):
    """One live or expired secret of a key, as a keyed hash; during a rotation a key has two."""

    __tablename__ = "key_secrets"

    id: Mapped[Id]
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"), index=True)
    org_id: Mapped[str]
    secret_hash: Mapped[bytes] = mapped_column(unique=True)
    prefix: Mapped[str]
    last4: Mapped[str]
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment | None]
    last_used_at: Mapped[Moment | None]
