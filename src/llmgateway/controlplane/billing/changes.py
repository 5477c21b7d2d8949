"""Decides what a wanted change of plan means for the subscriptions that exist. Pure, so that a preview shows what will be done."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from llmgateway.controlplane.billing.standing import OWING, kept
from llmgateway.controlplane.billing.stripe.objects import Subscription
from llmgateway.controlplane.plans.service import Plan, all_plans, plan_named
from llmgateway.errors import Conflict


class ChangeStep(StrEnum):
    """What is done about it."""

    SUBSCRIBE = "subscribe"
    """A page of Checkout."""
    SETTLE = "settle"
    """What is owed is paid first, on the page of its invoice."""
    KEEP = "keep"
    """What was planned for the period's end is off."""
    RAISE = "raise"
    """At once, when the difference is paid."""
    LOWER = "lower"
    """At the period's end."""
    END = "end"
    """At the period's end, or at once where nothing is served for it any more."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is done, and to which subscriptions, the best first; to none when a new one is made."""

    step: ChangeStep
    subscriptions: Sequence[Subscription] = ()

    @property
    def instead_of(self) -> str | None:
        """The plan of the present subscription, which is replaced."""
        return self.subscriptions[0].plan if self.subscriptions else None


def change_to(wanted: Plan, subscriptions: Sequence[Subscription]) -> Change:
    """The change to a wanted plan. Raises Conflict when there is nothing to change, or the operator must change it at Stripe."""
    held = kept(subscriptions)
    if not held:
        if wanted.price == 0:
            raise Conflict("There is no subscription to end. Ask the operator to change the plan.")
        return Change(ChangeStep.SUBSCRIBE)
    if held[0].plan not in all_plans():
        raise Conflict(
            f"Stripe has a subscription ({held[0].id}) to something that is no plan here. Ask the operator to end it there."
        )
    return Change(_step(wanted, held[0]), held)


def _step(wanted: Plan, subscription: Subscription) -> ChangeStep:
    if wanted.price == 0:
        return ChangeStep.END
    less = wanted.price < plan_named(subscription.plan).price
    if subscription.status in OWING and not (less and subscription.status == "past_due"):
        return ChangeStep.SETTLE
    if wanted.id != subscription.plan:
        return ChangeStep.LOWER if less else ChangeStep.RAISE
    if subscription.next_plan is None and subscription.ends_at is None:
        raise Conflict(f"You have the plan {wanted.id!r} already.")
    return ChangeStep.KEEP
