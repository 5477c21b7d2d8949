"""organisations, projects and invitations: the tenants."""

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from llmgateway.db.base import Base, Id, Moment, Nanos
from llmgateway.db.models.budgeted import Budgeted


class Organisation(Budgeted, Base):
    """A customer; everything else belongs to one."""

    __tablename__ = "organisations"

    id: Mapped[Id]
    name: Mapped[str]
    slug: Mapped[str] = mapped_column(unique=True)
    plan: Mapped[str]
    suspended_at: Mapped[Moment | None]
    deletes_at: Mapped[Moment | None]
    """When it will be gone for good; until then it can be restored."""
    data_key: Mapped[bytes | None]
    """Seals its secrets and contents; itself sealed by a master key."""
    policy: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    cache_seconds: Mapped[int | None]
    quota_epoch: Mapped[int] = mapped_column(server_default=text("0"))
    """How often a plan with a quota began after one without."""
    overage_limit_nanos: Mapped[Nanos | None]
    """What may be spent beyond the plan in a billing period; None is nothing."""
    overage_waived_nanos: Mapped[Nanos] = mapped_column(server_default=text("0"))
    """Of the price beyond the plan, what is not charged: it was used under other terms."""
    overage_waived_in: Mapped[Moment | None]
    """Where the period begins that this is for."""
    period_start: Mapped[Moment | None]
    """Of the billing period that a subscription runs in, or of the month after its end; None is the UTC month."""
    period_end: Mapped[Moment | None]
    created_at: Mapped[Moment]


class Project(Budgeted, Base):
    """A part of an organisation, with limits of its own for all keys in it."""

    __tablename__ = "projects"

    id: Mapped[Id]
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    name: Mapped[str]
    requests_per_minute: Mapped[int | None] = mapped_column(BigInteger)
    requests_per_hour: Mapped[int | None] = mapped_column(BigInteger)
    requests_per_day: Mapped[int | None] = mapped_column(BigInteger)
    tokens_per_minute: Mapped[int | None] = mapped_column(BigInteger)
    concurrency: Mapped[int | None]
    created_at: Mapped[Moment]


class Invitation(Base):
    """An address that may join; the link's token is kept as a hash."""

    __tablename__ = "invitations"

    id: Mapped[Id]
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    email: Mapped[str]
    role: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    invited_by: Mapped[str]
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment]
    accepted_at: Mapped[Moment | None]
    revoked_at: Mapped[Moment | None]
