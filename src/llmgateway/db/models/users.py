"""users and members: people, and what they may do where."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from llmgateway.db.base import Base, Id, Moment


class User(Base):
    """A person. The e-mail address is kept in lower case."""

    __tablename__ = "users"

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    created_at: Mapped[Moment]


class Member(Base):
    """A person in an organisation."""

    __tablename__ = "members"

    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str]
    created_at: Mapped[Moment]
