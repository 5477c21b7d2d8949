"""installations: the one row that says who this installation is."""

from typing import Final

from sqlalchemy.orm import Mapped

from llmgateway.db.base import Base, Id, Moment

PEPPER_CONTEXT: Final = b"installations.key_pepper"
"""What the sealed pepper is bound to, so that it opens as nothing else."""


class Installation(Base):
    """`key_pepper` is what API keys are hashed with, wrapped by a master key."""

    __tablename__ = "installations"

    id: Mapped[Id]
    key_pepper: Mapped[bytes]
    created_at: Mapped[Moment]
