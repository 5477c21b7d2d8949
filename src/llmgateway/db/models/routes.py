"""routes: aliases of an organisation's own."""

from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from llmgateway.db.base import Base, Id, Moment


class Route(Base):
    """A name, and the targets behind it in the form of gateway.yaml's `models`."""

    __tablename__ = "routes"

    id: Mapped[Id]
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    alias: Mapped[str]
    definition: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[Moment]
    updated_at: Mapped[Moment]
