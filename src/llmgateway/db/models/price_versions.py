"""price_versions: every version of the prices that this installation has used. Nothing is ever changed or taken out."""

from typing import Any

from sqlalchemy import Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from llmgateway.db.base import Base, Moment


class PriceVersion(Base):
    """`version` is what usage events are stamped with."""

    __tablename__ = "price_versions"

    version: Mapped[str] = mapped_column(Text, primary_key=True)
    used_since: Mapped[Moment]
    prices: Mapped[dict[str, Any]] = mapped_column(JSONB)
