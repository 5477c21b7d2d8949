"""Use beyond a plan, charged by the terms that held when it was used: a change of plan, limit or period reprices nothing.

A request is used when it begins. One that runs while the terms change is charged by those before, though it is known of later.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.billing.books import ledger
from llmgateway.controlplane.billing.books.ledger import Account, PostingKind
from llmgateway.controlplane.billing.charges import overage_terms
from llmgateway.controlplane.billing.charges.overage_terms import PeriodTerms, terms_of
from llmgateway.controlplane.usage.exact_sums import exact_sums
from llmgateway.db.models.ledger import LedgerEntry, LedgerPosting
from llmgateway.db.models.organisations import Organisation

LATE: Final = timedelta(days=35)
"""How long after its end a period is still charged: a data process that was cut off may ship its journal late."""


async def used(tx: AsyncSession, org_id: str, period: tuple[datetime, datetime]) -> tuple[int, int]:
    """Requests and tokens that count against the plan in a period, as the limits of the data plane count them.

    Neither answers from the cache nor test traffic, nor requests that failed without a token.
    """
    found = await exact_sums(tx, org_id, *period)
    return found.counted_requests, found.counted_tokens


async def charged(tx: AsyncSession, terms: PeriodTerms) -> tuple[int, int]:
    """What was charged beyond the plan in a period, in nanos, and in how many parts."""
    nanos, parts = (await tx.execute(_charged(terms))).one()
    return int(nanos), parts


async def due(tx: AsyncSession, terms: PeriodTerms) -> int:
    """What the period's use beyond the plan costs in nanos, whether charged yet or not; `terms` as `exact` answers them."""
    return terms.due(*await used(tx, terms.org_id, terms.period))


async def exact(tx: AsyncSession, terms: PeriodTerms) -> PeriodTerms:
    """The terms that a period ends with, after those that held before as what is known by now was used under them."""
    earlier = await overage_terms.earlier(tx, terms.org_id, terms.period[0])
    if not earlier:
        return terms
    before, *others = earlier
    for following in (*others, terms):
        before = following.after(before, *await used(tx, before.org_id, before.period))
    return before


@asynccontextmanager
async def other_terms(tx: AsyncSession, org: Organisation, now: datetime) -> AsyncGenerator[None]:
    """Around a change of plan, limit or period. What was used before costs what it did; only further use is priced anew.

    A period that is left ends now, and is charged by its own terms.
    """
    await tx.refresh(org, with_for_update=True)
    await ledger.lock(tx, org.id)
    before = terms_of(org, now)
    yield
    terms, until_now = terms_of(org, now), (before.period[0], now)
    if terms.period[0] != before.period[0]:
        await overage_terms.keep(tx, replace(before, period=until_now))
        await _enter(tx, terms, now)
    elif (terms.plan, terms.limit_nanos) != (before.plan, before.limit_nanos):
        await overage_terms.keep_earlier(tx, replace(before, period=until_now))
    await renew(tx, org, now)


async def renew(tx: AsyncSession, org: Organisation, now: datetime) -> bool:
    """Note what is waived under the terms that hold, as what is known by now has it; False where it was noted so.

    The data plane lets as much through as it says. Call it after `ledger.lock`.
    """
    noted = terms_of(org, now)
    terms = await exact(tx, noted)
    await overage_terms.keep(tx, terms)
    if terms.waived_nanos == noted.waived_nanos:
        return False
    org.overage_waived_nanos, org.overage_waived_in = terms.waived_nanos, terms.period[0]
    await tx.flush()
    return True


async def _enter(tx: AsyncSession, terms: PeriodTerms, now: datetime) -> None:
    """A period whose begin lies back, or that was left and is returned to: what was used meanwhile is another's to charge."""
    for left in await overage_terms.kept(tx, terms.org_id, now - LATE):
        if left.period[0] == terms.period[0]:
            await overage_terms.keep_earlier(tx, left)
    await overage_terms.keep_earlier(
        tx, replace(terms, period=(terms.period[0], now), limit_nanos=None, waived_nanos=0)
    )


def _charged(terms: PeriodTerms) -> Select[*tuple[Any, ...]]:
    return (
        select(func.coalesce(-func.sum(LedgerEntry.nanos), 0), func.count())
        .join(LedgerPosting, LedgerPosting.id == LedgerEntry.posting_id)
        .where(
            LedgerPosting.org_id == terms.org_id,
            LedgerPosting.kind == PostingKind.OVERAGE,
            LedgerEntry.account == Account.REVENUE,
            or_(*(LedgerPosting.reference.startswith(one, autoescape=True) for one in (terms.reference, terms.minute))),
        )
    )
