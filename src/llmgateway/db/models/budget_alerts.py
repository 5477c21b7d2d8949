"""budget_alerts: what was told of budgets."""

from sqlalchemy.orm import Mapped, mapped_column

from llmgateway.db.base import Base, Id, Moment, Nanos


class BudgetAlert(Base):
    """So many percent of a budget were used, and people were told. A budget of another height is told of anew."""

    __tablename__ = "budget_alerts"

    org_id: Mapped[Id]
    subject_id: Mapped[Id]
    """The organisation, project or key whose budget it is."""
    period: Mapped[str] = mapped_column(primary_key=True)
    """`2026-11-05`, `2026-11` or `total`."""
    nanos: Mapped[Nanos] = mapped_column(primary_key=True)
    percent: Mapped[int] = mapped_column(primary_key=True)
    told_at: Mapped[Moment]
