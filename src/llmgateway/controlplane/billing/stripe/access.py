"""Whether an installation has Stripe: opens its API where there is a key, and refuses payments where there is none."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from fastapi import Request

from llmgateway.controlplane.billing.stripe.api import StripeApi, open_stripe_api
from llmgateway.controlplane.billing.stripe.errors import StripeRefused, StripeUnavailable
from llmgateway.errors import Conflict, Unavailable
from llmgateway.settings import Settings

NOT_SET_UP = "This gateway takes no payments: its operator has not connected Stripe (STRIPE_SECRET_KEY), and assigns plans by hand."


@dataclass(frozen=True, slots=True)
class StripeAccess:
    """Stripe as this installation is connected to it."""

    api: StripeApi
    webhook_secret: str | None
    """Signs Stripe's webhooks; None where none is set, and they are refused."""


@asynccontextmanager
async def open_stripe(settings: Settings) -> AsyncGenerator[StripeAccess | None]:
    """Open Stripe's API; None without `STRIPE_SECRET_KEY`."""
    if settings.stripe_secret_key is None:
        yield None
        return
    async with open_stripe_api(settings.stripe_secret_key, settings.stripe_api_base) as stripe_api:
        yield StripeAccess(stripe_api, settings.stripe_webhook_secret)


def stripe_of(request: Request) -> StripeAccess | None:
    """Stripe, for a route (dependency); None where the installation has none."""
    stripe_access: StripeAccess | None = request.state.stripe_access
    return stripe_access


def stripe_api_of(request: Request) -> StripeApi:
    """Stripe's API, for a route (dependency). Raises Conflict where the installation has no Stripe."""
    stripe_access = stripe_of(request)
    if stripe_access is None:
        raise Conflict(NOT_SET_UP, code="stripe_not_configured")
    return stripe_access.api


@contextmanager
def served(*, changes: bool = False) -> Generator[None]:
    """Turn Stripe's refusals into Conflict and its failures into Unavailable, as the API answers them.

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
