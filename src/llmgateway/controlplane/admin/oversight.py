"""Checks queues and books at intervals and sets the metrics: waiting mails and webhooks, usage without sums, faults of the ledger."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import func, select

from llmgateway.controlplane import figures
from llmgateway.controlplane.billing.books.checking import check
from llmgateway.db.models.billing import MeterReport, StripeEvent
from llmgateway.db.models.outbox import OutboxMail
from llmgateway.db.models.usage_rollups import UsagePending
from llmgateway.db.session import DATABASE_ERRORS, Database
from llmgateway.kit.clock import Clock
from llmgateway.kit.metrics import Metrics
from llmgateway.kit.utc import hour_of

_OUTBOX_SECONDS: Final = 30.0
_BOOKS_SECONDS: Final = 3600.0
_BACK: Final = timedelta(days=3)
_SETTLED: Final = timedelta(hours=2)
"""Hours younger than this are still being posted."""

log = structlog.get_logger()


class Oversight:
    """The checks of one process. Its database acts as `admin`."""

    def __init__(self, database: Database, clock: Clock, metrics: Metrics) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._unsummed: tuple[int, float] | None = None
        """The id of the oldest usage that is not summed up, and since when (monotonic seconds) it has been seen here."""

    async def watch(self) -> None:
        """Run all checks until cancelled."""
        await asyncio.gather(
            self._again(self.look_at_the_outbox, _OUTBOX_SECONDS),
            self._again(self.look_at_stripe, _OUTBOX_SECONDS),
            self._again(self.look_at_the_sums, _OUTBOX_SECONDS),
            self._again(self.look_at_the_books, _BOOKS_SECONDS),
        )

    async def look_at_the_outbox(self) -> None:
        """Set the number of waiting mails and the age of the oldest. Raises DATABASE_ERRORS."""
        async with self._database.transaction() as tx:
            count = await tx.scalar(select(func.count()).select_from(OutboxMail))
            oldest = await tx.scalar(select(func.min(OutboxMail.created_at)))
        self._metrics.gauge(figures.OUTBOX_WAITING).set(count or 0)
        self._metrics.gauge(figures.OUTBOX_AGE).set(self._age(oldest))

    async def look_at_stripe(self) -> None:
        """Set the number and age of webhooks that wait, and the age of unsent usage reports. Raises DATABASE_ERRORS."""
        waits = StripeEvent.handled_at.is_(None)
        async with self._database.transaction() as tx:
            count = await tx.scalar(select(func.count()).select_from(StripeEvent).where(waits))
            oldest = await tx.scalar(select(func.min(StripeEvent.received_at)).where(waits))
            untold = await tx.scalar(select(func.min(MeterReport.created_at)).where(MeterReport.sent_at.is_(None)))
        self._metrics.gauge(figures.WEBHOOKS_WAITING).set(count or 0)
        self._metrics.gauge(figures.WEBHOOKS_AGE).set(self._age(oldest))
        self._metrics.gauge(figures.METER_AGE).set(self._age(untold))

    async def look_at_the_sums(self) -> None:
        """Set how long the oldest usage without a sum has been seen here, in seconds. Raises DATABASE_ERRORS."""
        async with self._database.transaction() as tx:
            oldest = await tx.scalar(select(func.min(UsagePending.id)))
        now = self._clock.monotonic()
        if oldest is None or self._unsummed is None or oldest > self._unsummed[0]:
            self._unsummed = None if oldest is None else (oldest, now)
        self._metrics.gauge(figures.UNSUMMED_AGE).set(now - self._unsummed[1] if self._unsummed else 0)

    async def look_at_the_books(self) -> None:
        """Check the books of the last three days and set the number of faults. Raises DATABASE_ERRORS."""
        until = hour_of(self._clock.now() - _SETTLED)
        async with self._database.transaction() as tx:
            report = await check(tx, until - _BACK, until)
        faults = len(report.unbalanced) + len(report.closings) + len(report.differences)
        faults += int(sum(report.accounts.values()) != 0)
        if faults:
            log.error("the books are not right", faults=faults, advice="run `llmgateway ledger check`")
        self._metrics.gauge(figures.LEDGER_FAULTS).set(faults)
        self._metrics.gauge(figures.LEDGER_CHECKED).set(self._clock.now().timestamp())

    def _age(self, moment: datetime | None) -> float:
        """Seconds since then; 0 for never."""
        return max(0.0, (self._clock.now() - moment).total_seconds()) if moment is not None else 0.0

    async def _again(self, look: Callable[[], Awaitable[None]], seconds: float) -> None:
        while True:
            try:
                await look()
            except DATABASE_ERRORS as error:
                log.warning("nobody could look after the control plane", reason=str(error) or type(error).__name__)
            await asyncio.sleep(seconds)
