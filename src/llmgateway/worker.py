"""Floor 4: runs the control plane's table of jobs, in a process of its own or beside the wings."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from llmgateway.controlplane.billing import closing, usage_charges
from llmgateway.controlplane.orgs import ending
from llmgateway.controlplane.reception import mailroom
from llmgateway.db.session import DATABASE_ERRORS, Database
from llmgateway.kit.clock import Clock
from llmgateway.kit.mail import ConsoleMailer, Mailer, SmtpMailer
from llmgateway.settings import Settings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Job:
    """One thing that is done again and again."""

    name: str
    every: float
    """Seconds between two looks."""
    step: Callable[[], Awaitable[bool]]
    """One piece of work; False when there is nothing more to do now."""


def jobs(database: Database, clock: Clock, mailer: Mailer) -> Sequence[Job]:
    """The table. Each job may run on several workers at once; rows are locked, not the job."""
    return (
        Job("mail", 0.5, lambda: mailroom.deliver_next(database, clock, mailer)),
        Job("organisations that end", 60.0, lambda: ending.end_next(database, clock)),
        Job("sessions that ended", 3600.0, lambda: ending.forget_sessions(database, clock)),
        Job("partitions", 3600.0, lambda: ending.make_partitions(database)),
        *bookkeeping(database, clock),
    )


def bookkeeping(database: Database, clock: Clock) -> Sequence[Job]:
    """What keeps the ledger; each looks at everything that is due and then rests."""

    async def charge(back: timedelta) -> bool:
        await usage_charges.post_usage(database, clock, back)
        return False

    async def close() -> bool:
        await closing.close_days(database, clock)
        return False

    return (
        Job("charges", 60.0, lambda: charge(usage_charges.RECENT)),
        Job("charges that came late", 6 * 3600.0, lambda: charge(usage_charges.ALL_THAT_MAY_CHANGE)),
        Job("daily closing", 600.0, close),
    )


async def work(table: Sequence[Job]) -> None:
    """All jobs, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for job in table:
            group.create_task(_again_and_again(job))


async def _again_and_again(job: Job) -> None:
    while True:
        try:
            while await job.step():
                pass
        except DATABASE_ERRORS as error:
            log.warning("a job waits for the database", job=job.name, reason=str(error) or type(error).__name__)
        await asyncio.sleep(job.every)


def mailer_of(settings: Settings) -> Mailer:
    """By SMTP where a server is set, else to the console."""
    if settings.smtp_url is None:
        return ConsoleMailer()
    return SmtpMailer(settings.smtp_url, settings.mail_from or "llmgateway@localhost")
