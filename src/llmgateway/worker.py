"""Floor 4: runs the control plane's table of jobs, in a process of its own or beside the wings."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from llmgateway.controlplane.billing import budget_alerts, drift, dunning, hints, metering, usage_charges
from llmgateway.controlplane.billing.books import closing
from llmgateway.controlplane.billing.stripe.asking import StripeRefused, StripeUnavailable
from llmgateway.controlplane.billing.stripe.counter import Counter
from llmgateway.controlplane.billing.stripe.desk import Desk
from llmgateway.controlplane.orgs import ending
from llmgateway.controlplane.reception import mailroom
from llmgateway.controlplane.usage import rollups
from llmgateway.db.session import DATABASE_ERRORS, Database
from llmgateway.kit.clock import Clock
from llmgateway.kit.mail import ConsoleMailer, Mailer, SmtpMailer
from llmgateway.kit.outage import Outage
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


def jobs(
    database: Database, clock: Clock, mailer: Mailer, address: str, counter: Counter | None = None
) -> Sequence[Job]:
    """The table; `address` is how people reach the gateway. Each job may run on several workers at once; rows are locked, not the job."""
    return (
        Job("mail", 2.0, lambda: mailroom.deliver_next(database, clock, mailer)),
        Job("organisations that end", 60.0, lambda: ending.end_next(database, clock)),
        Job("sessions that ended", 3600.0, lambda: ending.forget_sessions(database, clock)),
        Job("contents whose time is over", 600.0, lambda: ending.forget_contents(database, clock)),
        Job("sums of usage", 10.0, lambda: rollups.roll_up_next(database)),
        Job("partitions", 3600.0, lambda: ending.make_partitions(database)),
        *bookkeeping(database, clock, address),
        *(stripe_jobs(database, clock, counter.desk, address) if counter is not None else ()),
    )


def bookkeeping(database: Database, clock: Clock, address: str) -> Sequence[Job]:
    """What keeps the ledger and watches budgets; each looks at everything that is due and then rests."""

    async def charge(back: timedelta) -> bool:
        await usage_charges.post_usage(database, clock, back)
        return False

    async def beyond() -> bool:
        await metering.charge_overage(database, clock)
        return False

    async def alert() -> bool:
        await budget_alerts.tell(database, clock, address)
        return False

    async def close() -> bool:
        await closing.close_days(database, clock)
        return False

    return (
        Job("charges", 60.0, lambda: charge(usage_charges.RECENT)),
        Job("charges that came late", 6 * 3600.0, lambda: charge(usage_charges.ALL_THAT_MAY_CHANGE)),
        Job("charges beyond the plan", 300.0, beyond),
        Job("budgets that are used", 15.0, alert),
        Job("daily closing", 600.0, close),
    )


def stripe_jobs(database: Database, clock: Clock, desk: Desk, address: str) -> Sequence[Job]:
    """What goes between Stripe and us; when it cannot be asked, it waits for the next time."""

    async def meter() -> None:
        await metering.report_usage(database, clock)
        await metering.tell(database, clock, desk)

    async def dun() -> None:
        await hints.pass_time(database, clock)
        await dunning.write(database, clock, address)

    async def compare() -> None:
        await hints.fetch_missed(database, clock, desk, hints.LONG_LOOK)
        await drift.mend(database, clock, desk)

    def quietly(what: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[bool]]:
        async def step() -> bool:
            try:
                await what()
            except (StripeUnavailable, StripeRefused) as error:
                log.warning("a job waits for Stripe", reason=str(error))
            return False

        return step

    return (
        Job("Stripe's events", 1.0, lambda: hints.handle_next(database, clock, desk)),
        Job("Stripe's events that were missed", 600.0, quietly(lambda: hints.fetch_missed(database, clock, desk))),
        Job("unpaid invoices", 60.0, quietly(dun)),
        Job("usage for invoices", 3600.0, quietly(meter)),
        Job("drift from Stripe", 24 * 3600.0, quietly(compare)),
    )


async def work(table: Sequence[Job]) -> None:
    """All jobs, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for job in table:
            group.create_task(_again_and_again(job))


async def _again_and_again(job: Job) -> None:
    outage = Outage("a job waits for the database", "a job has the database again", job=job.name)
    while True:
        try:
            while await job.step():
                outage.is_over()
            outage.is_over()
        except DATABASE_ERRORS as error:
            outage.goes_on(error)
        except Exception:
            # The edge of the worker: a fault in one job is logged, and stops neither that job's next look nor the others.
            log.exception("a job failed", job=job.name)
        await asyncio.sleep(job.every)


def mailer_of(settings: Settings) -> Mailer:
    """By SMTP where a server is set, else to the console."""
    if settings.smtp_url is None:
        return ConsoleMailer()
    return SmtpMailer(settings.smtp_url, settings.mail_from or "llmgateway@localhost")
