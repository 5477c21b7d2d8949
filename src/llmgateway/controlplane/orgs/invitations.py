"""Invitations: by mail, for a week, to one address; kept as a hash."""

import secrets
from datetime import timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.orgs import letters, members
from llmgateway.controlplane.reception.attempts import note_mail
from llmgateway.controlplane.reception.dependencies import Dependencies
from llmgateway.controlplane.reception.outbox import post
from llmgateway.controlplane.reception.permissions import OrgRole
from llmgateway.controlplane.reception.visits import Visit, check_open
from llmgateway.db.models.organisations import Invitation, Organisation
from llmgateway.db.models.users import Member, User
from llmgateway.db.session import see
from llmgateway.db.tenancy import owned
from llmgateway.errors import BadRequest, Conflict, Forbidden, NotFound
from llmgateway.kit.crypto import keyed_hash
from llmgateway.kit.ids import new_id

_LIFETIME: Final = timedelta(days=7)


async def invite(visit: Visit, email: str, role: OrgRole) -> Invitation:
    """A mail with a link. Raises Forbidden, PaymentRequired, TooMany, and Conflict for who is in, or invited, already."""
    members.check_rank(visit, role)
    await members.check_room(visit)
    await note_mail(visit.deps.store, email, visit.actor.address or "unknown")
    tx, now = visit.tx, visit.deps.clock.now()
    there = members.with_users(visit.org.id).where(User.email == email).limit(1)
    if (await tx.execute(there)).first() is not None:
        raise Conflict("Somebody with this address is in the organisation already.", param="email")
    waiting = owned(Invitation, visit.org.id).where(
        Invitation.email == email,
        Invitation.accepted_at.is_(None),
        Invitation.revoked_at.is_(None),
        Invitation.expires_at > now,
    )
    if await tx.scalar(waiting.limit(1)) is not None:
        raise Conflict("This address is invited already. Resend that invitation, or revoke it.", param="email")
    token = secrets.token_urlsafe(32)
    invitation = Invitation(
        id=new_id("inv", now),
        org_id=visit.org.id,
        email=email,
        role=role,
        token_hash=keyed_hash(visit.deps.pepper, token),
        invited_by=visit.user.id,
        created_at=now,
        expires_at=now + _LIFETIME,
    )
    tx.add(invitation)
    await tx.flush()
    await post(tx, visit.deps.clock, letters.invitation(invitation, visit, token))
    return invitation


async def resend(visit: Visit, invitation_id: str) -> Invitation:
    """Another link, good for another week; the old one is void, and who sent this stands for it. Raises NotFound, Conflict, PaymentRequired and TooMany."""
    invitation = await _open(visit, invitation_id)
    members.check_rank(visit, OrgRole(invitation.role))
    if invitation.expires_at <= visit.deps.clock.now():
        await members.check_room(visit)  # its place was free meanwhile
    await note_mail(visit.deps.store, invitation.email, visit.actor.address or "unknown")
    token = secrets.token_urlsafe(32)
    invitation.token_hash = keyed_hash(visit.deps.pepper, token)
    invitation.invited_by = visit.user.id
    invitation.expires_at = visit.deps.clock.now() + _LIFETIME
    await visit.tx.flush()
    await post(visit.tx, visit.deps.clock, letters.invitation(invitation, visit, token))
    return invitation


async def revoke(visit: Visit, invitation_id: str) -> Invitation:
    """Revoke an invitation, so that its link does not work. Raises NotFound and Conflict."""
    invitation = await _open(visit, invitation_id)
    invitation.revoked_at = visit.deps.clock.now()
    await visit.tx.flush()
    return invitation


async def find_by_token(tx: AsyncSession, deps: Dependencies, token: str) -> tuple[Invitation, Organisation]:
    """An invitation that can be accepted; from here on the transaction sees its organisation.

    Raises BadRequest, and Forbidden where the organisation takes nobody.
    """
    digest = keyed_hash(deps.pepper, token)
    org_id: str | None = await tx.scalar(select(func.find_invitation(digest)))
    if org_id is not None:
        await see(tx, org_id=org_id)
        invitation = await tx.scalar(owned(Invitation, org_id).where(Invitation.token_hash == digest).with_for_update())
        org = await tx.get_one(Organisation, org_id)
        if invitation is not None and await _holds(tx, deps, invitation):
            check_open(org)
            return invitation, org
    raise BadRequest(
        "This invitation was used, revoked, or is too old. Ask for another one.", code="invalid_token", param="token"
    )


async def _holds(tx: AsyncSession, deps: Dependencies, invitation: Invitation) -> bool:
    """Whether it is open, not expired, and its inviter could still invite to that role."""
    if invitation.accepted_at is not None or invitation.revoked_at is not None:
        return False
    inviter = await tx.scalar(owned(Member, invitation.org_id).where(Member.user_id == invitation.invited_by))
    role = None if inviter is None else OrgRole(inviter.role)
    return invitation.expires_at > deps.clock.now() and members.may_invite(role, OrgRole(invitation.role))


async def accept(
    tx: AsyncSession, deps: Dependencies, token: str, user_id: str, email: str
) -> tuple[Invitation, Organisation]:
    """The person joins. Raises BadRequest, Forbidden for another address than the invited one, and Conflict."""
    invitation, org = await find_by_token(tx, deps, token)
    if invitation.email != email:
        raise Forbidden(
            "This invitation is for another address. Log in with the address that was invited.",
            code="permission_denied",
        )
    await members.add(tx, deps.clock, org, user_id, invitation.role)
    invitation.accepted_at = deps.clock.now()
    await tx.flush()
    return invitation, org


async def _open(visit: Visit, invitation_id: str) -> Invitation:
    invitation = await visit.tx.scalar(owned(Invitation, visit.org.id).where(Invitation.id == invitation_id))
    if invitation is None:
        raise NotFound("There is no such invitation here. GET /api/v1/orgs/{org}/invitations lists them.")
    if invitation.accepted_at is not None or invitation.revoked_at is not None:
        raise Conflict("This invitation was accepted or revoked already.")
    return invitation
