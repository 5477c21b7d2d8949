"""An organisation as a customer of Stripe's: its billing account, and how it pays."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import ScalarSelect, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from llmgateway.contract.channels import KeyChanged
from llmgateway.controlplane.billing.books import ledger, postings
from llmgateway.controlplane.billing.standing import IN_FORCE, KEPT, Standing
from llmgateway.controlplane.reception.announcing import announce
from llmgateway.db.models.billing import BillingAccount
from llmgateway.db.models.users import Member, User
from llmgateway.db.tenancy import owned
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import new_id

INVOICED: Final = IN_FORCE
"""Statuses of a subscription with further invoices: usage beyond the credit goes on the next one."""


async def account_of(tx: AsyncSession, org_id: str) -> BillingAccount | None:
    """The organisation's billing account; None before its first purchase."""
    return await tx.scalar(owned(BillingAccount, org_id))


async def account_of_customer(tx: AsyncSession, customer_id: str) -> BillingAccount | None:
    """The billing account of a customer of Stripe's; None for one that is not ours."""
    return await tx.scalar(select(BillingAccount).where(BillingAccount.customer_id == customer_id))


async def payer(
    tx: AsyncSession, customer_id: str | None, named: str | None, kind: ledger.PostingKind, reference: str
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


async def addresses_of_payers(tx: AsyncSession, org_id: str) -> Sequence[str]:
    """The mail addresses of those who can pay and change budgets: owners and admins."""
    query = select(User.email).join(Member, Member.user_id == User.id)
    payers = query.where(Member.org_id == org_id, Member.role.in_(("owner", "admin")))
    return (await tx.scalars(payers.order_by(User.email))).all()


def address_of_payer(org_id: str | InstrumentedAttribute[str]) -> ScalarSelect[str]:
    """The mail address that Stripe writes to: of the first owner, or where there is none of the first admin."""
    query = select(User.email).join(Member, Member.user_id == User.id)
    payers = query.where(Member.org_id == org_id, Member.role.in_(("owner", "admin")))
    first = payers.order_by(Member.role.desc(), Member.created_at, User.id).limit(1)
    return first.scalar_subquery()


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


async def _status(tx: AsyncSession, org_id: str) -> str | None:
    return await tx.scalar(select(BillingAccount.status).where(BillingAccount.org_id == org_id))
