"""/orgs/{org}/members and /invitations: who is in, who may come."""

from typing import Annotated

from fastapi import APIRouter, Path

from llmgateway.controlplane.audit.service import Act, note, record
from llmgateway.controlplane.orgs import invitations, members
from llmgateway.controlplane.orgs.routes import shown
from llmgateway.controlplane.orgs.schemas import (
    Acceptance,
    InvitationSeen,
    InvitationShown,
    MemberShown,
    NewInvitation,
    OrgShown,
    RoleChange,
)
from llmgateway.controlplane.reception.listing import PageWish, newest_first
from llmgateway.controlplane.reception.permissions import OrgRole, Permission
from llmgateway.controlplane.reception.visits import AtHand, Requires, SignedIn, Transaction, Visit
from llmgateway.db.models.organisations import Invitation
from llmgateway.db.models.users import Member, User
from llmgateway.db.tenancy import owned
from llmgateway.kit.pages import Page, page_of

router = APIRouter(tags=["people"])

UserId = Annotated[str, Path(max_length=100)]
InvitationId = Annotated[str, Path(max_length=100)]


@router.get("/orgs/{org}/members")
async def list_members(
    visit: Annotated[Visit, Requires(Permission.MEMBERS_READ)], paging: PageWish
) -> Page[MemberShown]:
    """Who is in, newest account first."""
    rows = await newest_first(visit.tx, members.with_users(visit.org.id), Member.user_id, paging)
    return page_of(rows, paging.limit, lambda row: _member(row[0], row[1]), lambda row: row[0].user_id)


@router.patch("/orgs/{org}/members/{user_id}")
async def change_member(
    visit: Annotated[Visit, Requires(Permission.MEMBERS_WRITE)], user_id: UserId, body: RoleChange
) -> MemberShown:
    """Give somebody another role."""
    before = (await members.find(visit, user_id)).role
    member = await members.change_role(visit, user_id, body.role)
    await note(visit, "member.change", user_id, before={"role": before}, after={"role": body.role})
    return _member(member, await visit.tx.get_one(User, user_id))


@router.delete("/orgs/{org}/members/{user_id}", status_code=204)
async def remove_member(visit: Annotated[Visit, Requires(Permission.MEMBERS_WRITE)], user_id: UserId) -> None:
    """Take somebody out; their keys end."""
    await members.remove(visit, user_id)
    await note(visit, "member.remove", user_id)


@router.get("/orgs/{org}/invitations")
async def list_invitations(
    visit: Annotated[Visit, Requires(Permission.MEMBERS_READ)], paging: PageWish
) -> Page[InvitationShown]:
    """All of them, newest first."""
    rows = [row for (row,) in await newest_first(visit.tx, owned(Invitation, visit.org.id), Invitation.id, paging)]
    return page_of(rows, paging.limit, InvitationShown.model_validate, lambda row: row.id)


@router.post("/orgs/{org}/invitations", status_code=201)
async def invite(visit: Annotated[Visit, Requires(Permission.MEMBERS_WRITE)], body: NewInvitation) -> InvitationShown:
    """Mail somebody a link; they need not have an account yet."""
    invitation = await invitations.invite(visit, body.email, body.role)
    await note(visit, "invitation.create", invitation.id, after={"role": body.role})
    return InvitationShown.model_validate(invitation)


@router.post("/orgs/{org}/invitations/{invitation_id}/resend")
async def resend_invitation(
    visit: Annotated[Visit, Requires(Permission.MEMBERS_WRITE)], invitation_id: InvitationId
) -> InvitationShown:
    """Mail another link; the first is void."""
    invitation = await invitations.resend(visit, invitation_id)
    await note(visit, "invitation.resend", invitation.id)
    return InvitationShown.model_validate(invitation)


@router.delete("/orgs/{org}/invitations/{invitation_id}", status_code=204)
async def revoke_invitation(
    visit: Annotated[Visit, Requires(Permission.MEMBERS_WRITE)], invitation_id: InvitationId
) -> None:
    """Its link leads nowhere any more."""
    await invitations.revoke(visit, invitation_id)
    await note(visit, "invitation.revoke", invitation_id)


@router.post("/invitations/look")
async def look_at_invitation(body: Acceptance, deps: AtHand, tx: Transaction) -> InvitationSeen:
    """What the link of an invitation's mail leads to; 400 when it does not work any more."""
    invitation, org = await invitations.find_by_token(tx, deps, body.token)
    return InvitationSeen(
        organisation=org.name, email=invitation.email, role=OrgRole(invitation.role), expires_at=invitation.expires_at
    )


@router.post("/invitations/accept")
async def accept_invitation(person: SignedIn, body: Acceptance) -> OrgShown:
    """Join with what the invitation's mail carried. Who has no account signs up with it instead."""
    invitation, org = await invitations.accept(person.tx, person.deps, body.token, person.id, person.user.email)
    act = Act(action="invitation.accept", org_id=org.id, target=invitation.id, after={"role": invitation.role})
    await record(person.tx, person.deps.clock, person.actor, act)
    return shown(org)


def _member(member: Member, user: User) -> MemberShown:
    return MemberShown(
        user_id=user.id, email=user.email, name=user.name, role=OrgRole(member.role), joined_at=member.created_at
    )
