"""Buys plans and credit: a short transaction, calls to Stripe, another transaction. The outcome comes back as a webhook."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from llmgateway.controlplane.billing import accounts, service
from llmgateway.controlplane.billing.books.postings import NANOS_PER_CENT
from llmgateway.controlplane.billing.changes import Change, ChangeStep, change_to
from llmgateway.controlplane.billing.schemas import PlanChange, PlanWish
from llmgateway.controlplane.billing.standing import FREE, IN_FORCE
from llmgateway.controlplane.billing.stripe.access import served
from llmgateway.controlplane.billing.stripe.api import ReturnUrls, StripeApi
from llmgateway.controlplane.billing.stripe.objects import CheckoutPage, InvoicePage, Subscription
from llmgateway.controlplane.plans.service import Plan, plan_named
from llmgateway.controlplane.reception.visits import Visit, check_open
from llmgateway.errors import BadRequest, Conflict

_LEAST_CENTS: Final = 50
"""The smallest charge of a card at Stripe, in cents."""
_MOST_CENTS: Final = 99_999_999
"""The most that it charges at once: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts."""
_HOLDS_FOR: Final = timedelta(hours=1)
"""How long a previewed amount may be confirmed."""
_NOT_PAID: Final = "The payment failed, so the plan is as it was. Pay the invoice within a day, and it changes."
_PLANNED_OFF: Final = " The change to {plan} that was planned for the period's end is off: choose it again to have it."
_OWED: Final = (
    "The last payment failed. Pay this invoice, and the plan {plan} goes on; to give the plan up, choose Free instead."
)


async def plan(visit: Visit, stripe_api: StripeApi, wish: PlanWish) -> PlanChange:
    """Subscribe by a Checkout page, or change the subscription. Raises BadRequest, Conflict and Unavailable.

    Raises Forbidden where nothing may be changed, unless it is to end what is paid for.
    """
    name = wish.plan
    if name != FREE:
        check_open(visit.org)
    async with visit.deps.database.transaction(visit.org.id) as tx:
        wanted = await service.plan_wanted(tx, visit.org, name)
    with served(changes=True):
        customer = await _customer(visit, stripe_api)
        change = change_to(wanted, await stripe_api.subscriptions(customer))
        _check_seen(wish, change.instead_of or visit.org.plan, visit.deps.clock.now())
        if change.step is ChangeStep.SUBSCRIBE:
            return PlanChange(url=await _page_of_plan(visit, stripe_api, customer, name))
        return await _change(visit, stripe_api, change, wanted, wish.as_of)


async def credit(visit: Visit, stripe_api: StripeApi, nanos: int) -> str:
    """The address of a Checkout page for so many nano-dollars of credit. Raises BadRequest, Conflict, Forbidden and Unavailable."""
    check_open(visit.org)
    cents, rest = divmod(nanos, NANOS_PER_CENT)
    if rest or not _LEAST_CENTS <= cents <= _MOST_CENTS:
        raise BadRequest("Credit is bought in whole cents, from 0.50 to 999,999.99 dollars.", param="usd")
    if not plan_named(visit.org.plan).sold:
        raise Conflict(f"The plan {visit.org.plan!r} pays nothing: it needs no credit.")
    with served():
        customer = await _customer(visit, stripe_api)
        return await _page_of_credit(visit, stripe_api, customer, cents)


async def portal(visit: Visit, stripe_api: StripeApi) -> str:
    """The address of the Customer Portal. Raises Unavailable."""
    with served():
        return await stripe_api.portal(await _customer(visit, stripe_api), f"{_page(visit)}?back=portal")


async def invoices(visit: Visit, stripe_api: StripeApi, limit: int, after: str | None) -> InvoicePage:
    """The organisation's invoices, newest first; none before the first purchase. Raises Unavailable."""
    async with visit.deps.database.transaction(visit.org.id) as tx:
        account = await accounts.account_of(tx, visit.org.id)
    if account is None or account.customer_id is None:
        return InvoicePage(invoices=(), more=False)
    with served():
        return await stripe_api.invoices(account.customer_id, min(limit, 100), after)


async def _page_of_plan(visit: Visit, stripe_api: StripeApi, customer: str, name: str) -> str:
    """The open page for the plan, or a new one. A page for another plan is closed, so that nobody pays twice."""
    pages = [page for page in await stripe_api.pages(customer) if page.cents is None]
    for page in pages:
        if page.plan == name and page.url is not None:
            return page.url
    for page in pages:
        if page.url is not None:
            await stripe_api.close_page(page.id)
    once = _once_after(pages, f"plan-{customer}")
    return await stripe_api.checkout_plan(customer, visit.org.id, name, _return_urls(visit), once)


