"""`llmgateway usage`: what requests did, from the command line."""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
import typer

from llmgateway.commands.reconcile import reconcile_bills
from llmgateway.commands.reprice import reprice
from llmgateway.contract.usage import UsageEvent
from llmgateway.controlplane.reception.listing import check_range
from llmgateway.controlplane.usage import rollups, service
from llmgateway.db.opening import open_database, open_for_long_statements
from llmgateway.db.roles import Role
from llmgateway.errors import BadRequest
from llmgateway.kit.clock import SystemClock
from llmgateway.kit.money import usd, usd_or_none
from llmgateway.kit.utc import DAY, midnight
from llmgateway.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Look at usage.")
app.command("reconcile")(reconcile_bills)
app.command("reprice")(reprice)

_FIELDS = (
    "id", "org_id", "key_id", "created_at", "model", "provider", "served_model", "outcome", "status", "prompt_tokens",
    "completion_tokens", "cached_tokens", "reasoning_tokens", "price_version", "usage_source", "cache", "attempts",
)  # fmt: skip

_MOMENTS: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
_REBUILD_SECONDS: Final = 3600.0
"""For one organisation's day."""


@app.callback()
def group() -> None:
    """Look at usage."""


@app.command("list")
def list_usage(
    request: Annotated[str | None, typer.Option("--request", help="One request, by its x-request-id.")] = None,
    org: Annotated[str | None, typer.Option("--org", help="One organisation, by id or slug; all of them.")] = None,
    since: Annotated[datetime | None, typer.Option("--from", formats=_MOMENTS, help="From then on (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option("--to", formats=_MOMENTS, help="Up to then (UTC); now.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, newest first.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """List usage events, newest first."""
    sought = service.Sought(request_id=request, since=_utc(since), until=_utc(until))
    events = asyncio.run(_list(sought, org, limit))
    if as_json:
        typer.echo(json.dumps([shown(event) for event in events]))
        return
    if not events:
        typer.echo("No requests yet. Usage is shown a second or two after an answer's end.")
    for event in events:
        cost = "unpriced" if event.cost_nanos is None else f"${usd(event.cost_nanos)}"
        tokens = f"{event.prompt_tokens}+{event.completion_tokens}"
        typer.echo(f"{event.id}  {event.outcome:<9} {event.status}  {tokens:>12}  {cost:>14}  {event.model}")


@app.command("rebuild")
def rebuild_sums(
    since: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day (UTC).")],
    until: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Up to this day; now.")] = None,
    org: Annotated[str | None, typer.Option("--org", help="One organisation, by id or slug; all of them.")] = None,
) -> None:
    """Make the hourly and daily sums of usage anew from the events. The gateway may serve meanwhile."""
    days, orgs = asyncio.run(_rebuild(org, since.replace(tzinfo=UTC), _utc(until)))
    typer.echo(f"Sums were made anew from their events: {_count(days, 'day')}, {_count(orgs, 'organisation')}.")


def shown(event: UsageEvent) -> dict[str, Any]:
    """An event as the command line shows it; money as decimal strings of dollars."""
    everything: dict[str, Any] = msgspec.to_builtins(event)
    money = {
        "cost_usd": event.cost_nanos,
        "charge_usd": event.charge_nanos,
        "list_cost_usd": event.list_cost_nanos,
    }
    return {
        **{name: everything[name] for name in _FIELDS},
        **{name: usd_or_none(amount) for name, amount in money.items()},
    }


async def _list(sought: service.Sought, org: str | None, limit: int) -> Sequence[UsageEvent]:
    async with open_database(load_settings(os.environ), Role.ADMIN) as database, database.transaction() as tx:
        try:
            check_range(sought.since, sought.until)
            org_id = None if org is None else await rollups.organisation(tx, org)
        except BadRequest as error:
            raise typer.BadParameter(error.message) from error
        return await service.listed(tx, replace(sought, org_id=org_id), limit)


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


async def _rebuild(org: str | None, since: datetime, until: datetime | None) -> tuple[int, int]:
    """How many days, and of how many organisations."""
    now = SystemClock().now()
    until = until or midnight(now) + DAY
    async with open_for_long_statements(load_settings(os.environ), Role.ADMIN, seconds=_REBUILD_SECONDS) as database:
        try:
            async with database.transaction() as tx:
                orgs = await rollups.organisations(tx, org, since, until)
            days = [await rollups.rebuild(database, found, since, until, now) for found in orgs]
            return max(days, default=0), len(orgs)
        except BadRequest as error:
            raise typer.BadParameter(error.message) from error
