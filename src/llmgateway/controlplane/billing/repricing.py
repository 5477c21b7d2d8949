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
from llmgateway.controlplane.billing.overage import LATE
from llmgateway.controlplane.billing.usage_charges import first_running, hour_of, post_hour
from llmgateway.controlplane.keys.source import org_snapshot_of
from llmgateway.controlplane.plans.service import SELF_HOSTED
from llmgateway.controlplane.reception.announcing import announce
from llmgateway.controlplane.reception.visits import Actor
from llmgateway.controlplane.usage import repricing as rows
from llmgateway.controlplane.usage.repricing import Change, Slice, Wanted
from llmgateway.db.models.api_keys import ApiKey
from llmgateway.db.models.organisations import Organisation, Project
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock
from llmgateway.kit.money import usd

_ACTOR: Final = Actor(id=None, kind=OPERATOR)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a request costs by the prices of now that held at its moment; nanos."""

    cost: int
    list_cost: int | None
    version: str


class Pricer(Protocol):
    """Floor 4's: prices and routes are of the other wing."""

    def __call__(self, event: UsageEvent, org: OrgSnapshot) -> Figures | None:
        """None is unpriced still."""
        ...


@dataclass(slots=True)
class Line:
    """What changes of an organisation's model on a day; nanos."""

    requests: int = 0
    cost_before: int = 0
    cost: int = 0
    charge_before: int = 0
    charge: int = 0

    def add(self, before: UsageEvent, after: UsageEvent) -> None:
        """One request more."""
        charges = before.charge_nanos or 0, after.charge_nanos or 0
        self.merge(Line(1, before.cost_nanos or 0, after.cost_nanos or 0, *charges))

    def merge(self, other: "Line") -> None:
        """All of another line more."""
        self.requests += other.requests
        self.cost_before += other.cost_before
        self.cost += other.cost
        self.charge_before += other.charge_before
        self.charge += other.charge


@dataclass(frozen=True, slots=True)
class Report:
    """What a run changes, or would change."""

    lines: dict[tuple[str, str, str], Line] = field(default_factory=dict[tuple[str, str, str], Line])
    """By organisation (its slug; its id once it ended), `provider/model` and UTC day."""
    unpriced: Counter[str] = field(default_factory=Counter[str])
    """`provider/model` -> requests that have no price still, in whole or in part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repricing:
    """The operator's wish, and what it is done with."""

    database: Database
    """As `admin`."""
    clock: Clock
    price: Pricer
    tariff: Tariff
    wanted: Wanted
    cost_only: bool = False
    """Nobody is charged for it."""

    async def run(self, *, write: bool) -> Report:
        """Without `write` only the report, of what stands there now."""
        report = Report()
        async with self.database.transaction() as tx:
            parts = await rows.slices(tx, self.wanted)
        org: OrgSnapshot | None = None
        for part in parts:
            org = org if org is not None and org.id == part.org_id else await self._org(part.org_id)
            await self._day(part, org, report, write=write)
        return report

    async def _org(self, org_id: str) -> OrgSnapshot:
        async with self.database.transaction() as tx:
            org = await tx.get(Organisation, org_id)
            if org is None:  # it ended, and is charged nothing
                return OrgSnapshot(id=org_id, slug=org_id, plan=SELF_HOSTED)
            return await org_snapshot_of(tx, self.clock, org)

    async def _day(self, part: Slice, org: OrgSnapshot, report: Report, *, write: bool) -> None:
        last = ""
        while True:
            async with self.database.transaction() as tx:
                if write:
                    await ledger.lock(tx, part.org_id)
                events = await rows.batch(tx, self.wanted, part, last)
                changes = self._changes(events, org, report.unpriced)
                if write and changes:
                    changes = await self._write(tx, part, changes)
            for before, after in changes:
                key = (org.slug, _name(before), f"{part.day:%Y-%m-%d}")
                report.lines.setdefault(key, Line()).add(before, after)
            if len(events) < rows.AT_ONCE:
                return
            last = events[-1].id

    def _changes(self, events: Sequence[UsageEvent], org: OrgSnapshot, unpriced: Counter[str]) -> Sequence[Change]:
        """Events that will be otherwise."""
        changes: list[Change] = []
        oldest = self.clock.now() - LATE  # what is older is nobody's to pay for any more: its invoices are closed
        for event in events:
            figures = self.price(event, org)
            charged = org.charged and not self.cost_only and event.created_at >= oldest
            after = event if figures is None else corrected(event, figures, self.tariff if charged else None)
            unpriced[_name(event)] += not after.is_priced
            if after is not event:
                changes.append((event, after))
        return changes

    async def _write(self, tx: AsyncSession, part: Slice, changes: Sequence[Change]) -> Sequence[Change]:
        """The rows and everything that follows from them, after `ledger.lock`; gives what was written."""
        now, sums = self.clock.now(), Line()
        changes = await rows.write(tx, part, changes)
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


