"""An organisation as a customer: what is known of it, and how it pays."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.db.models.billing import BillingAccount
from llmgateway.db.tenancy import owned

INVOICED: Final = frozenset({"trialing", "active", "past_due"})
"""A subscription that has invoices to come: what is used beyond credit goes on the next one."""


async def account_of(tx: AsyncSession, org_id: str) -> BillingAccount | None:
    """None before it was a customer."""
    return await tx.scalar(owned(BillingAccount, org_id))


async def is_invoiced(tx: AsyncSession, org_id: str) -> bool:
    """Whether charges can go on an invoice; else they are taken from credit, which they may overdraw."""
    account = await account_of(tx, org_id)
    return account is not None and account.status in INVOICED
