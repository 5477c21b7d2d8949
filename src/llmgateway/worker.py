"""Floor 4: runs the control plane's table of jobs, in a process of its own or beside the wings."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from llmgateway.controlplane.accounts import sessions
from llmgateway.controlplane.billing import customers, dunning
from llmgateway.controlplane.billing.books import closing
from llmgateway.controlplane.billing.budgets import alerts
from llmgateway.controlplane.billing.charges import hourly, metering, overage_charges
from llmgateway.controlplane.billing.stripe.access import StripeAccess
from llmgateway.controlplane.billing.stripe.api import StripeApi
from llmgateway.controlplane.billing.stripe.errors import StripeRefused, StripeUnavailable
from llmgateway.controlplane.billing.stripe_events import drift, hints
from llmgateway.controlplane.orgs import ending
from llmgateway.controlplane.reception import outbox
from llmgateway.controlplane.usage import retention, rollups
from llmgateway.db.session import DATABASE_ERRORS, Database
from llmgateway.kit.clock import Clock
from llmgateway.kit.mail import ConsoleMailer, Mailer, SmtpMailer
from llmgateway.kit.outage import Outage
from llmgateway.settings import Settings

_SOON: Final = 60.0
"""Seconds of pause at most, where the database or Stripe did not answer: what is done once a day must not miss the day."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Job:
    """One thing that is done again and again."""

    name: str
    every: float
    """Seconds of pause once there was nothing more to do."""
    step: Callable[[], Awaitable[bool]]
    """One piece of work; False when there is nothing more to do now."""


def jobs(
    database: Database, clock: Clock, mailer: Mailer, address: str, stripe_access: StripeAccess | None = None
) -> Sequence[Job]:
    """The table of jobs; `address` is the gateway's public URL, for mails.

    Several workers may run the same job at once: they lock rows, not jobs.
    """
    return (
        Job("mail", 2.0, lambda: outbox.deliver_next(database, clock, mailer)),
        Job("organisations that end", 60.0, lambda: ending.end_next(database, clock)),
        Job("sessions that ended", 3600.0, _all_due(lambda: sessions.forget_ended(database, clock))),
        Job("contents whose time is over", 600.0, _all_due(lambda: retention.forget_contents(database, clock))),
        Job("sums of usage", 10.0, lambda: rollups.roll_up_next(database)),
        Job("partitions", 3600.0, _all_due(lambda: retention.make_partitions(database))),
        *bookkeeping(database, clock, address),
        *(stripe_jobs(database, clock, stripe_access.api, address) if stripe_access is not None else ()),
    )


def bookkeeping(database: Database, clock: Clock, address: str) -> Sequence[Job]:
    """The jobs that keep the ledger and watch budgets."""
    recent, late = hourly.RECENT, hourly.ALL_THAT_MAY_CHANGE
    return (
        Job("charges", 60.0, _all_due(lambda: hourly.post_usage(database, clock, recent))),
        Job("charges that came late", 6 * 3600.0, _all_due(lambda: hourly.post_usage(database, clock, late))),
        Job("charges beyond the plan", 300.0, _all_due(lambda: overage_charges.charge_overage(database, clock))),
        Job("budgets that are used", 15.0, _all_due(lambda: alerts.tell(database, clock, address))),
        Job("daily closing", 600.0, _all_due(lambda: closing.close_days(database, clock))),
    )


def stripe_jobs(database: Database, clock: Clock, stripe_api: StripeApi, address: str) -> Sequence[Job]:
    """The jobs that keep Stripe and us in step. What Stripe does not answer now waits for the next time."""

    async def meter() -> None:
        await metering.report_usage(database, clock)
        await metering.send_reports(database, clock, stripe_api)

    async def dun() -> None:
        await hints.pass_time(database, clock)
        await dunning.write(database, clock, address)

    async def compare() -> None:
        await hints.fetch_missed(database, clock, stripe_api, hints.LONG_LOOK)
        await drift.mend(database, clock, stripe_api)

    return (
        Job("Stripe's events", 1.0, lambda: hints.handle_next(database, clock, stripe_api)),
        Job(
            "Stripe's events that were missed",
            600.0,
            _of_stripe(lambda: hints.fetch_missed(database, clock, stripe_api)),
        ),
        Job("customers at Stripe", 60.0, _of_stripe(lambda: customers.follow(database, stripe_api))),
        Job("unpaid invoices", 60.0, _of_stripe(dun)),
        Job("usage for invoices", 3600.0, _of_stripe(meter)),
        Job("drift from Stripe", 24 * 3600.0, _of_stripe(compare)),
    )


def _all_due(work: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[bool]]:
    """The step of a job whose work handles everything that is due at once, so that there is nothing more to do now."""

    async def step() -> bool:
        await work()
        return False

    return step


def _of_stripe(work: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[bool]]:
    """As `_all_due`, for work that asks Stripe: what it refuses is logged, and waits for the next time."""

    async def unless_it_refuses() -> None:
        try:
            await work()
        except StripeRefused as error:
            log.warning("Stripe refuses what a job asks", reason=str(error))

    return _all_due(unless_it_refuses)


async def work(table: Sequence[Job], soon: float = _SOON) -> None:
    """Run all jobs until cancelled; after so many seconds, at most, where somebody did not answer."""
    async with asyncio.TaskGroup() as group:
        for job in table:
            group.create_task(_again_and_again(job, soon))


async def _again_and_again(job: Job, soon: float) -> None:
    """Do one job until cancelled: all that there is to do, then a pause."""
    database = Outage("a job waits for the database", "a job has the database again", job=job.name)
    stripe = Outage("a job waits for Stripe", "a job has Stripe again", job=job.name)
    while True:
        pause = job.every
        try:
            while await job.step():
                database.is_over()
            database.is_over()
            stripe.is_over()
        except DATABASE_ERRORS as error:
            database.goes_on(error)
            pause = min(job.every, soon)
        except StripeUnavailable as error:
            stripe.goes_on(error)
            pause = min(job.every, soon)
        except Exception:
            # The edge of the worker: a fault in one job is logged, and stops neither that job's next look nor the others.
            log.exception("a job failed", job=job.name)
        await asyncio.sleep(pause)


def mailer_of(settings: Settings) -> Mailer:
    """The mailer that the settings name: SMTP where a server is set, else the console."""
    if settings.smtp_url is None:
        return ConsoleMailer()
    return SmtpMailer(settings.smtp_url, settings.mail_from or "llmgateway@localhost")
