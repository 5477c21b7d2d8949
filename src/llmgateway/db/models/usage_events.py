"""usage_events: what requests did. Partitioned by month; the columns are the fields of contract.usage.UsageEvent."""

from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from llmgateway.db.base import Base, Id, Moment, Nanos


class UsageRow(Base):
    """One request."""

    __tablename__ = "usage_events"
    __table_args__ = {"postgresql_partition_by": "RANGE (created_at)"}  # noqa: RUF012 SQLAlchemy's own form

    id: Mapped[Id]
    created_at: Mapped[Moment] = mapped_column(primary_key=True)
    org_id: Mapped[str]
    key_id: Mapped[str]
    project_id: Mapped[str | None]
    operation: Mapped[str]
    dialect: Mapped[str]
    model: Mapped[str]
    provider: Mapped[str | None]
    served_model: Mapped[str | None]
    outcome: Mapped[str]
    status: Mapped[int]
    error_code: Mapped[str | None]
    stream: Mapped[bool]
    prompt_tokens: Mapped[int] = mapped_column(BigInteger)
    completion_tokens: Mapped[int] = mapped_column(BigInteger)
    cached_tokens: Mapped[int] = mapped_column(BigInteger)
    cache_write_tokens: Mapped[int] = mapped_column(BigInteger)
    reasoning_tokens: Mapped[int] = mapped_column(BigInteger)
    cost_nanos: Mapped[Nanos | None]
    charge_nanos: Mapped[Nanos | None]
    list_cost_nanos: Mapped[Nanos | None]
    price_version: Mapped[str | None]
    usage_source: Mapped[str]
    cache: Mapped[str]
    test: Mapped[bool]
    duration_ms: Mapped[int]
    first_token_ms: Mapped[int | None]
    attempts: Mapped[list[Any]] = mapped_column(JSONB)
    plan: Mapped[list[Any]] = mapped_column(JSONB)
    tags: Mapped[list[Any]] = mapped_column(JSONB)
    error_message: Mapped[str | None]
    usage_details: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
