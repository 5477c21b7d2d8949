"""`llmgateway ledger`: the books, checked from the command line."""

import asyncio
import json
import os
from datetime import timedelta
from typing import Annotated

import typer

from llmgateway.controlplane.billing.books.checking import BooksReport, check
from llmgateway.controlplane.billing.charges.hourly import ALL_THAT_MAY_CHANGE, post_usage
from llmgateway.controlplane.usage.rollups import oldest_kept
from llmgateway.db.opening import open_database
from llmgateway.db.roles import Role
from llmgateway.kit.clock import SystemClock
from llmgateway.kit.money import usd
from llmgateway.kit.utc import hour_of
from llmgateway.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Look after the ledger.")

_SETTLED = timedelta(hours=1, minutes=10)
"""Hours that ended so long ago are posted, while a worker runs."""


@app.callback()
def group() -> None:
    """Look after the ledger."""


@app.command("check")
def check_ledger(
    days: Annotated[int, typer.Option(min=1, max=800, help="Compare charges with events so far back.")] = 35,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Trial balance, closing lines, and charges against events; exit code 1 when something is wrong."""
    report = asyncio.run(_check(days))
    typer.echo(json.dumps(_plain(report)) if as_json else _told(report))
    if not report.right:
        raise typer.Exit(1)


@app.command("post")
def post_now() -> None:
    """Post every hour whose charges are not posted as its events are, as the worker does."""
    typer.echo(f"{asyncio.run(_post())} postings were written.")


async def _check(days: int) -> BooksReport:
    until = hour_of(SystemClock().now() - _SETTLED)
    async with open_database(load_settings(os.environ), Role.ADMIN) as database, database.transaction() as tx:
        return await check(tx, max(until - timedelta(days=days), oldest_kept(until)), until)


async def _post() -> int:
    async with open_database(load_settings(os.environ), Role.ADMIN) as database:
        return await post_usage(database, SystemClock(), ALL_THAT_MAY_CHANGE)


def _plain(report: BooksReport) -> dict[str, object]:
    return {
        "right": report.right,
        "accounts": {account: usd(nanos) for account, nanos in sorted(report.accounts.items())},
        "unbalanced": list(report.unbalanced),
        "closings": list(report.closings),
        "differences": [
            {
                "org_id": found.org_id,
                "hour": found.hour.isoformat(),
                "events_usd": usd(found.events),
                "ledger_usd": usd(found.ledger),
            }
            for found in report.differences
        ],
    }


def _told(report: BooksReport) -> str:
    lines = [f"{account:<12} {usd(nanos):>24}" for account, nanos in sorted(report.accounts.items())]
    lines.append(f"{'sum':<12} {usd(sum(report.accounts.values())):>24}")
    lines += [f"does not balance: {org_id}" for org_id in report.unbalanced]
    lines += [f"closing line is wrong: {line}" for line in report.closings]
    lines += [
        f"{found.org_id} {found.hour:%Y-%m-%dT%H}Z: events {usd(found.events)}, ledger {usd(found.ledger)}"
        for found in report.differences
    ]
    lines.append("The books are right." if report.right else "The books are not right.")
    return "\n".join(lines)
