"""What goes beyond a plan, by the terms that it was used under: a change of plan, limit or period prices nothing backwards."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.billing.books import ledger
from llmgateway.controlplane.billing.books.ledger import Account, Kind
from llmgateway.controlplane.plans.service import all_plans, period_of, waived_in
from llmgateway.controlplane.usage.used import used as between
from llmgateway.db.models.ledger import LedgerEntry, LedgerPosting
from llmgateway.db.models.organisations import Organisation


async def used(tx: AsyncSession, org_id: str, period: tuple[datetime, datetime]) -> tuple[int, int]:
    """Requests and tokens that count against the plan in a period, as the limits of the data plane count them.

    Neither answers from the cache nor test traffic, nor requests that failed without a token.
    """
    found = await between(tx, org_id, *period)
    return found.counted_requests, found.counted_tokens


async def charged(tx: AsyncSession, org_id: str, period: tuple[datetime, datetime]) -> tuple[int, int]:
    """What was charged beyond the plan in a period, and in how many parts."""
    nanos, parts = (await tx.execute(_charged(org_id, period))).one()
    return int(nanos), parts


async def due(tx: AsyncSession, org: Organisation, period: tuple[datetime, datetime]) -> int:
    """What the period's use beyond the plan costs in all, up to the limit that holds, charged or not."""
    plan = all_plans().get(org.plan)
    if plan is None or org.overage_limit_nanos is None:
        return 0
    waived = waived_in(period, org.overage_waived_nanos, org.overage_waived_in)
    return plan.overage_nanos(*await used(tx, org.id, period), org.overage_limit_nanos, waived)


@asynccontextmanager
async def other_terms(tx: AsyncSession, org: Organisation, now: datetime) -> AsyncGenerator[None]:
    """Around a change of plan, limit or period. What was used before costs what it did; only further use is priced anew.

    So what it would cost by the new terms beyond that is waived; less than 0 is what is still to be charged of before.
    """
    await tx.refresh(org, with_for_update=True)
    await ledger.lock(tx, org.id)
    before = period_of(org.period_start, org.period_end, now)
    was_due = await due(tx, org, before)
    yield
    period = period_of(org.period_start, org.period_end, now)
    costs, _ = await charged(tx, org.id, period)
    if period[0] == before[0]:
        costs = max(costs, was_due)
    plan = all_plans().get(org.plan)
    price = 0 if plan is None else plan.beyond_nanos(*await used(tx, org.id, period))
    org.overage_waived_nanos = price - costs
    org.overage_waived_in = period[0]
    await tx.flush()


def _charged(org_id: str, period: tuple[datetime, datetime]) -> Select[*tuple[Any, ...]]:
    return (
        select(func.coalesce(-func.sum(LedgerEntry.nanos), 0), func.count())
        .join(LedgerPosting, LedgerPosting.id == LedgerEntry.posting_id)
        .where(
            LedgerPosting.org_id == org_id,
            LedgerPosting.kind == Kind.OVERAGE,
            LedgerEntry.account == Account.REVENUE,
            LedgerPosting.hour >= period[0],
            LedgerPosting.hour < period[1],
        )
    )
