"""The counter: Stripe as an installation has it, or that it has none."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from fastapi import Request

from llmgateway.controlplane.billing.stripe.asking import StripeRefused, StripeUnavailable
from llmgateway.controlplane.billing.stripe.desk import Desk, open_desk
from llmgateway.errors import Conflict, Unavailable
from llmgateway.settings import Settings

NOT_SET_UP = "This gateway takes no payments: its operator has not connected Stripe (STRIPE_SECRET_KEY), and assigns plans by hand."


@dataclass(frozen=True, slots=True)
class Counter:
    """Where payments are made."""

    desk: Desk
    webhook_secret: str | None


@asynccontextmanager
async def open_counter(settings: Settings) -> AsyncGenerator[Counter | None]:
    """Stripe, where this installation has a key for it."""
    if settings.stripe_secret_key is None:
        yield None
        return
    async with open_desk(settings.stripe_secret_key, settings.stripe_api_base) as desk:
        yield Counter(desk, settings.stripe_webhook_secret)


def counter_of(request: Request) -> Counter | None:
    """None: this installation has no Stripe."""
    counter: Counter | None = request.state.counter
    return counter


def open_desk_of(request: Request) -> Desk:
    """Raises Conflict where there is none."""
    counter = counter_of(request)
    if counter is None:
        raise Conflict(NOT_SET_UP, code="stripe_not_configured")
    return counter.desk


@contextmanager
def served(*, changes: bool = False) -> Generator[None]:
    """What Stripe says no to, or does not answer, as people are told it. Raises Conflict and Unavailable.

    What `changes` something may be done where only its answer was lost.
    """
    try:
        yield
    except StripeRefused as error:
        raise Conflict(f"Stripe says no: {error}", code="stripe_refused") from error
    except StripeUnavailable as error:
        advice = (
            "Look at your plan before you try again: it may be changed all the same."
            if changes
            else "Try again shortly."
        )
        raise Unavailable(
            f"Stripe does not answer. {advice} ({error})",
            code="stripe_unavailable",
            retry_after=10,
        ) from error