async def _page_of_credit(visit: Visit, stripe_api: StripeApi, customer: str, cents: int) -> str:
    """The open page for this credit, or a new one."""
    pages = [page for page in await stripe_api.pages(customer) if page.cents == cents]
    for page in pages:
        if page.url is not None:
            return page.url
    once = _once_after(pages, f"credit-{customer}-{cents}")
    return await stripe_api.checkout_credit(customer, visit.org.id, cents, _return_urls(visit), once)


def _check_seen(wish: PlanWish, instead_of: str, now: datetime) -> None:
    """Check that what the customer agreed to still holds. Raises Conflict if it was shown for another plan, or too long ago."""
    if wish.instead_of not in {None, instead_of}:
        raise Conflict(
            f"The plan is {instead_of!r} meanwhile, not {wish.instead_of!r}: nothing was changed. Look at the change once more.",
            code="plan_changed",
            param="instead_of",
        )
    if wish.as_of is not None and not now - _HOLDS_FOR <= wish.as_of <= now:
        raise Conflict(
            "What this change costs was asked for too long ago: nothing was changed. Look at the change once more.",
            code="plan_changed",
            param="as_of",
        )


async def _change(
    visit: Visit, stripe_api: StripeApi, change: Change, wanted: Plan, as_of: datetime | None
) -> PlanChange:
    """Change the best subscription to another plan; for a plan that costs nothing, end all of them."""
    now, subscription = visit.deps.clock.now(), change.subscriptions[0]
    if change.step is ChangeStep.SETTLE:
        return await _settle(stripe_api, subscription)
    if change.step is ChangeStep.KEEP:
        await stripe_api.keep(subscription)
        return PlanChange(effective_at=now)
    if change.step is ChangeStep.RAISE:
        page = await stripe_api.upgrade(subscription, wanted.id, as_of or now)
        return PlanChange(effective_at=now) if page is None else PlanChange(url=page, message=_not_paid(subscription))
    async with visit.deps.database.transaction(visit.org.id) as tx:
        losses = await service.losses(tx, visit, wanted)
    if change.step is ChangeStep.LOWER:
        await stripe_api.downgrade(subscription, wanted.id)
        return PlanChange(effective_at=subscription.period_end, losses=tuple(losses))
    return PlanChange(effective_at=await _end(stripe_api, change.subscriptions, now), losses=tuple(losses))


def _not_paid(subscription: Subscription) -> str:
    """A refused upgrade has taken off already what was planned for the period's end."""
    planned = subscription.next_plan
    return _NOT_PAID if planned is None else _NOT_PAID + _PLANNED_OFF.format(plan=plan_named(planned).name)


async def _settle(stripe_api: StripeApi, subscription: Subscription) -> PlanChange:
    """The page where what is owed is paid. Raises Conflict when Stripe has no open invoice for it."""
    owed = await stripe_api.open_invoice(subscription)
    if owed is None or owed.page is None:
        raise Conflict(
            f"The subscription to the plan {subscription.plan!r} is not paid, and Stripe has no open invoice for it. "
            "Choose the plan 'free' to end it, then a plan anew."
        )
    return PlanChange(url=owed.page, message=_OWED.format(plan=plan_named(subscription.plan).name))


async def _end(stripe_api: StripeApi, subscriptions: Sequence[Subscription], now: datetime) -> datetime:
    """End subscriptions: unpaid ones at once, the others at their period's end. Returns when the last one ends."""
    ends = [now]
    for one in subscriptions:
        if one.status in IN_FORCE:
            await stripe_api.end_at_period_end(one)
            ends.append(one.period_end)
        else:
            await stripe_api.end_now(one)
    return max(ends)


async def _customer(visit: Visit, stripe_api: StripeApi) -> str:
    """The organisation's customer at Stripe. It is made when the organisation first pays, or when Stripe no longer knows it."""
    async with visit.deps.database.transaction(visit.org.id) as tx:
        account = await accounts.account_of(tx, visit.org.id)
        email = await tx.scalar(select(accounts.address_of_payer(visit.org.id))) or visit.user.email
    known = account.customer_id if account is not None else None
    if known is not None and await stripe_api.knows(known):
        return known
    customer = await stripe_api.customer(visit.org.id, visit.org.name, email, known)
    async with visit.deps.database.transaction(visit.org.id) as tx:
        await accounts.note_customer(tx, visit.deps.clock, visit.org.id, customer)
    return customer


def _page(visit: Visit) -> str:
    return f"{visit.deps.address}/o/{visit.org.slug}/billing"


def _return_urls(visit: Visit) -> ReturnUrls:
    return ReturnUrls(success=f"{_page(visit)}?paid=yes", cancel=f"{_page(visit)}?paid=no")


def _once_after(pages: Sequence[CheckoutPage], what: str) -> str:
    """An idempotency key: the same for simultaneous wishes, another one once a page was made."""
    return f"{what}-{pages[0].id if pages else 'first'}"
