"""Checks before an operator assigns a plan to an organisation that has a subscription."""

from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.admin.schemas import AdminSubscription
from llmgateway.controlplane.billing import accounts
from llmgateway.controlplane.plans.service import Plan
from llmgateway.errors import Conflict
from llmgateway.kit.clock import Clock


async def subscription_of(tx: AsyncSession, org_id: str) -> AdminSubscription | None:
    """The organisation's subscription as operators see it; None before the first one."""
    account = await accounts.account_of(tx, org_id)
    if account is None or account.subscription_id is None:
        return None
    in_force = account.status in accounts.INVOICED
    return AdminSubscription(
        status=account.status,
        plan=account.plan,
        in_force=in_force,
        period_end=account.period_end if in_force else None,
        ends_at=account.ends_at,
    )


async def check_assignable(tx: AsyncSession, clock: Clock, org_id: str, plan: Plan) -> None:
    """Raise Conflict while a subscription grants another plan: the next event of it would set that plan again."""
    account = await accounts.account_of(tx, org_id)
    if account is None or account.status not in accounts.INVOICED:
        return
    granted = accounts.standing_in(account).granted(clock.now())
    if granted in {None, plan.id}:
        return
    end = account.ends_at or account.period_end
    until = "" if end is None else f" It can end on {end:%Y-%m-%d}."
    raise Conflict(
        f"A subscription to {account.plan} is {account.status} and grants {granted}; the next word of it would take {plan.id} "
        f"back. Cancel it first, at Stripe or as an owner by a change to Free, and assign the plan when it has ended.{until} "
        "`despite_subscription` assigns it until then.",
        param="plan",
    )
