"""Budgets as the API takes and shows them, the same for keys, projects and organisations."""

from typing import Any, Final, Literal

from pydantic import Field

from llmgateway.controlplane.reception.bodies import Body, Dollars, DollarText, Shown
from llmgateway.db.models.budgeted import Budgeted
from llmgateway.kit.money import usd_or_none

Mode = Literal["hard", "soft"]

_COLUMNS: Final = {
    "day_usd": "daily_budget_nanos",
    "month_usd": "monthly_budget_nanos",
    "total_usd": "total_budget_nanos",
}


def _hard() -> Mode:
    return "hard"


class Budgets(Body):
    """Money, by UTC day and month, and in all; null is no budget."""

    day_usd: Dollars | None = None
    month_usd: Dollars | None = None
    total_usd: Dollars | None = None
    mode: Mode = Field(
        default_factory=_hard,  # of what is made: in a change, what is not given stays
        description="`hard`, as it is made, refuses what has no room; `soft` is told by mail, never refused.",
    )


class BudgetsShown(Shown):
    """Money."""

    day_usd: DollarText | None
    month_usd: DollarText | None
    total_usd: DollarText | None
    mode: Mode


def budgets_shown(row: Budgeted) -> BudgetsShown:
    """The budgets of a key, a project or an organisation."""
    return BudgetsShown(
        day_usd=usd_or_none(row.daily_budget_nanos),
        month_usd=usd_or_none(row.monthly_budget_nanos),
        total_usd=usd_or_none(row.total_budget_nanos),
        mode="hard" if row.hard_budget else "soft",
    )


def budget_columns(budgets: Budgets | None) -> dict[str, Any]:
    """The columns to set for the fields that a body gives; None removes all budgets."""
    if budgets is None:
        return {**dict.fromkeys(_COLUMNS.values()), "hard_budget": True}
    given = budgets.model_dump(exclude_unset=True)
    columns: dict[str, Any] = {column: given[name] for name, column in _COLUMNS.items() if name in given}
    return {**columns, "hard_budget": given["mode"] == "hard"} if "mode" in given else columns


def budget_changes(row: Budgeted, budgets: Budgets | None) -> dict[str, Any]:
    """As `budget_columns`, for an existing row. A budget that becomes hard is counted anew, with all that was spent."""
    columns = budget_columns(budgets)
    before = {name: getattr(row, name) for name in (*_COLUMNS.values(), "hard_budget")}
    if _refusing({**before, **columns}) - _refusing(before):
        columns["budget_epoch"] = row.budget_epoch + 1
    return columns


def _refusing(columns: dict[str, Any]) -> set[str]:
    """The columns of hard budgets, which the data plane counts."""
    return {name for name in _COLUMNS.values() if columns["hard_budget"] and columns[name] is not None}
