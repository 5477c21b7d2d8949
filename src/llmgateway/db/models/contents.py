"""contents: what was said, sealed, for organisations that log it."""

from sqlalchemy.orm import Mapped

from llmgateway.db.base import Base, Id, Moment


class ContentRow(Base):
    """One request's body and answer; gone when its time is over."""

    __tablename__ = "contents"

    event_id: Mapped[Id]
    org_id: Mapped[str]
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment]
    request: Mapped[bytes]
    answer: Mapped[bytes]
