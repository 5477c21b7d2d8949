"""How a budget refuses: the data plane says it to the caller, and the control plane reads in events which budget it was."""

from typing import Final

KEY: Final = "This key"
PROJECT: Final = "This key's project"
ORGANISATION: Final = "This organisation"
PERIODS: Final = {"day": "a day", "month": "a month", "total": "in all"}
"""A budget's period, in a sentence."""


def no_room(whose: str, limit: str, period: str) -> str:
    """The sentence; `period` is one of the words of `PERIODS`."""
    return f"{whose}'s budget of {limit} {period} has no room for this request."


def refused_by(message: str, whose: str, limit: str, period: str) -> bool:
    """Whether a refusal is that of this budget, at this limit."""
    return message.startswith(no_room(whose, limit, period))
