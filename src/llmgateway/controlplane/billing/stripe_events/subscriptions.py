"""What Stripe says of a subscription is stored, and the organisation's plan and billing period follow it. Runs as `worker`."""

from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.channels import KeyChanged
from llmgateway.controlplane.audit.service import Act, record
from llmgateway.controlplane.billing import accounts
from llmgateway.controlplane.billing.books import ledger
from llmgateway.controlplane.billing.charges import overage
from llmgateway.controlplane.billing.standing import FREE, IN_FORCE, PAID_FOR, Standing
from llmgateway.controlplane.plans.service import SELF_HOSTED, period_of
from llmgateway.controlplane.reception.announcing import announce
from llmgateway.controlplane.reception.visits import Actor
from llmgateway.db.models.billing import BillingAccount
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.tenancy import owned
from llmgateway.kit.clock import Clock

_STRIPE: Final = Actor(id=None, kind="system")


async def apply(tx: AsyncSession, clock: Clock, org_id: str, standing: Standing, expected: Standing) -> Standing:
    """Store the subscription's standing as Stripe has it, and change the organisation's plan accordingly. As `worker`.

    Returns the standing that was stored before. Where that is not the `expected` one, another process has stored one meanwhile,
    and nothing is written.
    """
    account = await tx.scalar(owned(BillingAccount, org_id).with_for_update())
    stored = expected if account is None else accounts.standing_in(account)
    if account is None or stored != expected:
        return stored
    account.status = standing.status
    account.subscription_id = standing.subscription_id
    if standing.plan is not None or standing.status not in IN_FORCE:
        account.plan = standing.plan  # one in force at a price that is no plan's leaves the plan as it is
    account.period_start, account.period_end = standing.period_start, standing.period_end
    account.grace_until, account.ends_at, account.next_plan = standing.grace_until, standing.ends_at, standing.next_plan
    account.updated_at = clock.now()
    if standing.status in PAID_FOR:
        account.reminders = 0
    await tx.flush()
    await _follow(tx, clock, account, standing, stored)
    await ledger.lock(tx, org_id)
    await accounts.settle(tx, clock, org_id)
    return stored


async def apply_time(tx: AsyncSession, clock: Clock, org_id: str) -> None:
    """Apply what changes by time alone: the end of a grace period. Runs as `worker`."""
    account = await tx.scalar(owned(BillingAccount, org_id).with_for_update())
    if account is not None:
        stored = accounts.standing_in(account)
        await _follow(tx, clock, account, stored, stored)


async def to_look_at(tx: AsyncSession, now: datetime) -> list[str]:
    """The ids of organisations whose grace period runs or has just ended."""
    due = (
        select(BillingAccount.org_id)
        .join(Organisation, Organisation.id == BillingAccount.org_id)
        .where(BillingAccount.grace_until.is_not(None))
        .where((BillingAccount.grace_until > now) | (Organisation.plan == BillingAccount.plan))
    )
    return list((await tx.scalars(due.order_by(BillingAccount.org_id))).all())


async def _follow(
    tx: AsyncSession, clock: Clock, account: BillingAccount, standing: Standing, before: Standing
) -> None:
    """Set the organisation's plan and billing period as its standing says."""
    org = await tx.scalar(select(Organisation).where(Organisation.id == account.org_id))
    if org is None:
        return
    now = clock.now()
    granted = standing.granted(now)
    # What an operator assigned stays when a subscription to something else ends, and whatever is heard of one that ended before.
    theirs = granted == FREE and (org.plan not in {standing.plan, before.plan} or before.status not in IN_FORCE)
    plan = org.plan if granted is None or theirs or org.plan == SELF_HOSTED else granted
    if (plan, standing.period_start, standing.period_end) != (org.plan, org.period_start, org.period_end):
        await _change(tx, clock, org, plan, standing)
    await tx.flush()


async def _change(tx: AsyncSession, clock: Clock, org: Organisation, plan: str, standing: Standing) -> None:
    if plan != org.plan:
        act = Act(action="org.plan", org_id=org.id, target=org.id, before={"plan": org.plan}, after={"plan": plan})
        await record(tx, clock, _STRIPE, act)
    now = clock.now()
    async with overage.other_terms(tx, org, now):
        before = org.plan, period_of(org.period_start, org.period_end, now)[0]
        org.plan, org.period_start, org.period_end = plan, standing.period_start, standing.period_end
        # The counter of a period that was left counted nothing since.
        org.quota_epoch += before != (plan, period_of(org.period_start, org.period_end, now)[0])
    await announce(tx, KeyChanged(None, org.id))
