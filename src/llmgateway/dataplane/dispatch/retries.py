"""How many extra attempts an organisation may have: a share of what it asks, or an outage is answered with a multiple of its load."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from llmgateway.kit.clock import Clock

_SHARE: Final = 0.2
"""Extra attempts that a request earns for those after it."""
_MOST: Final = 1000.0
_RESERVE: Final = 100.0
"""Extra attempts that are there at the beginning, and come back ten a second: who asks little never runs out of them."""
_BACK_A_SECOND: Final = 10.0
_REMEMBERED: Final = 10_000
"""Organisations; who is forgotten begins anew."""


@dataclass(slots=True)
class _Purse:
    left: float
    filled_at: float
    """Monotonic seconds."""


class Retries:
    """One for a process. Other targets are asked without it: they carry another load."""

    def __init__(self, clock: Clock, refused: Callable[[], None] = lambda: None) -> None:
        """`refused` hears of every extra attempt that was not made."""
        self._clock = clock
        self._refused = refused
        self._purses = OrderedDict[str, _Purse]()

    def earn(self, org_id: str) -> None:
        """A request of the organisation is about to be sent."""
        purse = self._purses.get(org_id)
        if purse is None:
            self._purses[org_id] = _Purse(_RESERVE, self._clock.monotonic())
            if len(self._purses) > _REMEMBERED:
                self._purses.popitem(last=False)
        elif purse.left < _MOST:
            purse.left += _SHARE

    def spend(self, org_id: str) -> bool:
        """Whether one extra attempt may be made now; then it is taken."""
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
