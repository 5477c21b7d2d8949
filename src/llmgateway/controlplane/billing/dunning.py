"""Mails about failed payments: reminders during the grace period, when the plan stops, and when the subscription ends. As `worker`."""

from datetime import datetime
from typing import Final

from sqlalchemy import Select, and_, or_, select

from llmgateway.controlplane.billing import accounts, letters
from llmgateway.controlplane.billing.books.ledger import Account, balances
from llmgateway.controlplane.billing.each_organisation import for_each_organisation
from llmgateway.controlplane.billing.standing import GRACE, OWING, REMIND_EVERY, Standing, reminders_due
from llmgateway.controlplane.reception import outbox
from llmgateway.db.models.billing import BillingAccount
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.session import Database
from llmgateway.db.tenancy import owned
from llmgateway.kit.clock import Clock
from llmgateway.kit.mail import Mail

STOPPED: Final = 2 + GRACE // REMIND_EVERY
"""Number of the mail after the reminders: the grace period is over."""
GIVEN_UP: Final = STOPPED + 1
"""Number of the next: Stripe does not try the card again."""
ENDED: Final = GIVEN_UP + 1
"""Number of the last: the subscription has ended."""


def letters_due(standing: Standing, sent: int, now: datetime) -> int:
    """How many mails should have been sent since the payment failed. Without a reminder there is no mail about the end either."""
    if standing.status == "past_due" and standing.grace_until is not None:
        return reminders_due(standing.grace_until, now) if now < standing.grace_until else STOPPED
    if standing.status == "unpaid":
        return GIVEN_UP
    return ENDED if standing.status == "canceled" and sent > 0 else 0


async def write(database: Database, clock: Clock, address: str) -> int:
    """Send every mail that is due, each once. Returns how many organisations were written to. `address` is the gateway's."""
    async with database.transaction() as tx:
        org_ids = (await tx.scalars(_to_look_at())).all()
    return await for_each_organisation(
        org_ids, lambda org_id: _look(database, clock, address, org_id), lambda org_id: org_id
    )


def _to_look_at() -> Select[str]:
    ended = and_(BillingAccount.status == "canceled", BillingAccount.reminders.between(1, ENDED - 1))
    owing = and_(BillingAccount.status.in_(OWING), BillingAccount.reminders < GIVEN_UP)
    return select(BillingAccount.org_id).where(or_(owing, ended)).order_by(BillingAccount.org_id)


async def _look(database: Database, clock: Clock, address: str, org_id: str) -> int:
    now = clock.now()
    async with database.transaction() as tx:
        account = await tx.scalar(owned(BillingAccount, org_id).with_for_update())
        org = await tx.get(Organisation, org_id)
        if account is None or org is None:
            return 0
        standing = accounts.standing_in(account)
        due = letters_due(standing, account.reminders, now)
        if due <= account.reminders:
            return 0
        account.reminders = due
        owed = (await balances(tx, org_id))[Account.RECEIVABLE]
        if due == ENDED and owed <= 0:
            return 0
        unpaid = letters.Unpaid(
            org=org.name, owed=owed, until=standing.grace_until, page=f"{address}/o/{org.slug}/billing"
        )
        for reader in await accounts.addresses_of_payers(tx, org_id):
            await outbox.post(tx, clock, _letter(due, reader, unpaid))
        return 1


def _letter(due: int, reader: str, unpaid: letters.Unpaid) -> Mail:
    if due < STOPPED:
        return letters.unpaid(reader, unpaid)
    return {STOPPED: letters.stopped, GIVEN_UP: letters.given_up, ENDED: letters.ended}[due](reader, unpaid)
