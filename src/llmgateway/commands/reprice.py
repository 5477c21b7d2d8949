"""`llmgateway usage reprice`: requests that were served without a price get the one that is known now."""

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec
import typer

from llmgateway.canon.usage import Usage
from llmgateway.catalog.catalog import Catalog, Priced
from llmgateway.catalog.pricing import PriceOverride
from llmgateway.commands.config import ConfigOption
from llmgateway.commands.route import forecast_of
from llmgateway.contract.snapshot import OrgSnapshot, Tariff
from llmgateway.contract.usage import LACKING, UsageEvent, price_version
from llmgateway.control_wing import tariff_of
from llmgateway.controlplane.billing.charges.repricing import NewCosts, RepricedLine, Repricing, RepricingReport
from llmgateway.controlplane.reception.listing import check_range
from llmgateway.controlplane.usage import price_versions, rollups
from llmgateway.controlplane.usage.price_changes import Wanted
from llmgateway.dataplane.plan.router import Router
from llmgateway.dataplane.plan.targets import Target
from llmgateway.db.opening import open_for_long_statements
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.errors import BadRequest, NotFound
from llmgateway.kit.clock import SystemClock
from llmgateway.kit.money import usd
from llmgateway.settings import Settings, load_settings

_MOMENTS: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
_SECONDS: Final = 600.0
"""The longest that one statement may take: finding the days among all events of the range."""


