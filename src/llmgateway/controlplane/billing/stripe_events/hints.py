"""Webhooks as hints: each comes in once by its id, then a job asks Stripe what holds now, and that is what counts.

So neither order nor repetition nor loss matters: what was missed is listed and taken in later. As `worker`.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.billing import accounts
from llmgateway.controlplane.billing.standing import ENDED, Standing, standing_of
from llmgateway.controlplane.billing.stripe.api import StripeApi
from llmgateway.controlplane.billing.stripe.errors import StripeRefused, StripeUnavailable
from llmgateway.controlplane.billing.stripe.objects import Event
from llmgateway.controlplane.billing.stripe_events import invoices, payments, subscriptions
from llmgateway.db.models.billing import StripeEvent
from llmgateway.db.session import DATABASE_ERRORS, Database, is_fault_of_data
from llmgateway.kit.clock import Clock

_LEASE: Final = timedelta(minutes=2)
"""How long a hint stays with a worker that died while it followed it."""
_LONGEST_WAIT: Final = timedelta(hours=1)
_MOST_TRIES: Final = 100
_OVERLAP: Final = timedelta(hours=1)
_MOST_ASKED: Final = 5
"""How often a customer is asked for again because other processes write about it at the same time."""
LONG_LOOK: Final = timedelta(days=7)
_ASKED_AGAIN: Final = timedelta(days=31)
"""How long what Stripe refused is asked for again every night; after that it only stays in the report."""

_TAKEN_IN: Final[Mapping[str, Callable[[Database, Clock, StripeApi, str], Awaitable[None]]]] = MappingProxyType(
    {
        "invoice.": invoices.take_invoice,
        "credit_note.": invoices.take_credit_note,
        "customer.updated": invoices.take_balance,
        "payment_intent.succeeded": payments.take_payment,
        "refund.": payments.take_refund,
        "charge.refunded": payments.take_refunds_of,
        "charge.dispute.": payments.take_dispute,
    }
)
"""How the type of an event begins -> what takes in the object that it names. No two begin alike."""
_ABOUT_STANDING: Final = ("customer.", "invoice.", "checkout.", "subscription_schedule.")
"""How the types of events begin that may change a customer's subscription."""
_NOTE: Final = text("SELECT note_stripe_event(:id, :type, :object, :customer, :made, :received)")

log = structlog.get_logger()


async def note(tx: AsyncSession, clock: Clock, event: Event) -> bool:
    """Store a hint, as `app`. Returns False when it is here already."""
    values = {
        "id": event.id,
        "type": event.type,
        "object": event.object_id,
        "customer": event.customer_id,
        "made": event.created,
        "received": clock.now(),
    }
    return bool(await tx.scalar(_NOTE, values))


async def handle_next(database: Database, clock: Clock, stripe_api: StripeApi) -> bool:
    """Follow one hint that is due. Returns False when there is none. A failure is tried again, each time after a longer pause."""
    hint = await _claim(database, clock)
    if hint is None:
        return False
    try:
        trouble = await _trouble_with(database, clock, stripe_api, hint)
    except StripeUnavailable as error:
        log.warning("Stripe could not be asked", event_id=hint.id, tries=hint.tries, reason=str(error))
        await _mark(database, clock, hint.id, str(error), done=hint.tries >= _MOST_TRIES)
        return True
    await _mark(database, clock, hint.id, trouble, done=True)
    return True


async def _trouble_with(database: Database, clock: Clock, stripe_api: StripeApi, hint: StripeEvent) -> str | None:
    """Follow the hint. Returns what will always prevent that, None when nothing does. Raises StripeUnavailable."""
    try:
        await follow(database, clock, stripe_api, hint.type, hint.object_id, hint.customer_id)
    except StripeRefused as error:
        if await _was_deleted(database, hint.object_id):
            return None
        log.warning("Stripe knows nothing of what its event named", event_id=hint.id, reason=str(error))
        return str(error)
    except DATABASE_ERRORS as error:
        if not is_fault_of_data(error):
            raise
        log.warning("what Stripe told cannot be kept in the books", event_id=hint.id, reason=str(error))
        return f"The books cannot keep it: {getattr(error, 'orig', error)}"
    return None


async def _was_deleted(database: Database, object_id: str) -> bool:
    """Whether it was an invoice that was deleted: only drafts can be, which were in no book."""
    async with database.transaction() as tx:
        query = select(StripeEvent.id).where(StripeEvent.object_id == object_id, StripeEvent.type == "invoice.deleted")
        return await tx.scalar(query.limit(1)) is not None


