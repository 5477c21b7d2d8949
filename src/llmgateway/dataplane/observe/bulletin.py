"""What this process knows of its paths to providers, told to whoever shows it to people."""

import asyncio
import math
from collections.abc import Sequence
from typing import Final

from llmgateway.contract.channels import HealthSink, PathHealth, SourceUnavailable
from llmgateway.dataplane.plan.health import Health

_SECONDS: Final = 2.0
_AGAIN_SECONDS: Final = 15.0
"""What did not change is told again, since what was told long ago is forgotten."""
_MOST: Final = 1_000
"""Paths, the newest."""


class Bulletin:
    """One for a process that asks providers."""

    def __init__(self, health: Health, sink: HealthSink, process: str) -> None:
        self._health = health
        self._sink = sink
        self._process = process
        self._told: Sequence[PathHealth] = ()
        self._told_at = -math.inf

    async def issue(self) -> None:
        """Tell what changed, until cancelled."""
        while True:
            await self.tell()
            await asyncio.sleep(_SECONDS)

    async def tell(self) -> None:
        """Tell it now, where it is news. What cannot be told is tried again: nobody waits for it."""
        report, now = self._health.report()[-_MOST:], asyncio.get_running_loop().time()
        if not report or (report == self._told and now - self._told_at < _AGAIN_SECONDS):
            return
        try:
            await self._sink.tell(self._process, report)
        except SourceUnavailable:
            return
        self._told, self._told_at = report, now
