"""Stripe's customers follow their organisations: in name and address, and with no page to pay on after the deletion. As `worker`."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import func, or_, select

from llmgateway.controlplane.billing import accounts
from llmgateway.controlplane.billing.stripe.api import StripeApi
from llmgateway.controlplane.billing.stripe.errors import StripeRefused
from llmgateway.db.models.billing import BillingAccount
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.models.users import User
from llmgateway.db.session import Database
from llmgateway.db.tenancy import owned

log = structlog.get_logger()


async def follow(database: Database, stripe_api: StripeApi) -> None:
    """Tell Stripe what changed since it was told last. Raises StripeUnavailable; what was not done then is done the next time."""
    await _tell(database, stripe_api)
    await _close_pages(database, stripe_api)


@dataclass(frozen=True, slots=True)
class _Change:
    """Of a customer, between what Stripe was told last and what holds now."""

    org_id: str
    customer_id: str
    before: tuple[str | None, str | None]
    """Name and address."""
    after: tuple[str, str]


async def _tell(database: Database, stripe_api: StripeApi) -> None:
    """Only what changed here is told, so that what somebody wrote in the Portal or at Stripe stays until then."""
    for change in await _changes(database):
        name, email = (new if new != old else None for old, new in zip(change.before, change.after, strict=True))
        try:
            if change.before[1] is None and await _is_their_own(database, await stripe_api.email(change.customer_id)):
                email = None
            await stripe_api.change_customer(change.customer_id, name, email)
        except (
            StripeRefused
        ) as error:  # it is told no more until something changes; a customer that is gone is replaced
            log.warning("Stripe does not take an organisation's name", org_id=change.org_id, reason=str(error))
        await _note(database, change)


async def _changes(database: Database) -> list[_Change]:
    account, email = BillingAccount, accounts.address_of_payer(BillingAccount.org_id)
    query = (
        select(account.org_id, account.customer_id, account.told_name, account.told_email, Organisation.name, email)
        .join(Organisation, Organisation.id == account.org_id)
        .where(account.customer_id.is_not(None), email.is_not(None))
        .where(or_(account.told_name.is_distinct_from(Organisation.name), account.told_email.is_distinct_from(email)))
        .order_by(account.org_id)
    )
    async with database.transaction() as tx:
        rows = (await tx.execute(query)).all()
    return [_Change(row[0], row[1] or "", (row[2], row[3]), (row[4], row[5])) for row in rows]


async def _is_their_own(database: Database, email: str | None) -> bool:
    """Whether an address is nobody's here, so that we cannot have told it: somebody wrote it at Stripe."""
    if email is None:
        return False
    async with database.transaction() as tx:
        return await tx.scalar(select(User.id).where(func.lower(User.email) == email.lower())) is None


async def _note(database: Database, change: _Change) -> None:
    """Where another process told something meanwhile, nobody knows which came last: it is told once more."""
    async with database.transaction() as tx:
        account = await tx.scalar(owned(BillingAccount, change.org_id).with_for_update())
        if account is not None:
            alone = (account.told_name, account.told_email) == change.before
            account.told_name, account.told_email = change.after if alone else (None, None)


async def _close_pages(database: Database, stripe_api: StripeApi) -> None:
    """A page that was opened before the deletion could be paid for a day after it."""
    deleted = (
        select(BillingAccount.org_id, BillingAccount.customer_id, Organisation.deletes_at)
        .join(Organisation, Organisation.id == BillingAccount.org_id)
        .where(BillingAccount.customer_id.is_not(None), Organisation.deletes_at.is_not(None))
        .where(BillingAccount.pages_closed_for.is_distinct_from(Organisation.deletes_at))
    )
    async with database.transaction() as tx:
        rows = (await tx.execute(deleted.order_by(BillingAccount.org_id))).all()
    for org_id, customer_id, deletes_at in rows:
        try:
            await stripe_api.close_pages(customer_id or "")
        except StripeRefused as error:  # one was paid at this moment: the next look finds the others
            log.warning("pages of a deleted organisation are not closed", org_id=org_id, reason=str(error))
        else:
            await _note_closed(database, org_id, deletes_at)


async def _note_closed(database: Database, org_id: str, deletes_at: datetime | None) -> None:
    async with database.transaction() as tx:
        account = await tx.scalar(owned(BillingAccount, org_id).with_for_update())
        if account is not None:
            account.pages_closed_for = deletes_at
