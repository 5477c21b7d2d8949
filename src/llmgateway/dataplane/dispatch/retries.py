"""A budget of retries for each organisation, as a share of its requests: without it, an outage would meet a multiple of the load."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from llmgateway.kit.clock import Clock

_SHARE: Final = 0.2
"""Retries that each request earns for later ones."""
_MOST: Final = 1000.0
_RESERVE: Final = 100.0
"""Retries that are there at the beginning; ten a second come back, so that organisations with few requests never run out."""
_BACK_A_SECOND: Final = 10.0
_REMEMBERED: Final = 10_000
"""Organisations that are remembered; a forgotten one begins with the full reserve."""


@dataclass(slots=True)
class _Purse:
    left: float
    filled_at: float
    """Monotonic seconds."""


class Retries:
    """The budgets of one process. Asking another target costs nothing of them, as that is no load for the same one."""

    def __init__(self, clock: Clock, refused: Callable[[], None] = lambda: None) -> None:
        """`refused` is called for every retry that the budget did not allow."""
        self._clock = clock
        self._refused = refused
        self._purses = OrderedDict[str, _Purse]()

    def earn(self, org_id: str) -> None:
        """Note that a request of the organisation is about to be sent."""
        purse = self._purses.get(org_id)
        if purse is None:
            self._purses[org_id] = _Purse(_RESERVE, self._clock.monotonic())
            if len(self._purses) > _REMEMBERED:
                self._purses.popitem(last=False)
        elif purse.left < _MOST:
            purse.left += _SHARE

    def spend(self, org_id: str) -> bool:
        """Take one retry from the budget. Returns False when there is none."""
        purse, now = self._purses.get(org_id), self._clock.monotonic()
        if purse is None:
            return True
        if purse.left < _RESERVE:
            purse.left = min(_RESERVE, purse.left + (now - purse.filled_at) * _BACK_A_SECOND)
        purse.filled_at = now
        if purse.left < 1:
            self._refused()
            return False
        purse.left -= 1
        return True