def corrected(event: UsageEvent, figures: Figures, tariff: Tariff | None) -> UsageEvent:
    """The event with these figures; the same one where nothing changes.

    `tariff` charges what had no price; none charges nothing more. What had one changes its cost alone, as far as nothing of it
    is without a price now.
    """
    if event.is_priced and LACKING in figures.version:
        return event
    after = msgspec.structs.replace(
        event,
        cost_nanos=figures.cost,
        charge_nanos=event.charge_nanos if event.is_priced else _charge(event, figures.cost, tariff),
        list_cost_nanos=_list_cost(event, figures),
        price_version=figures.version,
    )
    return event if _money(after) == _money(event) else after


def _money(event: UsageEvent) -> tuple[int | None, int | None, int | None, str]:
    """Its figures, and what they lack: by another name of the prices alone nothing changes."""
    lacks = (event.price_version or "").partition(LACKING)[2]
    return event.cost_nanos, event.charge_nanos, event.list_cost_nanos, lacks


def _charge(event: UsageEvent, cost: int, tariff: Tariff | None) -> int:
    """Nothing stays nothing: it was no request of the gateway's own credential, or nobody's to pay for."""
    before = event.charge_nanos
    if before == 0 or tariff is None:
        return before or 0
    price = tariff.marked_up if event.usage_source is UsageSource.ESTIMATED else tariff.charge
    if before is None:
        return price(cost)
    return before + price(cost) - price(event.cost_nanos or 0)


def _list_cost(event: UsageEvent, figures: Figures) -> int | None:
    """What was known of another model than the one that served stays."""
    if event.list_cost_nanos is None:
        return figures.list_cost
    return figures.cost if event.list_cost_nanos == event.cost_nanos else event.list_cost_nanos


def _count_budgets_anew(part: Slice, now: datetime) -> Sequence[Update]:
    """Budgets that refuse, and whose period the day lies in, begin anew with all that was spent."""
    runs = (part.day.year, part.day.month) == (now.year, now.month)
    statements: list[Update] = []
    for table, whose in ((Organisation, Organisation.id), (Project, Project.org_id), (ApiKey, ApiKey.org_id)):
        budgets = [table.total_budget_nanos, *((table.daily_budget_nanos, table.monthly_budget_nanos) if runs else ())]
        counted = or_(*(budget.is_not(None) for budget in budgets))
        statement = update(table).where(whose == part.org_id, table.hard_budget, counted)
        statements.append(statement.values(budget_epoch=table.budget_epoch + 1))
    return statements


def _told(part: Slice, sums: Line) -> dict[str, str | int]:
    return {
        "day": f"{part.day:%Y-%m-%d}",
        "requests": sums.requests,
        "cost_usd": usd(sums.cost - sums.cost_before),
        "charge_usd": usd(sums.charge - sums.charge_before),
    }


def _name(event: UsageEvent) -> str:
    return f"{event.provider}/{event.served_model}"
