"""The standing of an organisation's subscription, derived from what Stripe has now. Pure, so that the order of webhooks cannot matter."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from llmgateway.controlplane.billing.stripe.objects import Subscription
from llmgateway.controlplane.plans.service import all_plans, month_from

FREE: Final = "free"
GRACE: Final = timedelta(days=7)
"""The grace period: how long a plan goes on after a failed payment, from the beginning of the unpaid period."""
REMIND_EVERY: Final = timedelta(days=3)
PAID_FOR: Final = frozenset({"active", "trialing"})
IN_FORCE: Final = PAID_FOR | {"past_due"}
OWING: Final = frozenset({"past_due", "unpaid"})
"""A payment failed; the subscription goes on once it is made."""
KEPT: Final = IN_FORCE | OWING
"""The subscription has not ended: with a second one beside it, the plan would be paid for twice."""
_BEST_FIRST: Final = (
    "past_due", "unpaid", "paused", "incomplete", "canceled", "incomplete_expired",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of a customer's subscription, and what follows from it."""

    status: str
    """Stripe's status of the subscription; `none` without one."""
    subscription_id: str | None = None
    plan: str | None = None
    """The plan that is subscribed to."""
    period_start: datetime | None = None
    """Of the billing period; of a subscription that has ended, the month after it."""
    period_end: datetime | None = None
    grace_until: datetime | None = None
    ends_at: datetime | None = None
    next_plan: str | None = None

    @property
    def is_charged_on(self) -> bool:
        """Whether the subscription is charged again: for another period, or once it is paid."""
        ends_with_period = self.ends_at is not None and self.period_end is not None and self.ends_at <= self.period_end
        return self.status in KEPT and not ends_with_period

    def granted(self, now: datetime) -> str | None:
        """The plan that the subscription grants; None when it says nothing about the plan."""
        if self.plan is None:
            return None
        if self.status in PAID_FOR:
            return self.plan
        if self.status == "past_due" and self.grace_until is not None and now < self.grace_until:
            return self.plan
        return FREE


def standing_of(subscriptions: Sequence[Subscription]) -> Standing:
    """Of all subscriptions of a customer the one that grants most, the newest of these.

    What is subscribed to under a price that is no plan's grants nothing and takes nothing, until it ends.
    """
    known = [one for one in subscriptions if one.plan in all_plans()]
    if not subscriptions:
        return Standing(status="none")
    best = min(known or subscriptions, key=_rank)
    live = best.status in IN_FORCE
    start, end = _period(best)
    return Standing(
        status=best.status,
        subscription_id=best.id,
        plan=best.plan if known else None if live else FREE,
        period_start=start,
        period_end=end,
        grace_until=best.period_start + GRACE if best.status == "past_due" else None,
        ends_at=best.ends_at if live else None,
        next_plan=best.next_plan if live else None,
    )


ENDED: Final = Standing(status="canceled", plan=FREE)
"""The standing of a customer that was deleted together with its subscriptions."""


def in_force(subscriptions: Sequence[Subscription]) -> Sequence[Subscription]:
    """The subscriptions with invoices to come, the best first. There should be at most one."""
    return sorted((one for one in subscriptions if one.status in IN_FORCE), key=_rank)


def kept(subscriptions: Sequence[Subscription]) -> Sequence[Subscription]:
    """The subscriptions that have not ended, paid or not, the best first."""
    return sorted((one for one in subscriptions if one.status in KEPT), key=_rank)


def reminders_due(grace_until: datetime, now: datetime) -> int:
    """How many reminders should have been sent by now: one at once, and one every few days of the grace."""
    return min(1 + max(0, (now - (grace_until - GRACE)) // REMIND_EVERY), 1 + GRACE // REMIND_EVERY)


def _period(subscription: Subscription) -> tuple[datetime, datetime] | tuple[None, None]:
    """What is used counts in it: what was paid for counts against no plan that comes after it.

    A subscription whose first payment failed was never one, and begins no count anew.
    """
    if subscription.status in IN_FORCE:
        return subscription.period_start, subscription.period_end
    if subscription.status == "canceled" and subscription.ended_at is not None:
        return month_from(subscription.ended_at)
    return None, None


def _rank(subscription: Subscription) -> tuple[int, Decimal, int, str]:
    """Of those that are paid for the dearest comes first; of all others the newest of the best status."""
    newest = -int(subscription.created.timestamp())
    if subscription.status in PAID_FOR:
        plan = all_plans().get(subscription.plan)
        return -1, Decimal(0) if plan is None else -plan.price, newest, subscription.id
    known = subscription.status in _BEST_FIRST
    place = _BEST_FIRST.index(subscription.status) if known else len(_BEST_FIRST)
    return place, Decimal(0), newest, subscription.id
