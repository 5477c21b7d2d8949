"""Requests that were served without a price get one, as their journey would have given it: rows, sums, books and trail at once.

A slice, which is a batch of an organisation's UTC day, is one transaction: what ends in the middle is gone on with by the next
run, and what was written once is found no more.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

import msgspec
from sqlalchemy import Update, or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.canon.usage import UsageSource
from llmgateway.contract.channels import KeyChanged
from llmgateway.contract.snapshot import OrgSnapshot, Tariff
from llmgateway.contract.usage import LACKING, UsageEvent
from llmgateway.controlplane.audit.service import OPERATOR, Act, record
from llmgateway.controlplane.billing.books import ledger
from llmgateway.controlplane.billing.charges.hourly import first_running, post_hour
from llmgateway.controlplane.billing.charges.overage import LATE
from llmgateway.controlplane.keys.source import org_snapshot_of
from llmgateway.controlplane.plans.service import SELF_HOSTED
from llmgateway.controlplane.reception.announcing import announce
from llmgateway.controlplane.reception.visits import Actor
from llmgateway.controlplane.usage import price_changes
from llmgateway.controlplane.usage.price_changes import Change, Slice, Wanted
from llmgateway.db.models.api_keys import ApiKey
from llmgateway.db.models.organisations import Organisation, Project
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock
from llmgateway.kit.money import usd
from llmgateway.kit.utc import hour_of

_ACTOR: Final = Actor(id=None, kind=OPERATOR)


@dataclass(frozen=True, slots=True)
class NewCosts:
    """What a request costs by today's price lists, at the prices in force when it was made. Nano-dollars."""

    cost: int
    """What the provider bills for it."""
    list_cost: int | None
    """What the requested model would have cost at its own list price; None when that has no price."""
    version: str
    """The `price_version` of the event."""


class Pricer(Protocol):
    """Works out the costs of a request. Floor 4 provides it, since prices and routes belong to the data plane."""

    def __call__(self, event: UsageEvent, org: OrgSnapshot) -> NewCosts | None:
        """The costs; None when the request still has no price."""
        ...


@dataclass(slots=True)
class RepricedLine:
    """What changes for one model of an organisation on one UTC day. Nano-dollars, before and after."""

    requests: int = 0
    cost_before: int = 0
    cost: int = 0
    charge_before: int = 0
    charge: int = 0
    by_present_tariff: int = 0
    """How many of the requests are charged by the tariff of now, because that of their begin was not kept."""

    def add(self, before: UsageEvent, after: UsageEvent) -> None:
        """Add one request."""
        charges = before.charge_nanos or 0, after.charge_nanos or 0
        present = charges[0] != charges[1] and Tariff.read(before.usage_details) is None
        self.merge(RepricedLine(1, before.cost_nanos or 0, after.cost_nanos or 0, *charges, int(present)))

    def merge(self, other: "RepricedLine") -> None:
        """Add all that another line counts."""
        self.requests += other.requests
        self.cost_before += other.cost_before
        self.cost += other.cost
        self.charge_before += other.charge_before
        self.charge += other.charge
        self.by_present_tariff += other.by_present_tariff


