"""api_keys: the credentials of applications. The secret itself is never stored."""

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from llmgateway.db.base import Base, Id, Moment, Nanos


class ApiKey(Base):
    """One key: its hash, what it may do, and how much. None is no limit."""

    __tablename__ = "api_keys"

    id: Mapped[Id]
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    project_id: Mapped[str | None]
    name: Mapped[str]
    test: Mapped[bool]
    prefix: Mapped[str]
    """The first characters, to recognise it by."""
    last4: Mapped[str]
    secret_hash: Mapped[bytes] = mapped_column(unique=True)
    requests_per_minute: Mapped[int | None] = mapped_column(BigInteger)
    requests_per_hour: Mapped[int | None] = mapped_column(BigInteger)
    requests_per_day: Mapped[int | None] = mapped_column(BigInteger)
    tokens_per_minute: Mapped[int | None] = mapped_column(BigInteger)
    concurrency: Mapped[int | None]
    monthly_budget_nanos: Mapped[Nanos | None]
    scopes: Mapped[list[str] | None] = mapped_column(JSONB)
    models: Mapped[list[str] | None] = mapped_column(JSONB)
    providers: Mapped[list[str] | None] = mapped_column(JSONB)
    networks: Mapped[list[str] | None] = mapped_column(JSONB)
    tags: Mapped[list[str] | None] = mapped_column(JSONB)
    expires_at: Mapped[Moment | None]
    revoked_at: Mapped[Moment | None]
    created_at: Mapped[Moment]
