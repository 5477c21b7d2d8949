"""POST /webhooks/stripe: takes Stripe's events in, each once, if they are Stripe's and fresh."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import stripe
from fastapi import APIRouter, Depends, Header, Request

from llmgateway.controlplane.billing.stripe.access import NOT_SET_UP, StripeAccess, stripe_of
from llmgateway.controlplane.billing.stripe.objects import Event
from llmgateway.controlplane.billing.stripe.reading import event_of
from llmgateway.controlplane.billing.stripe_events.hints import note
from llmgateway.controlplane.reception.attempts import note_unauthenticated
from llmgateway.controlplane.reception.visits import AtHand, client_address
from llmgateway.errors import BadRequest

router = APIRouter(tags=["billing"])

_OFF: Final = timedelta(minutes=5)


@router.post("/webhooks/stripe", status_code=204)
async def stripe_webhook(
    request: Request,
    deps: AtHand,
    stripe_access: Annotated[StripeAccess | None, Depends(stripe_of)],
    stripe_signature: Annotated[str, Header(max_length=2000)] = "",
) -> None:
    """For Stripe alone. An event is a hint: a job looks at what it names."""
    if stripe_access is None or stripe_access.webhook_secret is None:
        await note_unauthenticated(deps.store, client_address(request))
        raise BadRequest(
            NOT_SET_UP if stripe_access is None else "STRIPE_WEBHOOK_SECRET is not set: no event can be checked.",
            code="stripe_not_configured",
        )
    try:
        event = _checked(await request.body(), stripe_signature, stripe_access.webhook_secret, deps.clock.now())
    except BadRequest:
        await note_unauthenticated(deps.store, client_address(request))
        raise
    if event is None:
        return
    async with deps.database.transaction() as tx:
        await note(tx, deps.clock, event)


def _checked(body: bytes, signature: str, secret: str, now: datetime) -> Event | None:
    """As event_of. Raises BadRequest for what is not signed, signed by somebody else, too old, or no event."""
    try:
        # The age is checked against our own clock below.
        stripe.WebhookSignature.verify_header(body.decode(), signature, secret)  # pyright: ignore[reportUnknownMemberType] `tolerance` has no type there
        signed = _signed_at(signature)
        read: Any = json.loads(body)
        event = event_of(read)
    except stripe.SignatureVerificationError as error:
        raise BadRequest("This is not signed with our secret.", code="invalid_signature") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise BadRequest("This is no event of Stripe's.", code="invalid_signature") from error
    if now - signed > _OFF:
        raise BadRequest("The signature is older than five minutes. Send it anew.", code="invalid_signature")
    if signed - now > _OFF:
        raise BadRequest("The signature is of a time to come. Set the clocks.", code="invalid_signature")
    return event


def _signed_at(signature: str) -> datetime:
    stamps = [part.removeprefix("t=") for part in signature.split(",") if part.startswith("t=")]
    return datetime.fromtimestamp(int(stamps[0]), UTC)