async def follow(
    database: Database, clock: Clock, stripe_api: StripeApi, kind: str, object_id: str, customer_id: str | None
) -> None:
    """Ask Stripe for the present state of what the hint names, and store it. Raises StripeUnavailable and StripeRefused."""
    for begin, take in _TAKEN_IN.items():
        if kind.startswith(begin):
            await take(database, clock, stripe_api, object_id)
    if customer_id is not None and kind.startswith(_ABOUT_STANDING):
        await refresh(database, clock, stripe_api, customer_id)


async def refresh(database: Database, clock: Clock, stripe_api: StripeApi, customer_id: str) -> None:
    """Ask Stripe for a customer's standing and store it; ask again when another process stored an answer meanwhile."""
    async with database.transaction() as tx:
        account = await accounts.account_of_customer(tx, customer_id)
    if account is None:
        return
    before = accounts.standing_in(account)
    for _ in range(_MOST_ASKED):
        standing = await _standing(stripe_api, customer_id, before)
        async with database.transaction() as tx:
            stored = await subscriptions.apply(tx, clock, account.org_id, standing, before)
        if stored == before:
            return
        before = stored


async def _standing(stripe_api: StripeApi, customer_id: str, before: Standing) -> Standing:
    """The standing, asked of Stripe. A deleted customer that never had a subscription has lost none."""
    try:
        return standing_of(await stripe_api.subscriptions(customer_id))
    except StripeRefused:
        if not await stripe_api.deleted(customer_id):
            raise
    return before if before.status == "none" else ENDED


async def fetch_missed(database: Database, clock: Clock, stripe_api: StripeApi, back: timedelta | None = None) -> int:
    """Take in what happened at Stripe and never came here; how many that were.

    Looked at is what came since an hour before the newest that is here; or all of so far back.
    """
    async with database.transaction() as tx:
        newest = await tx.scalar(select(func.max(StripeEvent.created_at)))
    since = clock.now() - (back or LONG_LOOK) if newest is None or back is not None else newest - _OVERLAP
    missed = 0
    for event in await stripe_api.events(since):
        async with database.transaction() as tx:
            if await tx.get(StripeEvent, event.id) is None:
                tx.add(_hint_of(event, clock.now()))
                missed += 1
    return missed


async def look_again(database: Database, clock: Clock, stripe_api: StripeApi) -> None:
    """Follow once more what Stripe refused when its hint came: meanwhile it may have been mended. Raises StripeUnavailable."""
    since = clock.now() - _ASKED_AGAIN
    async with database.transaction() as tx:
        troubled = select(StripeEvent).where(StripeEvent.trouble.is_not(None), StripeEvent.handled_at.is_not(None))
        query = troubled.where(StripeEvent.received_at > since).order_by(StripeEvent.received_at)
        hints = (await tx.scalars(query)).all()
    for hint in hints:
        trouble = await _trouble_with(database, clock, stripe_api, hint)
        await _mark(database, clock, hint.id, trouble, done=True)


async def pass_time(database: Database, clock: Clock) -> int:
    """End graces that are over. Returns how many organisations were checked."""
    async with database.transaction() as tx:
        org_ids = await subscriptions.to_look_at(tx, clock.now())
    for org_id in org_ids:
        async with database.transaction() as tx:
            await subscriptions.apply_time(tx, clock, org_id)
    return len(org_ids)


def _hint_of(event: Event, now: datetime) -> StripeEvent:
    return StripeEvent(
        id=event.id,
        type=event.type,
        object_id=event.object_id,
        customer_id=event.customer_id,
        created_at=event.created,
        received_at=now,
        tries=0,
        next_try_at=now,
    )


async def _claim(database: Database, clock: Clock) -> StripeEvent | None:
    async with database.transaction() as tx:
        due = select(StripeEvent).where(StripeEvent.handled_at.is_(None), StripeEvent.next_try_at <= clock.now())
        row = await tx.scalar(due.order_by(StripeEvent.next_try_at).limit(1).with_for_update(skip_locked=True))
        if row is not None:
            row.tries += 1
            row.next_try_at = clock.now() + _LEASE
        return row


async def _mark(database: Database, clock: Clock, event_id: str, trouble: str | None, *, done: bool) -> None:
    async with database.transaction() as tx:
        row = await tx.get_one(StripeEvent, event_id)
        row.trouble = trouble
        if done:
            row.handled_at = clock.now()
        else:
            row.next_try_at = clock.now() + min(timedelta(seconds=5 * 2 ** min(row.tries, 10)), _LONGEST_WAIT)
