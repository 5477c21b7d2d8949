"""/auth: logging in and out, and what mails lead to."""

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Body, Header, Request, Response

from llmgateway.controlplane.accounts import mfa, service, sessions
from llmgateway.controlplane.accounts.cookies import COOKIE, check_origin, hand_out, take_back
from llmgateway.controlplane.accounts.schemas import (
    EmailBody,
    LoginBody,
    LogoutBody,
    RefreshBody,
    ResetBody,
    TokenBody,
    Tokens,
)
from llmgateway.controlplane.accounts.tickets import TicketKind, redeem
from llmgateway.controlplane.audit.service import Act, record
from llmgateway.controlplane.reception.after_answer import do_after_answer
from llmgateway.controlplane.reception.attempts import login_attempt, note_mail
from llmgateway.controlplane.reception.dependencies import Dependencies
from llmgateway.controlplane.reception.visits import Actor, AtHand, Transaction, bearer, client_address, identify
from llmgateway.db.models.users import Login, User
from llmgateway.errors import Forbidden, Unauthorized

router = APIRouter(prefix="/auth", tags=["auth"])

_WRONG = "The e-mail address or the password is not right."
_ENDED = "This session has ended. Log in again."


@router.post("/login", response_model_exclude_none=True)
async def login(body: LoginBody, request: Request, response: Response, deps: AtHand) -> Tokens:
    """Log in. The refresh token comes as a cookie, or in the body with `token_transport: body`."""
    check_origin(request, deps)
    async with login_attempt(deps.store, body.email, client_address(request)) as attempt:
        try:
            pair = await _begin(deps, body, request)
        except Unauthorized as refused:
            attempt.forgiven = refused.code == mfa.REQUIRED  # the password was right
            raise
        attempt.forgiven = True
    return hand_out(pair, response, deps, in_body=body.refresh_in_body)


async def _begin(deps: Dependencies, body: LoginBody, request: Request) -> sessions.TokenPair:
    """A session for whoever has password and code. Raises Unauthorized and Forbidden."""
    found = await _find(deps, body.email)
    # Checked outside any transaction, and as long for an address that nobody has.
    if not await deps.passwords.matches(body.password, found.password_hash if found else None) or found is None:
        raise Unauthorized(_WRONG, code="invalid_credentials")
    if not found.verified:
        raise Forbidden(
            "Confirm your address first, with the link that was mailed to you. POST /api/v1/auth/verify/resend sends another.",
            code="email_not_verified",
        )
    address = client_address(request)
    async with deps.database.transaction(user_id=found.user_id) as tx:
        mfa.check(deps, await tx.get_one(Login, found.user_id, with_for_update=True), body.code)
        pair = await sessions.begin(tx, deps, found.user_id, address, request.headers.get("user-agent", ""))
        actor = Actor(id=found.user_id, address=address)
        await record(tx, deps.clock, actor, Act(action="session.begin", target=pair.session_id))
    return pair


@router.post("/refresh", response_model_exclude_none=True)
async def refresh(
    request: Request,
    response: Response,
    deps: AtHand,
    body: Annotated[RefreshBody | None, Body()] = None,
    idempotency_key: Annotated[str | None, Header(min_length=16, max_length=200)] = None,
) -> Tokens:
    """The next pair of tokens. A refresh token works once; the second use of one ends its session.

    With an `Idempotency-Key` of your own (random, a new one for each refresh) a refresh whose answer was lost may be
    repeated for ten minutes.
    """
    given = body.refresh_token if body else None
    if given is None:
        check_origin(request, deps)
    token = given or request.cookies.get(COOKIE)
    if token is None:
        raise Unauthorized("There is no refresh token. Log in.", code="invalid_token")
    async with deps.database.transaction() as tx:
        pair = await sessions.refresh(tx, deps, token, idempotency_key)
    if pair is None:
        raise Unauthorized(_ENDED, code="invalid_token")
    return hand_out(pair, response, deps, in_body=given is not None)


@router.post("/logout", status_code=204)
async def logout(
    request: Request,
    response: Response,
    deps: AtHand,
    tx: Transaction,
    body: Annotated[LogoutBody | None, Body()] = None,
) -> None:
    """End this session, or all of them with `everywhere`; by access token, refresh token or cookie."""
    check_origin(request, deps)
    wish = body or LogoutBody()
    token = wish.refresh_token or request.cookies.get(COOKIE)
    if bearer(request) is not None or token is None:
        session = (await identify(request, deps, tx)).session
    else:
        found = await sessions.of_refresh(tx, deps, token)
        if found is None:
            raise Unauthorized(_ENDED, code="invalid_token")
        session = found
    if wish.everywhere:
        await sessions.end_all(tx, deps.clock, session.user_id)
    else:
        await sessions.end(tx, deps.clock, session.user_id, session.id)
    actor = Actor(id=session.user_id, address=client_address(request))
    action = "session.end_all" if wish.everywhere else "session.end"
    await record(tx, deps.clock, actor, Act(action=action, target=session.id))
    take_back(response)


@router.post("/verify", status_code=204)
async def verify(body: TokenBody, request: Request, deps: AtHand, tx: Transaction) -> None:
    """Confirm an address with what was mailed to it."""
    ticket = await redeem(tx, deps, body.token, TicketKind.VERIFY, TicketKind.EMAIL)
    user = await service.redeem_address(tx, deps, ticket)
    actor = Actor(id=user.id, address=client_address(request))
    await record(tx, deps.clock, actor, Act(action="user.verify_email", target=user.id))


@router.post("/verify/resend", status_code=202)
async def resend_verification(body: EmailBody, request: Request, deps: AtHand, later: BackgroundTasks) -> None:
    """Mail the confirmation again, if the address waits for one. The answer is always the same."""
    await note_mail(deps.store, body.email, client_address(request))
    found = await _find(deps, body.email)
    if found is not None and not found.verified:
        do_after_answer(later, service.mail_verification, deps, found.user_id, body.email)


@router.post("/forgot", status_code=202)
async def forgot(body: EmailBody, request: Request, deps: AtHand, later: BackgroundTasks) -> None:
    """Mail a link for a new password, if somebody has this address. The answer is always the same."""
    await note_mail(deps.store, body.email, client_address(request))
    found = await _find(deps, body.email)
    if found is not None:
        do_after_answer(later, service.mail_reset, deps, found.user_id, body.email)


async def _find(deps: Dependencies, email: str) -> service.FoundLogin | None:
    """All that is done for an address before the answer leaves: what somebody's takes more comes later, so that the time tells nothing."""
    async with deps.database.transaction() as tx:
        return await service.find_login(tx, email)


@router.post("/reset", status_code=204)
async def reset(body: ResetBody, request: Request, deps: AtHand, tx: Transaction) -> None:
    """Choose a new password with what was mailed; every session ends."""
    ticket = await redeem(tx, deps, body.token, TicketKind.RESET)
    user = await tx.get_one(User, ticket.user_id)
    user.email_verified_at = user.email_verified_at or deps.clock.now()
    await service.set_password(tx, deps, user, body.password, keep=None)
    actor = Actor(id=user.id, address=client_address(request))
    await record(tx, deps.clock, actor, Act(action="user.reset_password", target=user.id))
