"""outbox: mail that a transaction decided on and a job delivers."""

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from llmgateway.db.base import Base, Id, Moment


class OutboxMail(Base):
    """Gone when the server has taken it."""

    __tablename__ = "outbox"

    id: Mapped[Id]
    recipient: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    created_at: Mapped[Moment]
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    next_try_at: Mapped[Moment]
