"""Use beyond a plan, charged by the terms that held when it was used: a change of plan, limit or period reprices nothing."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.billing.books import ledger
from llmgateway.controlplane.billing.books.ledger import Account, Kind
from llmgateway.controlplane.plans.service import all_plans, period_of, waived_in
from llmgateway.controlplane.usage.exact_sums import exact_sums
from llmgateway.db.models.billing import OverageTerms
from llmgateway.db.models.ledger import LedgerEntry, LedgerPosting
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.tenancy import owned

LATE: Final = timedelta(days=35)
"""How long after its end a period is still charged: a data process that was cut off may ship its journal late."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How use beyond the plan is priced in a billing period, or in the part of it in which these terms held."""

    org_id: str
    period: tuple[datetime, datetime]
    plan: str
    limit_nanos: int | None
    """The most that is charged, in nanos; None charges nothing."""
    waived_nanos: int
    """The part of the price, in nanos, that is not charged because it was used under other terms; negative adds to the charge."""

    @property
    def reference(self) -> str:
        """How the references of these terms' charges begin."""
        return f"{self.period[0]:%Y-%m-%dT%H:%M}/"


def terms_of(org: Organisation, now: datetime) -> Terms:
    """The terms that hold now."""
    period = period_of(org.period_start, org.period_end, now)
    waived = waived_in(period, org.overage_waived_nanos, org.overage_waived_in)
    return Terms(org.id, period, org.plan, org.overage_limit_nanos, waived)


async def used(tx: AsyncSession, org_id: str, period: tuple[datetime, datetime]) -> tuple[int, int]:
    """Requests and tokens that count against the plan in a period, as the limits of the data plane count them.

    Neither answers from the cache nor test traffic, nor requests that failed without a token.
    """
    found = await exact_sums(tx, org_id, *period)
    return found.counted_requests, found.counted_tokens


async def charged(tx: AsyncSession, terms: Terms) -> tuple[int, int]:
    """What was charged beyond the plan in a period, in nanos, and in how many parts."""
    nanos, parts = (await tx.execute(_charged(terms))).one()
    return int(nanos), parts


async def due(tx: AsyncSession, terms: Terms) -> int:
    """What the period's use beyond the plan costs in nanos, up to the limit, whether charged yet or not."""
    plan = all_plans().get(terms.plan)
    if plan is None or terms.limit_nanos is None:
        return 0
    return plan.overage_nanos(*await used(tx, terms.org_id, terms.period), terms.limit_nanos, terms.waived_nanos)


async def keep(tx: AsyncSession, terms: Terms) -> None:
    """Store the terms, so that the period can be charged when it is over. Call it after `ledger.lock`."""
    changing = {
        "ends_at": terms.period[1],
        "plan": terms.plan,
        "limit_nanos": terms.limit_nanos,
        "waived_nanos": terms.waived_nanos,
    }
    new = insert(OverageTerms).values(org_id=terms.org_id, begins_at=terms.period[0], **changing)
    await tx.execute(
        new.on_conflict_do_update(index_elements=[OverageTerms.org_id, OverageTerms.begins_at], set_=changing)
    )


async def kept(tx: AsyncSession, org_id: str, since: datetime) -> Sequence[Terms]:
    """The stored terms of periods that ended after `since` or still run, oldest first."""
    query = owned(OverageTerms, org_id).where(OverageTerms.ends_at > since).order_by(OverageTerms.begins_at)
    return [
        Terms(org_id, (row.begins_at, row.ends_at), row.plan, row.limit_nanos, row.waived_nanos)
        for row in (await tx.scalars(query)).all()
    ]


@asynccontextmanager
async def other_terms(tx: AsyncSession, org: Organisation, now: datetime) -> AsyncGenerator[None]:
    """Around a change of plan, limit or period. What was used before costs what it did; only further use is priced anew.

    So what it would cost by the new terms beyond that is waived; less than 0 is what is still to be charged of before. A
    period that is left ends now, and is charged by its own terms.
    """
    await tx.refresh(org, with_for_update=True)
    await ledger.lock(tx, org.id)
    before = terms_of(org, now)
    yield
    if terms_of(org, now).period[0] != before.period[0]:
        await keep(tx, replace(before, period=(before.period[0], now)))
    else:
        await keep(tx, before)
    terms = terms_of(org, now)
    costs, _ = await charged(tx, terms)
    for earlier in await kept(tx, org.id, now - LATE):
        if earlier.period[0] == terms.period[0]:
            costs = max(costs, await due(tx, earlier))
    plan = all_plans().get(org.plan)
    price = 0 if plan is None else plan.beyond_nanos(*await used(tx, org.id, terms.period))
    org.overage_waived_nanos = price - costs
    org.overage_waived_in = terms.period[0]
    await tx.flush()
    await keep(tx, terms_of(org, now))


def _charged(terms: Terms) -> Select[*tuple[Any, ...]]:
    return (
        select(func.coalesce(-func.sum(LedgerEntry.nanos), 0), func.count())
        .join(LedgerPosting, LedgerPosting.id == LedgerEntry.posting_id)
        .where(
            LedgerPosting.org_id == terms.org_id,
            LedgerPosting.kind == Kind.OVERAGE,
            LedgerEntry.account == Account.REVENUE,
            LedgerPosting.reference.startswith(terms.reference, autoescape=True),
        )
    )
