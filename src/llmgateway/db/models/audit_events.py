"""audit_events: who did what. Append only; ids, never contents."""

from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from llmgateway.db.base import Base, Id, Moment


class AuditRow(Base):
    """One act. `org_id` is null for what concerns a person alone."""

    __tablename__ = "audit_events"

    id: Mapped[Id]
    org_id: Mapped[str | None]
    actor_id: Mapped[str | None]
    actor_kind: Mapped[str]
    """`user`, `operator` or `system`."""
    action: Mapped[str]
    target: Mapped[str | None]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    address: Mapped[str | None]
    created_at: Mapped[Moment]
