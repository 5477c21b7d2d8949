"""/me: what people do with their own account."""

from typing import Annotated

from fastapi import APIRouter, Path

from llmgateway.controlplane.accounts import letters, mfa, service, sessions
from llmgateway.controlplane.accounts.schemas import (
    ConfirmBody,
    MfaSecret,
    NewEmailBody,
    PasswordBody,
    Profile,
    ProfileBody,
    Proof,
    RecoveryCodes,
    SessionShown,
)
from llmgateway.controlplane.accounts.tickets import TicketKind, issue
from llmgateway.controlplane.audit.service import Act, record
from llmgateway.controlplane.reception.attempts import note_code
from llmgateway.controlplane.reception.outbox import post
from llmgateway.controlplane.reception.visits import Person, SignedIn
from llmgateway.db.models.users import Login
from llmgateway.kit.pages import Page

router = APIRouter(prefix="/me", tags=["me"])


async def profile(person: Person) -> Profile:
    """A person as they see themselves."""
    login = await person.tx.get_one(Login, person.id)
    return Profile(
        id=person.id,
        email=person.user.email,
        name=person.user.name,
        email_verified=person.user.email_verified_at is not None,
        mfa=login.totp_confirmed_at is not None,
        operator=person.user.operator,
        created_at=person.user.created_at,
    )


async def _note(person: Person, action: str, target: str | None = None) -> None:
    await record(person.tx, person.deps.clock, person.actor, Act(action=action, target=target or person.id))


@router.patch("")
async def change_profile(person: SignedIn, body: ProfileBody) -> Profile:
    """Change your name."""
    person.user.name = body.name
    await _note(person, "user.change")
    return await profile(person)


@router.post("/password", status_code=204)
async def change_password(person: SignedIn, body: PasswordBody) -> None:
    """Choose another password; all other sessions end."""
    await service.check_password(person.tx, person.deps, person.id, body.current_password)
    await service.set_password(person.tx, person.deps, person.user, body.password, keep=person.session.id)
    await _note(person, "user.change_password")


@router.post("/email", status_code=202)
async def change_email(person: SignedIn, body: NewEmailBody) -> None:
    """Ask for another address; it counts once the link that is mailed to it was followed."""
    await service.check_password(person.tx, person.deps, person.id, body.password)
    await _note(person, "user.ask_email")
    if await service.find_login(person.tx, body.email) is None:
        token = await issue(person.tx, person.deps, TicketKind.EMAIL, person.id, body.email)
        await post(person.tx, person.deps.clock, letters.new_address(body.email, person.deps.address, token))


@router.get("/sessions")
async def list_sessions(person: SignedIn) -> Page[SessionShown]:
    """Where you are logged in."""
    rows = await sessions.listed(person.tx, person.deps.clock, person.id)
    return Page[SessionShown](
        data=[
            SessionShown(
                id=row.id,
                address=row.address,
                agent=row.agent,
                created_at=row.created_at,
                last_used_at=row.last_used_at,
                expires_at=row.expires_at,
                current=row.id == person.session.id,
            )
            for row in rows
        ]
    )


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(person: SignedIn, session_id: Annotated[str, Path(max_length=100)]) -> None:
    """Log out there."""
    await sessions.end(person.tx, person.deps.clock, person.id, session_id)
    await _note(person, "session.end", session_id)


@router.post("/mfa")
async def begin_mfa(person: SignedIn) -> MfaSecret:
    """A secret for an authenticator app."""
    secret, uri = await mfa.offer(person.tx, person.deps, person.user)
    return MfaSecret(secret=secret, uri=uri)


@router.post("/mfa/confirm")
async def confirm_mfa(person: SignedIn, body: ConfirmBody) -> RecoveryCodes:
    """Switch the second factor on with a code of the app."""
    await note_code(person.deps.store, person.id)
    codes = await mfa.confirm(person.tx, person.deps, person.user, body.code)
    await _note(person, "user.mfa_on")
    return RecoveryCodes(recovery_codes=codes)


@router.post("/mfa/recovery-codes")
async def renew_recovery_codes(person: SignedIn, body: Proof) -> RecoveryCodes:
    """Ten new ones; the old ones work no more."""
    codes = mfa.renew_recovery(person.deps, await _proven(person, body))
    await _note(person, "user.mfa_codes")
    return RecoveryCodes(recovery_codes=codes)


@router.post("/mfa/disable", status_code=204)
async def disable_mfa(person: SignedIn, body: Proof) -> None:
    """Switch it off."""
    mfa.switch_off(await _proven(person, body))
    await _note(person, "user.mfa_off")


async def _proven(person: Person, proof: Proof) -> Login:
    """The login of somebody who shows password and code once more. Raises Forbidden, Unauthorized and TooMany."""
    login = await service.check_password(person.tx, person.deps, person.id, proof.password)
    mfa.check(person.deps, login, proof.code)
    return login
