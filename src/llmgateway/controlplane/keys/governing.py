"""What somebody who manages keys set on a key holds for its maker too, who alone may only make it tighter."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from llmgateway.db.models.api_keys import ApiKey
from llmgateway.errors import Forbidden

_LISTS: Final = {
    "scopes": "scopes",
    "models": "allowed_models",
    "providers": "allowed_providers",
    "networks": "allowed_addresses",
}
_BUDGETS: Final = {
    "daily_budget_nanos": "budgets.day_usd",
    "monthly_budget_nanos": "budgets.month_usd",
    "total_budget_nanos": "budgets.total_usd",
}
_GOVERNABLE: Final = {
    "requests_per_minute": "limits.requests_per_minute",
    "requests_per_hour": "limits.requests_per_hour",
    "requests_per_day": "limits.requests_per_day",
    "tokens_per_minute": "limits.tokens_per_minute",
    "concurrency": "limits.concurrency",
    "expires_at": "expires_at",
    **_LISTS,
    **_BUDGETS,
}
"""Columns that are governed once somebody who manages keys sets them, and what the API calls them."""
_FIELDS: Final = {**_GOVERNABLE, "hard_budget": "budgets.mode", "project_id": "project_id"}
"""With those that hold a maker by themselves: see `_is_governed`."""


def governed_after(governed: Iterable[str], columns: Mapping[str, Any]) -> list[str]:
    """The governed columns, once somebody who manages keys sets these: a rule that is taken off is free again."""
    kept = {name for name in governed if columns.get(name, True) is not None}
    return sorted(kept | {name for name in _GOVERNABLE if columns.get(name) is not None})


def governed_fields(key: ApiKey) -> list[str]:
    """What the maker of a key may only make tighter, as the API calls it."""
    return [field for name, field in _FIELDS.items() if _is_governed(key, name)]


def check_tighter(key: ApiKey, columns: Mapping[str, Any]) -> None:
    """For a maker who does not manage keys. Raises Forbidden for a change that lets a key do more than it was set to."""
    for name, new in columns.items():
        if name in _FIELDS and _is_governed(key, name) and _loosens(name, getattr(key, name), new):
            raise Forbidden(_refusal(name), code="permission_denied", param=_FIELDS[name])


def _is_governed(key: ApiKey, name: str) -> bool:
    """A key stays in a project whoever put it there, and the mode of a budget goes with the budget."""
    if name == "project_id":
        return key.project_id is not None
    if name == "hard_budget":
        return key.hard_budget and not _BUDGETS.keys().isdisjoint(key.governed)
    return name in key.governed


def _loosens(name: str, old: Any, new: Any) -> bool:
    """Whether the new value of a column lets a key do more; None is no rule."""
    if old is None or new == old:
        return False
    if new is None or name in {"hard_budget", "project_id"}:
        return True
    return not set(new) <= set(old) if name in _LISTS else new > old


def _refusal(name: str) -> str:
    if name == "project_id":
        return "Your key stays in its project. An admin or owner can move it."
    if name == "hard_budget":
        return "Somebody who manages keys set this hard budget. An admin or owner can make it soft."
    may = "take entries out of it" if name in _LISTS else "bring it forward" if name == "expires_at" else "lower it"
    return f"Somebody who manages keys set {_FIELDS[name]}: you may only {may}. An admin or owner can change it."
