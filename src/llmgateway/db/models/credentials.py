"""credentials: keys of providers that tenants bring."""

from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from llmgateway.db.base import Base, Id, Moment


class ProviderCredential(Base):
    """`sealed` is a JSON object of secrets under the organisation's data key; it is never shown again."""

    __tablename__ = "credentials"

    id: Mapped[Id]
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    provider: Mapped[str]
    name: Mapped[str]
    sealed: Mapped[bytes]
    last4: Mapped[str]
    base_url: Mapped[str | None]
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    created_by: Mapped[str]
    created_at: Mapped[Moment]
    checked_at: Mapped[Moment | None]
    check_result: Mapped[str | None]
    """`ok`, or what the provider said at the last check."""
