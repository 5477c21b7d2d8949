"""The terms that use beyond a plan is priced by: those that a billing period ends with, and those that held in it before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.plans.service import Plan, all_plans, period_of, waived_in
from llmgateway.db.models.billing import OverageChange, OverageTerms
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.tenancy import owned


@dataclass(frozen=True, slots=True)
class PeriodTerms:
    """How use beyond the plan is priced in a billing period, until these terms change or it ends."""

    org_id: str
    period: tuple[datetime, datetime]
    """The period's begin, and until when these terms hold; the end itself is not part of it."""
    plan: str
    limit_nanos: int | None
    """The most that is charged in the period, in nanos; None charges nothing."""
    waived_nanos: int
    """The part of the price, in nanos, that is not charged because it was used under other terms; negative adds to the charge."""
    before_nanos: int = 0
    """What the period's use under earlier terms costs, in nanos: it stays due, however low the limit is now."""

    @property
    def reference(self) -> str:
        """How the references of the period's charges begin."""
        return f"{self.period[0]:%Y-%m-%dT%H:%M:%S}/"

    @property
    def minute(self) -> str:
        """How they began in the releases that told two periods of the same minute not apart."""
        return f"{self.period[0]:%Y-%m-%dT%H:%M}/"

    def due(self, requests: int, tokens: int) -> int:
        """What the period's use costs in nanos, charged already or not."""
        plan = self._plan
        by_these = 0 if plan is None else plan.overage_nanos(requests, tokens, self.limit_nanos, self.waived_nanos)
        return max(self.before_nanos, by_these)

    def after(self, earlier: "PeriodTerms", requests: int, tokens: int) -> "PeriodTerms":
        """These, where others held until the period's use was so much: only what is used from then on is priced by these."""
        costs, plan = earlier.due(requests, tokens), self._plan
        price = 0 if plan is None else plan.beyond_nanos(requests, tokens)
        return replace(self, waived_nanos=price - costs, before_nanos=costs)

    @property
    def _plan(self) -> Plan | None:
        return all_plans().get(self.plan)


def terms_of(org: Organisation, now: datetime) -> PeriodTerms:
    """The terms that hold now."""
    period = period_of(org.period_start, org.period_end, now)
    waived = waived_in(period, org.overage_waived_nanos, org.overage_waived_in)
    return PeriodTerms(org.id, period, org.plan, org.overage_limit_nanos, waived)


async def keep(tx: AsyncSession, terms: PeriodTerms) -> None:
    """Store the terms that a period ends with as it stands, so that it can be charged when it is over. Call it after `ledger.lock`."""
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


async def kept(tx: AsyncSession, org_id: str, since: datetime) -> Sequence[PeriodTerms]:
    """What periods that ended after `since` end with, and the one that runs, oldest first; what held in them before is `earlier`."""
    query = owned(OverageTerms, org_id).where(OverageTerms.ends_at > since).order_by(OverageTerms.begins_at)
    return [_stored(row, row.ends_at) for row in (await tx.scalars(query)).all()]


async def keep_earlier(tx: AsyncSession, terms: PeriodTerms) -> None:
    """Store terms that held in a period until now. Of two changes at one moment the first counts: the others held for no time."""
    new = insert(OverageChange).values(
        org_id=terms.org_id,
        begins_at=terms.period[0],
        changed_at=terms.period[1],
        plan=terms.plan,
        limit_nanos=terms.limit_nanos,
        waived_nanos=terms.waived_nanos,
    )
    await tx.execute(new.on_conflict_do_nothing())


async def earlier(tx: AsyncSession, org_id: str, begins_at: datetime) -> Sequence[PeriodTerms]:
    """The terms that held in a period before its last ones, oldest first."""
    query = owned(OverageChange, org_id).where(OverageChange.begins_at == begins_at).order_by(OverageChange.changed_at)
    return [_stored(row, row.changed_at) for row in (await tx.scalars(query)).all()]


def charged_since(since: datetime) -> Select[str]:
    """The ids of organisations that allow use beyond their plans, or did in a period that ended after `since`."""
    now = select(Organisation.id).where(Organisation.overage_limit_nanos > 0)
    ended = select(OverageTerms.org_id).where(OverageTerms.limit_nanos > 0, OverageTerms.ends_at > since)
    changed = select(OverageChange.org_id).where(OverageChange.limit_nanos > 0, OverageChange.changed_at > since)
    return select(now.union(ended, changed).subquery().c.id)


def _stored(row: OverageTerms | OverageChange, until: datetime) -> PeriodTerms:
    return PeriodTerms(row.org_id, (row.begins_at, until), row.plan, row.limit_nanos, row.waived_nanos)
