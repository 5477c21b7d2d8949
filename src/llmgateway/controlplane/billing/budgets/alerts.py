"""Mails owners and admins when 50, 80 and 100 percent of a budget are used, each once. As `worker`."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.billing.accounts import addresses_of_payers
from llmgateway.controlplane.billing.budgets import letters
from llmgateway.controlplane.billing.budgets.watch import LOOK_BACK, Watched, budgets_of
from llmgateway.controlplane.billing.each_organisation import for_each_organisation
from llmgateway.controlplane.reception import outbox
from llmgateway.db.models.api_keys import ApiKey
from llmgateway.db.models.budget_alerts import BudgetAlert
from llmgateway.db.models.budgeted import Budgeted
from llmgateway.db.models.organisations import Organisation, Project
from llmgateway.db.models.usage_rollups import UsageHour, UsagePending
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock


async def tell(database: Database, clock: Clock, address: str) -> int:
    """Mail about every budget that crossed a mark, of organisations with recent usage. Returns the number of budgets.

    `address` is how people reach the gateway.
    """
    async with database.transaction() as tx:
        org_ids = await _to_look_at(tx, clock.now() - LOOK_BACK)
    return await for_each_organisation(
        org_ids, lambda org_id: _look(database, clock, address, org_id), lambda org_id: org_id
    )


async def _look(database: Database, clock: Clock, address: str, org_id: str) -> int:
    async with database.transaction() as tx:
        return await _tell(tx, clock, address, org_id)


async def _to_look_at(tx: AsyncSession, since: datetime) -> Sequence[str]:
    budgeted = or_(
        _has_a_budget(Organisation),
        *(exists().where(table.org_id == Organisation.id, _has_a_budget(table)) for table in (Project, ApiKey)),
    )
    active = or_(
        *(exists().where(table.org_id == Organisation.id, table.time >= since) for table in (UsageHour, UsagePending))
    )
    return (await tx.scalars(select(Organisation.id).where(budgeted, active).order_by(Organisation.id))).all()


def _has_a_budget(table: type[Budgeted]) -> ColumnElement[bool]:
    columns = (table.daily_budget_nanos, table.monthly_budget_nanos, table.total_budget_nanos)
    return or_(*(column.is_not(None) for column in columns))


async def _tell(tx: AsyncSession, clock: Clock, address: str, org_id: str) -> int:
    """Store every mark that was crossed, and mail the highest one of each budget. Returns the number of budgets mailed about."""
    now = clock.now()
    org = await tx.get(Organisation, org_id)
    if org is None:
        return 0
    page = f"{address}/o/{org.slug}/budgets"
    told = 0
    for budget in await budgets_of(tx, org, now):
        news = [percent for percent in budget.crossed if await _is_news(tx, org_id, budget, percent, now)]
        noted = [percent for percent in news if await _note(tx, org_id, budget, percent, now)]
        if noted:
            told += 1
            for reader in await addresses_of_payers(tx, org_id):
                await outbox.post(tx, clock, letters.budget(reader, org.name, page, max(noted), budget, now))
    return told


async def _is_news(tx: AsyncSession, org_id: str, budget: Watched, percent: int, now: datetime) -> bool:
    """Whether to mail about it: of a period that has ended only if no mail went out, whatever the budget's amount was then."""
    if budget.ends is None or budget.ends > now:
        return True
    told = select(BudgetAlert.percent).where(
        BudgetAlert.org_id == org_id,
        BudgetAlert.subject_id == budget.subject_id,
        BudgetAlert.period == budget.period,
        BudgetAlert.percent == percent,
    )
    return await tx.scalar(told.limit(1)) is None


async def _note(tx: AsyncSession, org_id: str, budget: Watched, percent: int, now: datetime) -> bool:
    """Store the mark; False when it was stored before."""
    new = insert(BudgetAlert).values(
        org_id=org_id,
        subject_id=budget.subject_id,
        period=budget.period,
        nanos=budget.nanos,
        percent=percent,
        told_at=now,
    )
    return await tx.scalar(new.on_conflict_do_nothing().returning(BudgetAlert.percent)) is not None
