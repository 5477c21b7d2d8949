"""users, logins and members: people, their secrets apart, and what they may do where."""

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from llmgateway.db.base import Base, Id, Moment


class User(Base):
    """A person, as others in the same organisation see them. The e-mail address is kept in lower case."""

    __tablename__ = "users"

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(server_default="")
    email_verified_at: Mapped[Moment | None]
    operator: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether they run this installation: /api/v1/admin."""
    created_at: Mapped[Moment]


class Login(Base):
    """What proves who a person is; nobody else's query sees it."""

    __tablename__ = "logins"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    password_hash: Mapped[str]
    totp_secret: Mapped[bytes | None]
    """Sealed by a master key."""
    totp_confirmed_at: Mapped[Moment | None]
    totp_last_step: Mapped[int | None] = mapped_column(BigInteger)
    """The last code's time step: a code works once."""
    recovery_hashes: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")


class Member(Base):
    """A person in an organisation."""

    __tablename__ = "members"

    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str]
    created_at: Mapped[Moment]