@dataclass(frozen=True, slots=True)
class RepricingReport:
    """What a run changes, or would change."""

    lines: dict[tuple[str, str, str], RepricedLine] = field(default_factory=dict[tuple[str, str, str], RepricedLine])
    """By organisation (its slug; its id once it ended), `provider/model` and UTC day."""
    unpriced: Counter[str] = field(default_factory=Counter[str])
    """`provider/model` -> requests that have no price still, in whole or in part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repricing:
    """One run: what the operator asked for, and the parts it needs."""

    database: Database
    """As `admin`."""
    clock: Clock
    price: Pricer
    tariff: Tariff
    """Of now, for requests that did not keep theirs."""
    wanted: Wanted
    cost_only: bool = False
    """Correct the costs alone, and charge nobody."""

    async def run(self, *, write: bool) -> RepricingReport:
        """Price the wanted requests again and report the changes; without `write` nothing is stored."""
        report = RepricingReport()
        async with self.database.transaction() as tx:
            parts = await price_changes.slices(tx, self.wanted)
        org: OrgSnapshot | None = None
        for part in parts:
            org = org if org is not None and org.id == part.org_id else await self._snapshot_of(part.org_id)
            await self._reprice_slice(part, org, report, write=write)
        return report

    async def _snapshot_of(self, org_id: str) -> OrgSnapshot:
        async with self.database.transaction() as tx:
            org = await tx.get(Organisation, org_id)
            if org is None:  # it ended, and is charged nothing
                return OrgSnapshot(id=org_id, slug=org_id, plan=SELF_HOSTED)
            return await org_snapshot_of(tx, self.clock, org)

    async def _reprice_slice(self, part: Slice, org: OrgSnapshot, report: RepricingReport, *, write: bool) -> None:
        last = ""
        while True:
            async with self.database.transaction() as tx:
                if write:
                    await ledger.lock(tx, part.org_id)
                events = await price_changes.batch(tx, self.wanted, part, last)
                changes = self._changes(events, org, report.unpriced)
                if write and changes:
                    changes = await self._write(tx, part, changes)
            for before, after in changes:
                key = (org.slug, _name(before), f"{part.day:%Y-%m-%d}")
                report.lines.setdefault(key, RepricedLine()).add(before, after)
            if len(events) < price_changes.AT_ONCE:
                return
            last = events[-1].id

    def _changes(self, events: Sequence[UsageEvent], org: OrgSnapshot, unpriced: Counter[str]) -> Sequence[Change]:
        """Each event whose costs change, before and after; counts into `unpriced` those that stay without a full price."""
        changes: list[Change] = []
        oldest = self.clock.now() - LATE  # what is older is nobody's to pay for any more: its invoices are closed
        for event in events:
            costs = self.price(event, org)
            charged = org.charged and not self.cost_only and event.created_at >= oldest
            tariff = Tariff.read(event.usage_details) or self.tariff if charged else None
            after = event if costs is None else corrected(event, costs, tariff)
            unpriced[_name(event)] += not after.is_priced
            if after is not event:
                changes.append((event, after))
        return changes

    async def _write(self, tx: AsyncSession, part: Slice, changes: Sequence[Change]) -> Sequence[Change]:
        """Store the corrected events, then what follows from them: charges, budgets and audit. Returns what was stored. After `ledger.lock`."""
        now, sums = self.clock.now(), RepricedLine()
        changes = await price_changes.write(tx, part, changes)
        for before, after in changes:
            sums.add(before, after)
        charged = {hour_of(one.created_at) for one, after in changes if (one.charge_nanos or 0) != after.charge_nanos}
        for hour in sorted(charged):
            if hour < first_running(now):
                await post_hour(tx, self.clock, part.org_id, hour)
        for statement in _count_budgets_anew(part, now):
            await tx.execute(statement)
        await record(tx, self.clock, _ACTOR, Act(action="usage.reprice", org_id=part.org_id, after=_told(part, sums)))
        await announce(tx, KeyChanged(None, part.org_id))
        return changes


def corrected(event: UsageEvent, costs: NewCosts, tariff: Tariff | None) -> UsageEvent:
    """The event with these costs; the same object where nothing changes.

    A request that had no price is charged by `tariff`, or not at all where that is None. One that had a price changes its
    cost alone, and only to a full one.
    """
    if event.is_priced and LACKING in costs.version:
        return event
    after = msgspec.structs.replace(
        event,
        cost_nanos=costs.cost,
        charge_nanos=event.charge_nanos if event.is_priced else _charge(event, costs.cost, tariff),
        list_cost_nanos=_list_cost(event, costs),
        price_version=costs.version,
    )
    return event if _money(after) == _money(event) else after


def _money(event: UsageEvent) -> tuple[int | None, int | None, int | None, str]:
    """The money of an event and what has no price: a price list with another name alone is no change."""
    lacks = (event.price_version or "").partition(LACKING)[2]
    return event.cost_nanos, event.charge_nanos, event.list_cost_nanos, lacks


def _charge(event: UsageEvent, cost: int, tariff: Tariff | None) -> int:
    """The new charge in nanos. One of 0 stays 0: the request ran on a credential of the organisation, or nobody pays for it.

    Unless it kept its tariff: then what had a price cost nothing, and the rest is charged.
    """
    before = event.charge_nanos
    if tariff is None or (before == 0 and Tariff.read(event.usage_details) is None):
        return before or 0
    price = tariff.marked_up if event.usage_source is UsageSource.ESTIMATED else tariff.charge
    if before is None:
        return price(cost)
    return before + price(cost) - price(event.cost_nanos or 0)


def _list_cost(event: UsageEvent, costs: NewCosts) -> int | None:
    """The new list cost. One that differs from the cost is of another model than the one that served, and stays."""
    if event.list_cost_nanos is None:
        return costs.list_cost
    return costs.cost if event.list_cost_nanos == event.cost_nanos else event.list_cost_nanos


def _count_budgets_anew(part: Slice, now: datetime) -> Sequence[Update]:
    """Statements that make hard budgets count anew all that was spent, where the day lies in their period."""
    runs = (part.day.year, part.day.month) == (now.year, now.month)
    statements: list[Update] = []
    for table, whose in ((Organisation, Organisation.id), (Project, Project.org_id), (ApiKey, ApiKey.org_id)):
        budgets = [table.total_budget_nanos, *((table.daily_budget_nanos, table.monthly_budget_nanos) if runs else ())]
        counted = or_(*(budget.is_not(None) for budget in budgets))
        statement = update(table).where(whose == part.org_id, table.hard_budget, counted)
        statements.append(statement.values(budget_epoch=table.budget_epoch + 1))
    return statements


def _told(part: Slice, sums: RepricedLine) -> dict[str, str | int]:
    return {
        "day": f"{part.day:%Y-%m-%d}",
        "requests": sums.requests,
        "cost_usd": usd(sums.cost - sums.cost_before),
        "charge_usd": usd(sums.charge - sums.charge_before),
    }


def _name(event: UsageEvent) -> str:
    return f"{event.provider}/{event.served_model}"
