"""What a change of plan would cost and take away, before anything is changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from llmgateway.controlplane.billing import accounts, service
from llmgateway.controlplane.billing.books.postings import NANOS_PER_CENT
from llmgateway.controlplane.billing.changes import Change, ChangeStep, change_to
from llmgateway.controlplane.billing.schemas import ChangePreview, RenewalShown
from llmgateway.controlplane.billing.standing import IN_FORCE, PAID_FOR, in_force
from llmgateway.controlplane.billing.stripe.access import served
from llmgateway.controlplane.billing.stripe.api import StripeApi
from llmgateway.controlplane.billing.stripe.objects import Subscription
from llmgateway.controlplane.plans.service import Plan
from llmgateway.controlplane.reception.visits import Visit
from llmgateway.kit.money import usd


@dataclass(frozen=True, slots=True, kw_only=True)
class _Costs:
    """In cents, and when."""

    due_now: int = 0
    effective_at: datetime | None = None
    next: int | None = None
    next_at: datetime | None = None


async def preview(visit: Visit, stripe_api: StripeApi | None, name: str) -> ChangePreview:
    """What a change to the plan `name` would cost and take away; without Stripe only the latter. Raises BadRequest, Conflict and Unavailable."""
    now = visit.deps.clock.now()
    async with visit.deps.database.transaction(visit.org.id) as tx:
        wanted = await service.plan_wanted(tx, visit.org, name)
        losses = tuple(await service.losses(tx, visit, wanted))
        account = await accounts.account_of(tx, visit.org.id)
    if stripe_api is None:
        return ChangePreview(step=None, instead_of=visit.org.plan, as_of=now, losses=losses)
    with served():
        change = change_to(wanted, await _subscriptions(stripe_api, account.customer_id if account else None))
        costs = await _costs(stripe_api, change, wanted, now)
    return ChangePreview(
        step=change.step,
        instead_of=change.instead_of or visit.org.plan,
        as_of=now,
        effective_at=costs.effective_at,
        due_now_usd=usd(costs.due_now * NANOS_PER_CENT),
        next_usd=None if costs.next is None else usd(costs.next * NANOS_PER_CENT),
        next_at=costs.next_at,
        losses=losses,
    )


async def renewal(visit: Visit, stripe_api: StripeApi | None) -> RenewalShown:
    """Of the subscription that is paid for, where it goes on. Raises Conflict and Unavailable."""
    async with visit.deps.database.transaction(visit.org.id) as tx:
        account = await accounts.account_of(tx, visit.org.id)
    if stripe_api is None:
        return RenewalShown()
    with served():
        held = in_force(await _subscriptions(stripe_api, account.customer_id if account else None))
        if not held or held[0].status not in PAID_FOR or not held[0].renews:
            return RenewalShown()
        best, cents = held[0], await stripe_api.upcoming.renewal(held[0])
    return RenewalShown(plan=best.next_plan or best.plan, at=best.period_end, usd=usd(cents * NANOS_PER_CENT))


async def _subscriptions(stripe_api: StripeApi, customer: str | None) -> Sequence[Subscription]:
    """None before the first purchase, and of a customer that Stripe knows no more."""
    if customer is None or not await stripe_api.knows(customer):
        return ()
    return await stripe_api.subscriptions(customer)


async def _costs(stripe_api: StripeApi, change: Change, wanted: Plan, now: datetime) -> _Costs:
    if change.step is ChangeStep.SUBSCRIBE:
        price = await stripe_api.price_list.cents_of(wanted.id)
        return _Costs(due_now=price, next=price)
    subscription = change.subscriptions[0]
    end = subscription.period_end
    match change.step:
        case ChangeStep.SETTLE:
            owed = await stripe_api.open_invoice(subscription)
            return _Costs(due_now=0 if owed is None else owed.left)
        case ChangeStep.KEEP:
            return _Costs(next_at=end)
        case ChangeStep.RAISE:
            due = await stripe_api.upcoming.difference(subscription, wanted.id, now)
            return _Costs(due_now=due, next=await stripe_api.upcoming.renewal_as(subscription, wanted.id), next_at=end)
        case ChangeStep.LOWER:
            then = await stripe_api.upcoming.renewal_as(subscription, wanted.id)
            return _Costs(effective_at=end, next=then, next_at=end)
        case ChangeStep.END:
            ends = [one.period_end for one in change.subscriptions if one.status in IN_FORCE]
            return _Costs(effective_at=max(ends, default=now))
