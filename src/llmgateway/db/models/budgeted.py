"""What a key, a project and an organisation have alike: money that they may cost."""

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from llmgateway.db.base import Nanos


class Budgeted:
    """Columns of budgets by UTC day, month and in all; None is no budget."""

    daily_budget_nanos: Mapped[Nanos | None]
    monthly_budget_nanos: Mapped[Nanos | None]
    total_budget_nanos: Mapped[Nanos | None]
    hard_budget: Mapped[bool] = mapped_column(server_default=text("true"))
    """False: what is over the budget is told, not refused."""
    budget_epoch: Mapped[int] = mapped_column(server_default=text("0"))
    """How often a hard budget began after there was none: what was spent meanwhile was not counted, so it is counted anew."""
