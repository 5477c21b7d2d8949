"""/auth/signup: a person, and what they begin with; /public/settings: what the pages before a login must know."""

from typing import Literal

from fastapi import APIRouter, BackgroundTasks, Request

from llmgateway.controlplane.accounts.cookies import check_origin
from llmgateway.controlplane.onboarding import signup
from llmgateway.controlplane.onboarding.signup import SignupBody
from llmgateway.controlplane.reception.after_answer import do_after_answer
from llmgateway.controlplane.reception.attempts import note_mail
from llmgateway.controlplane.reception.bodies import Shown
from llmgateway.controlplane.reception.visits import AtHand, client_address
from llmgateway.errors import Forbidden

router = APIRouter()


class PublicSettings(Shown):
    """What anybody may know of this installation."""

    signup: Literal["on", "invite", "off"]
    version: str


@router.get("/public/settings", tags=["public"])
async def public_settings(deps: AtHand) -> PublicSettings:
    """Whether one can sign up here."""
    return PublicSettings(signup=deps.signup, version=deps.version)


@router.post("/auth/signup", status_code=202, tags=["auth"])
async def sign_up(body: SignupBody, request: Request, deps: AtHand, later: BackgroundTasks) -> None:
    """An account. The answer is the same whether the address has one already; the mail tells."""
    check_origin(request, deps)
    if deps.signup == "off" or (deps.signup == "invite" and body.invitation is None):
        raise Forbidden(
            "Signing up is not open here. Ask for an invitation."
            if deps.signup == "invite"
            else "Signing up is switched off here.",
            code="signup_closed",
        )
    address = client_address(request)
    await note_mail(deps.store, body.email, address)
    hashed = await deps.passwords.hash(body.password)
    if body.invitation is not None:
        await signup.join(deps, body, body.invitation, hashed, address)
        return
    # Hashed in any case, and what is done for a new address is done after the answer: the time tells nothing.
    known = await signup.is_known(deps, body.email)
    do_after_answer(later, signup.sign_up, deps, body, hashed, address, known=known)
