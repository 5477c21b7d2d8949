"""An organisation as a customer of Stripe's: its billing account, how it pays, and how its subscription changes its plan."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.channels import KeyChanged
from llmgateway.controlplane.audit.service import Act, record
from llmgateway.controlplane.billing import overage
from llmgateway.controlplane.billing.books import ledger, postings
from llmgateway.controlplane.billing.standing import FREE, IN_FORCE, KEPT, PAID_FOR, Standing
from llmgateway.controlplane.plans.service import SELF_HOSTED, period_of
from llmgateway.controlplane.reception.announcing import announce
from llmgateway.controlplane.reception.visits import Actor
from llmgateway.db.models.billing import BillingAccount
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.models.users import Member, User
from llmgateway.db.tenancy import owned
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import new_id

INVOICED: Final = IN_FORCE
"""Statuses of a subscription with further invoices: usage beyond the credit goes on the next one."""
_STRIPE: Final = Actor(id=None, kind="system")


async def account_of(tx: AsyncSession, org_id: str) -> BillingAccount | None:
    """The organisation's billing account; None before its first purchase."""
    return await tx.scalar(owned(BillingAccount, org_id))


async def account_of_customer(tx: AsyncSession, customer_id: str) -> BillingAccount | None:
    """The billing account of a customer of Stripe's; None for one that is not ours."""
    return await tx.scalar(select(BillingAccount).where(BillingAccount.customer_id == customer_id))


async def payer(
    tx: AsyncSession, customer_id: str | None, named: str | None, kind: ledger.Kind, reference: str
) -> str | None:
    """The organisation that a payment, invoice or refund belongs to, by its customer; None when it is none of ours.

    A customer that was replaced is not known any more: then it is the organisation that the object `named`, if the books of
    that one hold a posting of this kind and reference already.
    """
    account = None if customer_id is None else await account_of_customer(tx, customer_id)
    if account is not None:
        return account.org_id
    return named if named is not None and await ledger.posted(tx, named, kind, reference) else None


async def is_invoiced(tx: AsyncSession, org_id: str) -> bool:
    """Whether charges go on an invoice. Otherwise they are taken from credit, even below zero."""
    return await _status(tx, org_id) in INVOICED


async def is_subscribed(tx: AsyncSession, org_id: str) -> bool:
    """Whether there is a subscription that has not ended, paid or not."""
    return await _status(tx, org_id) in KEPT


async def _status(tx: AsyncSession, org_id: str) -> str | None:
    return await tx.scalar(select(BillingAccount.status).where(BillingAccount.org_id == org_id))


async def addresses_of_payers(tx: AsyncSession, org_id: str) -> Sequence[str]:
    """The mail addresses of those who can pay and change budgets: owners and admins."""
    query = select(User.email).join(Member, Member.user_id == User.id)
    payers = query.where(Member.org_id == org_id, Member.role.in_(("owner", "admin")))
    return (await tx.scalars(payers.order_by(User.email))).all()


async def settle(tx: AsyncSession, clock: Clock, org_id: str) -> None:
    """Post usage that no invoice will take as debt of the organisation. Call it after `ledger.lock`."""
    balances, invoiced = await ledger.balances(tx, org_id), await is_invoiced(tx, org_id)
    posting = postings.owed(new_id("debt", clock.now()), balances, invoiced=invoiced)
    if await ledger.post(tx, clock, org_id, posting):
        await announce(tx, KeyChanged(None, org_id))


async def note_customer(tx: AsyncSession, clock: Clock, org_id: str, customer_id: str) -> None:
    """Note that the organisation is this customer of Stripe's."""
    now = clock.now()
    new = insert(BillingAccount).values(org_id=org_id, customer_id=customer_id, created_at=now, updated_at=now)
    await tx.execute(
        new.on_conflict_do_update(
            index_elements=[BillingAccount.org_id], set_={"customer_id": customer_id, "updated_at": now}
        )
    )


async def apply(tx: AsyncSession, clock: Clock, org_id: str, standing: Standing, expected: Standing) -> Standing:
    """Store the subscription's standing as Stripe has it, and change the organisation's plan accordingly. As `worker`.

    Returns the standing that was stored before. Where that is not the `expected` one, another process has stored one meanwhile,
    and nothing is written.
    """
    account = await tx.scalar(owned(BillingAccount, org_id).with_for_update())
    stored = expected if account is None else standing_in(account)
    if account is None or stored != expected:
        return stored
    account.status = standing.status
    account.subscription_id = standing.subscription_id
    if (
        standing.plan is not None or standing.status not in IN_FORCE
    ):  # else it is to what no plan is known for: see there
        account.plan = standing.plan
    account.period_start, account.period_end = standing.period_start, standing.period_end
    account.grace_until, account.ends_at, account.next_plan = standing.grace_until, standing.ends_at, standing.next_plan
    account.updated_at = clock.now()
    if standing.status in PAID_FOR:
        account.reminders = 0
    await tx.flush()
    await _follow(tx, clock, account, standing, stored)
    await ledger.lock(tx, org_id)
    await settle(tx, clock, org_id)
    return stored


async def apply_time(tx: AsyncSession, clock: Clock, org_id: str) -> None:
    """Apply what changes by time alone: the end of a grace period. Runs as `worker`."""
    account = await tx.scalar(owned(BillingAccount, org_id).with_for_update())
    if account is not None:
        stored = standing_in(account)
        await _follow(tx, clock, account, stored, stored)


def standing_in(account: BillingAccount) -> Standing:
    """The stored standing of an account."""
    return Standing(
        status=account.status,
        subscription_id=account.subscription_id,
        plan=account.plan,
        period_start=account.period_start,
        period_end=account.period_end,
        grace_until=account.grace_until,
        ends_at=account.ends_at,
        next_plan=account.next_plan,
    )


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


async def to_look_at(tx: AsyncSession, now: datetime) -> list[str]:
    """The ids of organisations whose grace period runs or has just ended."""
    due = (
        select(BillingAccount.org_id)
        .join(Organisation, Organisation.id == BillingAccount.org_id)
        .where(BillingAccount.grace_until.is_not(None))
        .where((BillingAccount.grace_until > now) | (Organisation.plan == BillingAccount.plan))
    )
    return list((await tx.scalars(due.order_by(BillingAccount.org_id))).all())
