"""How a budget refuses: the data plane says it to the caller, and the control plane reads in events which budget it was."""

import re
from typing import Final

from llmgateway.kit.money import dollars, nanos

KEY: Final = "This key"
PROJECT: Final = "This key's project"
ORGANISATION: Final = "This organisation"
PERIODS: Final = {"day": "a day", "month": "a month", "total": "in all"}
"""A budget's period, in a sentence."""
_LEFT: Final = re.compile(r" \$([0-9][0-9,.]*) of it is left\.")


def no_room(whose: str, limit: str, period: str) -> str:
    """The sentence; `period` is one of the words of `PERIODS`."""
    return f"{whose}'s budget of {limit} {period} has no room for this request."


def with_left(sentence: str, left: int) -> str:
    """The sentence of `no_room`, and what is left of the budget, in nanos."""
    return f"{sentence} ${dollars(left)} of it is left." if left > 0 else f"{sentence} It is used up."


def left_in(message: str) -> int:
    """What was left of the budget, in nanos, when it refused; 0 where nothing is said of it."""
    found = _LEFT.search(message)
    return nanos(found[1].replace(",", "")) if found else 0


def refused_by(message: str, whose: str, limit: str, period: str) -> bool:
    """Whether a refusal is that of this budget, at this limit."""
    return message.startswith(no_room(whose, limit, period))
