"""sessions, refresh_tokens and tickets: logins that last, and what is sent by mail to be used once."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from llmgateway.db.base import Base, Id, Moment


class Session(Base):
    """One login on one device: the family of its refresh tokens."""

    __tablename__ = "sessions"

    id: Mapped[Id]
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    address: Mapped[str]
    agent: Mapped[str]
    """The User-Agent it began with."""
    created_at: Mapped[Moment]
    last_used_at: Mapped[Moment]
    expires_at: Mapped[Moment]
    revoked_at: Mapped[Moment | None]


class RefreshToken(Base):
    """Works once; the second use ends its session, unless it is the first one's own repetition."""

    __tablename__ = "refresh_tokens"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"))
    user_id: Mapped[str]
    created_at: Mapped[Moment]
    used_at: Mapped[Moment | None]
    attempt: Mapped[bytes | None]
    """Keyed hash of the Idempotency-Key that it was used with."""


class MailTicket(Base):
    """What a link in a mail carries: proof that its reader owns the address."""

    __tablename__ = "tickets"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    kind: Mapped[str]
    """`verify`, `reset` or `email` (a change of address)."""
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    email: Mapped[str]
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment]
    used_at: Mapped[Moment | None]
