"""Whether we know what Stripe knows: reported every night, then mended by asking again."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import select

from llmgateway.controlplane.billing import accounts
from llmgateway.controlplane.billing.books.ledger import Account, PostingKind
from llmgateway.controlplane.billing.charges import metering
from llmgateway.controlplane.billing.standing import Standing, in_force, standing_of
from llmgateway.controlplane.billing.stripe.api import StripeApi
from llmgateway.controlplane.billing.stripe.errors import StripeRefused
from llmgateway.controlplane.billing.stripe.objects import Subscription
from llmgateway.controlplane.billing.stripe.price_list import METER_EVENT
from llmgateway.controlplane.billing.stripe_events import hints
from llmgateway.controlplane.orgs import service as orgs
from llmgateway.db.models.billing import BillingAccount, StripeEvent
from llmgateway.db.models.ledger import LedgerEntry, LedgerPosting
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock
from llmgateway.kit.money import dollars

_DISPUTES: Final = ("du_", "dp_")
"""How ids of disputes begin at Stripe."""

log = structlog.get_logger()


async def report(database: Database, stripe_api: StripeApi) -> Sequence[str]:
    """A sentence for everything that differs or waits. Raises StripeUnavailable."""
    found = list[str]()
    for account in await _customers(database):
        try:
            subscriptions = await stripe_api.subscriptions(account.customer_id or "")
        except StripeRefused as error:
            found.append(f"{account.org_id}: Stripe refuses its customer {account.customer_id} ({error})")
            continue
        stored, held = accounts.standing_in(account), standing_of(subscriptions)
        if stored != held:
            found.append(f"{account.org_id}: stored {_told(stored, held)}, Stripe has {_told(held, stored)}")
        lines = [*_odd(in_force(subscriptions)), *await _orphaned(database, stripe_api, account, subscriptions)]
        found += [f"{account.org_id}: {line}" for line in lines]
    async with database.transaction() as tx:
        for waiting in await metering.unsent(tx):
            found.append(f"{waiting.org_id}: {waiting.cents} cents of {waiting.created_at:%Y-%m-%d} are not reported")
        troubled = select(StripeEvent).where(StripeEvent.trouble.is_not(None))
        newest = troubled.order_by(StripeEvent.received_at.desc(), StripeEvent.id).limit(100)
        found += [f"{event.id} ({event.type}): {event.trouble}" for event in (await tx.scalars(newest)).all()]
    return found


def _told(standing: Standing, other: Standing) -> str:
    """Status and plan; where the other has the same of both, all that differs."""
    about = f"{standing.status} {standing.plan}"
    if (standing.status, standing.plan) != (other.status, other.plan):
        return about
    each = ((one.name, getattr(standing, one.name), getattr(other, one.name)) for one in fields(Standing))
    return " ".join((about, *(f"{name}={mine}" for name, mine, theirs in each if mine != theirs)))


def _odd(subscriptions: Sequence[Subscription]) -> Iterator[str]:
    """What is wrong with those in force, and is for people to mend."""
    if len(subscriptions) > 1:
        each = ", ".join(f"{one.id} {one.plan}" for one in subscriptions)
        yield f"pays for {len(subscriptions)} subscriptions at once ({each})"
    if subscriptions and not any(one.metered for one in subscriptions):
        yield f"its usage is on no invoice: add the price {METER_EVENT} to {subscriptions[0].id}"


async def _orphaned(
    database: Database, stripe_api: StripeApi, account: BillingAccount, subscriptions: Sequence[Subscription]
) -> Sequence[str]:
    """What is paid though nobody is there, or soon.

    A subscription was to end, and somebody took that back at Stripe; or a page was paid at the moment of the deletion or after it.
    """
    async with database.transaction() as tx:
        org = await tx.get(Organisation, account.org_id)
    if org is not None and org.deletes_at is None:
        return ()
    ends_at = account.pages_closed_for if org is None else org.deletes_at
    going_on = [one for one in in_force(subscriptions) if one.renews]
    found = [f"is deleted and still pays for {one.id}: end it at Stripe, and refund" for one in going_on]
    if ends_at is not None:
        since = ends_at - orgs.GRACE
        plans = any(one.created > since for one in subscriptions)
        nanos, paid = await _paid_since(database, stripe_api, account.org_id, since, plans=plans)
        if nanos > 0:
            found.append(f"is deleted and has paid ${dollars(nanos)} since ({', '.join(paid)}): refund it at Stripe")
    return found


async def _paid_since(
    database: Database, stripe_api: StripeApi, org_id: str, since: datetime, *, plans: bool
) -> tuple[int, Sequence[str]]:
    """What was paid for credit since then, and for `plans`, and not given back, in nanos; and the payments and invoices."""
    kinds = (PostingKind.CREDIT, PostingKind.PAYMENT) if plans else (PostingKind.CREDIT,)
    query = (
        select(LedgerPosting.kind, LedgerPosting.reference, LedgerEntry.nanos)
        .join(LedgerPosting, LedgerPosting.id == LedgerEntry.posting_id)
        .where(LedgerPosting.org_id == org_id, LedgerPosting.created_at >= since, LedgerEntry.account == Account.STRIPE)
        .where(LedgerPosting.kind.in_((*kinds, PostingKind.REFUND)))
        .order_by(LedgerPosting.reference)
    )
    async with database.transaction() as tx:
        rows = (await tx.execute(query)).all()
    paid = {reference: nanos for kind, reference, nanos in rows if kind != PostingKind.REFUND}
    given_back = 0
    for reference, nanos in ((reference, nanos) for kind, reference, nanos in rows if kind == PostingKind.REFUND):
        if paid and await _gave_back(stripe_api, reference, paid):
            given_back -= nanos
    return sum(paid.values()) - given_back, [*paid]


async def _gave_back(stripe_api: StripeApi, reference: str, paid: Collection[str]) -> bool:
    """Whether a refund or dispute in the books is of one of these payments and invoices, and not of one from before."""
    back = reference.partition("/")[0]
    try:
        ask = stripe_api.dispute if back.startswith(_DISPUTES) else stripe_api.refund
        payment = (await ask(back)).payment_id
        if payment is None or payment in paid:
            return payment is not None
        return await stripe_api.settling.invoice_paid_by(payment) in {one.partition("/")[0] for one in paid}
    except StripeRefused:  # what cannot be told is reported
        return False


async def mend(database: Database, clock: Clock, stripe_api: StripeApi) -> int:
    """Log the report, and ask again for every customer and all that was refused; how many lines the report had."""
    lines = await report(database, stripe_api)
    for line in lines:
        log.warning("Stripe and the books differ", what=line)
    for account in await _customers(database):
        with suppress(StripeRefused):  # the report has it
            await hints.refresh(database, clock, stripe_api, account.customer_id or "")
    await hints.look_again(database, clock, stripe_api)
    return len(lines)


async def _customers(database: Database) -> Sequence[BillingAccount]:
    async with database.transaction() as tx:
        query = select(BillingAccount).where(BillingAccount.customer_id.is_not(None)).order_by(BillingAccount.org_id)
        return (await tx.scalars(query)).all()
