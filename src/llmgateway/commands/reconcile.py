"""`llmgateway usage reconcile`: a provider's own exports beside what was counted here."""

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Final

import typer

from llmgateway.catalog.catalog import load_catalog
from llmgateway.commands.drift_report import DriftReport, as_csv, as_json, as_text
from llmgateway.controlplane.usage.provider_usage import ProviderUsage, Selection, failed_attempts, usage_by_day
from llmgateway.controlplane.usage.reconciling import FailedAttempts, Reconciled, reconcile
from llmgateway.controlplane.usage.rollups import KEPT_MONTHS, oldest_kept
from llmgateway.db.opening import open_for_long_statements
from llmgateway.db.roles import Role
from llmgateway.kit.clock import SystemClock
from llmgateway.kit.utc import DAY, begin_of
from llmgateway.providers.bills.bill import Unreadable
from llmgateway.providers.bills.naming import undated
from llmgateway.providers.bills.reading import read_bill
from llmgateway.providers.bills.statement import Statement, joined
from llmgateway.settings import load_settings

_DATES: Final = ["%Y-%m-%d"]
_SECONDS: Final = 3600.0
"""The longest that one statement may take, over the events of however many days."""


def _percent(text: str) -> Decimal:
    try:
        percent = Decimal(text)
    except InvalidOperation as error:
        raise typer.BadParameter("must be percent, such as 1 or 0.5") from error
    if not (percent.is_finite() and percent >= 0):
        raise typer.BadParameter("must be 0 or more percent, such as 1 or 0.5")
    return percent


def reconcile_bills(  # noqa: PLR0913, PLR0917 each parameter is an option of the command
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", exists=True, dir_okay=False, help="Pages of the provider's exports, as JSON."
        ),
    ],
    provider: Annotated[
        str | None, typer.Option(help="Compare with requests to this one; by itself, whose export it is.")
    ] = None,
    credential: Annotated[
        str | None, typer.Option(help="On this credential of a tenant (its id); by itself, on the installation's own.")
    ] = None,
    since: Annotated[datetime | None, typer.Option("--from", formats=_DATES, help="The first day (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option("--to", formats=_DATES, help="Up to this day, without it.")] = None,
    tolerance: Annotated[
        Decimal, typer.Option(parser=_percent, metavar="PERCENT", help="Exit code 1 when a drift is larger.")
    ] = Decimal(1),
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_object: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare what a provider says was used and what it cost with what was counted here, by day and model."""
    first, end = (None if moment is None else moment.replace(tzinfo=UTC) for moment in (since, until))
    now = SystemClock().now()
    try:
        statement = joined([read_bill(str(file), file.read_bytes()) for file in files], end)
        days, left_out = _days(statement, first, end, now)
    except Unreadable as error:
        raise typer.BadParameter(str(error)) from error
    selection = Selection(
        provider=provider or statement.provider,
        credential=credential,
        since=begin_of(days[0]),
        until=begin_of(days[-1]) + DAY,
    )
    report = DriftReport(
        provider=selection.provider,
        credential=credential,
        days=days,
        left_out=left_out,
        tolerance=tolerance,
        found=_compared(statement, days, selection),
    )
    typer.echo(as_json(report) if as_object else as_csv(report) if csv else as_text(report), nl=not csv)
    if not report.within:
        raise typer.Exit(1)


def _compared(statement: Statement, days: Sequence[date], selection: Selection) -> Reconciled:
    """The statement beside what was counted; models have one name where the catalogue lists them under one."""
    counted, failed = asyncio.run(_counted(selection))
    catalog = load_catalog()
    return reconcile(
        statement,
        counted,
        failed,
        days,
        lambda name: catalog.listed_name(statement.provider, name) or undated(name),
    )


def _days(
    statement: Statement, since: datetime | None, until: datetime | None, now: datetime
) -> tuple[Sequence[date], Sequence[tuple[date, str]]]:
    """Those to compare, and those that are left out. Raises Unreadable where a wanted day is not told, or none is."""
    if since is not None and until is not None and since >= until:
        raise Unreadable("`--from` must lie before `--to`.")
    told = {day for days in statement.whole.values() for day in days}
    days = sorted(day for day in told if _is_in(day, since, until) and begin_of(day) + DAY <= now)
    if since is not None or until is not None:
        _check_gaps(days, since, until)
    if days and begin_of(days[0]) < (oldest := oldest_kept(now)):
        raise Unreadable(
            f"Events are kept for {KEPT_MONTHS} months, and those of {days[0]} are gone: begin with --from {oldest:%Y-%m-%d}."
        )
    if not days:
        raise Unreadable("No file tells of a whole day (UTC) that is over. Fetch from a midnight in UTC, by the day.")
    lacking = [
        *((day, kind.name) for kind, whole in statement.whole.items() for day in whole - set(days)),
        *((day, kind.name) for kind, partly in statement.partly.items() for day in partly),
    ]
    return days, sorted((day, kind) for day, kind in lacking if _is_in(day, since, until))


def _check_gaps(days: Sequence[date], since: datetime | None, until: datetime | None) -> None:
    """Raises Unreadable where a day between the wanted ends is not told."""
    ends = [*days]
    ends += [since.date()] if since else []
    ends += [(until - DAY).date()] if until else []
    first, last = min(ends), max(ends)
    every = {first + timedelta(days=number) for number in range((last - first).days + 1)}
    if missing := sorted(every - set(days)):
        raise Unreadable(
            f"No file tells all of {missing[0]} (UTC), or that day is not over. Fetch it, or leave it out."
        )


def _is_in(day: date, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or begin_of(day) >= since) and (until is None or begin_of(day) < until)


async def _counted(selection: Selection) -> tuple[Sequence[ProviderUsage], FailedAttempts]:
    settings = load_settings(os.environ)
    async with (
        open_for_long_statements(settings, Role.ADMIN, seconds=_SECONDS) as database,
        database.transaction() as tx,
    ):
        return await usage_by_day(tx, selection), await failed_attempts(tx, selection)
