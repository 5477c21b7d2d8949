"""organisations: the tenants."""

from sqlalchemy.orm import Mapped, mapped_column

from llmgateway.db.base import Base, Id, Moment


class Organisation(Base):
    """A customer; everything else belongs to one."""

    __tablename__ = "organisations"

    id: Mapped[Id]
    name: Mapped[str]
    slug: Mapped[str] = mapped_column(unique=True)
    plan: Mapped[str]
    suspended_at: Mapped[Moment | None]
    created_at: Mapped[Moment]