def reprice(  # noqa: PLR0913, PLR0917 each parameter is an option of the command
    since: Annotated[datetime, typer.Option("--from", formats=_MOMENTS, help="From then on (UTC).")],
    until: Annotated[datetime | None, typer.Option("--to", formats=_MOMENTS, help="Up to then (UTC); now.")] = None,
    org: Annotated[str | None, typer.Option("--org", help="One organisation, by id or slug; all of them.")] = None,
    provider: Annotated[str | None, typer.Option("--provider", help="Only what this provider served.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Only this model, as its provider calls it.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what has a price: its cost alone, charges stay.")
    ] = False,
    cost_only: Annotated[bool, typer.Option("--cost-only", help="Charge nobody for it.")] = False,
    write: Annotated[bool, typer.Option("--apply", help="Write it; without, only print it.")] = False,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Price requests again that were served without a price, in whole or in part. The gateway may serve meanwhile."""
    settings = load_settings(os.environ, config)
    wanted = Wanted(
        since=since.replace(tzinfo=UTC),
        until=SystemClock().now() if until is None else until.replace(tzinfo=UTC),
        provider=provider,
        model=model,
        priced=everything,
    )
    report = asyncio.run(_run(settings, wanted, org, cost_only=cost_only, write=write))
    if as_json:
        typer.echo(json.dumps(_plain(report, write=write)))
    else:
        typer.echo("\n".join(_told(report, tariff_of(settings), write=write)))


@dataclass(frozen=True, slots=True)
class PricesOfNow:
    """The price lists and routes of now, applied to requests of before."""

    router: Router
    catalog: Catalog

    def __call__(self, event: UsageEvent, org: OrgSnapshot) -> NewCosts | None:
        """The costs; None when the request still has no price, or what it used beside tokens was not kept (before migration 0028)."""
        if event.provider is None or event.served_model is None:
            return None
        if event.usage_details is None and LACKING in (event.price_version or ""):
            return None
        usage, targets = event.used, self._targets(event, org)
        price = self._own_price(event, org, targets)
        priced = self._price(event.provider, event.served_model, usage, event.created_at, price)
        if priced is None:
            return None
        version = price_version(priced.version, priced.lacking)
        return NewCosts(priced.nanos, self._list_cost(event, usage, targets, priced.nanos), version)

    def _own_price(self, event: UsageEvent, org: OrgSnapshot, targets: list[Target]) -> PriceOverride | None:
        """The price that the organisation set in a route or the operator in gateway.yaml, if any.

        An organisation's price holds for its own credentials alone; the operator's for the gateway's, whatever name was asked
        for, and for the operator's aliases.
        """
        credential = (event.usage_details or {}).get("credential")
        # Events of before do not say which: where organisations pay, nothing is charged on their own.
        own = credential is not None or (org.charged and event.charge_nanos == 0 and not event.test)
        served = [one for one in targets if _served(one, event) and (one.brought is not None) is own]
        if served:
            return next((one for one in served if one.brought == credential), served[0]).price
        if own and (event.model in org.routes or event.model not in self.router.file.models):
            return None
        return self.router.operators_price(event.provider or "", event.served_model or "")

    def _targets(self, event: UsageEvent, org: OrgSnapshot) -> list[Target]:
        try:
            return list(self.router.resolve(event.model, org))
        except NotFound:
            return []

    def _list_cost(self, event: UsageEvent, usage: Usage, targets: list[Target], cost: int) -> int | None:
        """What the first target of the name would have cost, in nanos. Where that cannot be told, the cost: nothing was saved."""
        if not targets or _served(targets[0], event):
            return cost
        asked = targets[0]
        region = usage.region if asked.host.id == event.provider else None
        there = asked.located(msgspec.structs.replace(usage, region=region))
        priced = self._price(asked.host.id, asked.model, there, event.created_at, asked.price)
        return None if priced is None else priced.nanos

    def _price(
        self, provider: str, model: str, usage: Usage, at: datetime, price: PriceOverride | None
    ) -> Priced | None:
        return self.catalog.price(provider, model, usage, at, override=price, tier=usage.tier)


def _served(target: Target, event: UsageEvent) -> bool:
    """Whether the request was served by this target's provider and model."""
    return (target.host.id, target.model) == (event.provider, event.served_model)


async def _run(settings: Settings, wanted: Wanted, org: str | None, *, cost_only: bool, write: bool) -> RepricingReport:
    """Price the wanted requests of an organisation (id or slug), or of all. Raises BadParameter for a range that is none."""
    clock, forecast = SystemClock(), forecast_of(settings)
    async with open_for_long_statements(settings, Role.ADMIN, seconds=_SECONDS) as database:
        try:
            check_range(wanted.since, wanted.until)
            org_id = None if org is None else await _organisation(database, org)
            if write:
                await _keep_prices(database, forecast.catalog, clock.now())
            job = Repricing(
                database=database,
                clock=clock,
                price=PricesOfNow(forecast.router, forecast.catalog),
                tariff=tariff_of(settings),
                wanted=replace(wanted, org_id=org_id),
                cost_only=cost_only,
            )
            return await job.run(write=write)
        except BadRequest as error:
            raise typer.BadParameter(error.message) from error


async def _organisation(database: Database, org: str) -> str:
    async with database.transaction() as tx:
        return await rollups.organisation(tx, org)


async def _keep_prices(database: Database, catalog: Catalog, now: datetime) -> None:
    """Store the price lists of now, so that the new `price_version` of the requests can be looked up."""
    async with database.transaction() as tx:
        await price_versions.keep(tx, catalog.version, catalog.price_book(), now)


def _plain(report: RepricingReport, *, write: bool) -> dict[str, Any]:
    return {
        "applied": write,
        "lines": [
            {"org": org, "model": model, "day": day, "requests": line.requests, **_money(line)}
            for (org, model, day), line in sorted(report.lines.items())
        ],
        "unpriced": {model: count for model, count in sorted(report.unpriced.items()) if count},
    }


def _money(line: RepricedLine) -> dict[str, str | int]:
    return {
        "cost_before_usd": usd(line.cost_before),
        "cost_usd": usd(line.cost),
        "cost_delta_usd": usd(line.cost - line.cost_before),
        "charge_before_usd": usd(line.charge_before),
        "charge_usd": usd(line.charge),
        "charge_delta_usd": usd(line.charge - line.charge_before),
        "charged_by_tariff_of_now": line.by_present_tariff,
    }


def _told(report: RepricingReport, tariff: Tariff, *, write: bool) -> Iterator[str]:
    whole = RepricedLine()
    for (org, model, day), line in sorted(report.lines.items()):
        whole.merge(line)
        yield f"{day}  {org}  {model}  {_words(line)}"
    for model, count in sorted(report.unpriced.items()):
        if count:
            yield f"Still without a price, in whole or in part: {count:,} of {model}"
    if not whole.requests:
        yield "There is nothing to price again."
        return
    yield f"In all: {_words(whole)}"
    if whole.by_present_tariff:
        present = f"{Decimal(tariff.markup_ppm) / 10_000:f} % and {usd(tariff.request_fee_nanos)} a request"
        yield f"Charged by the tariff of now ({present}), since theirs was not kept: {whole.by_present_tariff:,} of them"
    yield "It is written." if write else "Nothing was written. Say --apply to write it."


def _words(line: RepricedLine) -> str:
    money = _money(line)
    requests = f"{line.requests:,} request{'' if line.requests == 1 else 's'}"
    cost = f"cost {money['cost_before_usd']} -> {money['cost_usd']} ({money['cost_delta_usd']})"
    return f"{requests}  {cost}  charged {money['charge_before_usd']} -> {money['charge_usd']}"
