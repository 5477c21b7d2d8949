"""installations: the one row that says who this installation is."""

from sqlalchemy.orm import Mapped

from llmgateway.db.base import Base, Id, Moment


class Installation(Base):
    """`key_pepper` is what API keys are hashed with, wrapped by a master key."""

    __tablename__ = "installations"

    id: Mapped[Id]
    key_pepper: Mapped[bytes]
    created_at: Mapped[Moment]
