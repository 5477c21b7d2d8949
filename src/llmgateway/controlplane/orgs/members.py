"""The members of an organisation and their roles. The last owner cannot leave."""

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.plans.service import plan_named
from llmgateway.controlplane.reception.dependencies import MemberLeft
from llmgateway.controlplane.reception.permissions import ROLES, OrgRole, Permission, outranks
from llmgateway.controlplane.reception.visits import Visit
from llmgateway.db.models.organisations import Invitation, Organisation
from llmgateway.db.models.users import Member, User
from llmgateway.db.tenancy import owned
from llmgateway.errors import Conflict, Forbidden, NotFound, PaymentRequired
from llmgateway.kit.clock import Clock


def with_users(org_id: str) -> Select[Member, User]:
    """The members of an organisation, each with their profile."""
    return select(Member, User).join(User, User.id == Member.user_id).where(Member.org_id == org_id)


async def find(visit: Visit, user_id: str) -> Member:
    """Raises NotFound."""
    member = await visit.tx.scalar(owned(Member, visit.org.id).where(Member.user_id == user_id))
    if member is None:
        raise NotFound("There is no such member here. GET /api/v1/orgs/{org}/members lists them.")
    return member


async def change_role(visit: Visit, user_id: str, role: OrgRole) -> Member:
    """Raises NotFound, Forbidden (owners are made and unmade by owners) and Conflict (the last owner)."""
    await _lock(visit.tx, visit.org.id)
    member = await find(visit, user_id)
    check_rank(visit, role)
    check_rank(visit, OrgRole(member.role))
    if member.role == OrgRole.OWNER and role is not OrgRole.OWNER:
        await _check_another_owner(visit, user_id)
    member.role = role
    await visit.tx.flush()
    await _end_invitations(visit, user_id, role)
    return member


async def remove(visit: Visit, user_id: str) -> None:
    """Remove a member; their keys and invitations end. Raises NotFound, Forbidden and Conflict."""
    await _lock(visit.tx, visit.org.id)
    member = await find(visit, user_id)
    if user_id != visit.user.id:
        check_rank(visit, OrgRole(member.role))
    if member.role == OrgRole.OWNER:
        await _check_another_owner(visit, user_id)
    await visit.tx.delete(member)
    await visit.tx.flush()
    await _end_invitations(visit, user_id, None)
    for handle in visit.deps.events.member_left:
        await handle(visit.tx, visit.deps.clock, MemberLeft(org_id=visit.org.id, user_id=user_id))


async def transfer(visit: Visit, user_id: str) -> None:
    """Another member becomes owner, the owner who asks becomes admin. Raises NotFound and Conflict."""
    if user_id == visit.user.id:
        raise Conflict("You own this organisation already.")
    await _lock(visit.tx, visit.org.id)
    successor, owner = await find(visit, user_id), await find(visit, visit.user.id)
    successor.role, owner.role = OrgRole.OWNER, OrgRole.ADMIN
    await visit.tx.flush()
    await _end_invitations(visit, owner.user_id, OrgRole.ADMIN)


async def add(tx: AsyncSession, clock: Clock, org: Organisation, user_id: str, role: str) -> None:
    """Add a member. Raises Conflict for somebody who is one already, and PaymentRequired where the plan is a smaller one since."""
    if await tx.scalar(owned(Member, org.id).where(Member.user_id == user_id)) is not None:
        raise Conflict("You are in this organisation already.")
    most = plan_named(org.plan).members
    if most is not None and await _count(tx, org.id) >= most:
        raise PaymentRequired(
            f"The plan {org.plan} has room for {most} members, and as many are in. Ask an owner to make room, or for a larger plan.",
            code="plan_limit",
        )
    tx.add(Member(org_id=org.id, user_id=user_id, role=role, created_at=clock.now()))
    await tx.flush()


async def check_room(visit: Visit) -> None:
    """Raise PaymentRequired when the plan has no room for one more member; open invitations count."""
    most = plan_named(visit.org.plan).members
    if most is None:
        return
    await _lock(visit.tx, visit.org.id)
    waiting = (
        select(func.count())
        .select_from(Invitation)
        .where(
            Invitation.org_id == visit.org.id,
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
            Invitation.expires_at > visit.deps.clock.now(),
        )
    )
    if await _count(visit.tx, visit.org.id) + (await visit.tx.scalar(waiting) or 0) >= most:
        raise PaymentRequired(
            f"The plan {visit.org.plan} has room for {most} members, open invitations included. "
            "Revoke one, or choose a larger plan.",
            code="plan_limit",
        )


def may_invite(role: OrgRole | None, invited: OrgRole) -> bool:
    """Whether a member of this role may invite to another; None is no member any more."""
    return role is not None and Permission.MEMBERS_WRITE in ROLES[role] and outranks(role, invited)


def check_rank(visit: Visit, role: OrgRole) -> None:
    """Raise Forbidden when only an owner may give, change or take the role."""
    if not outranks(visit.role, role):
        raise Forbidden("Only an owner makes, changes or removes an owner.", code="permission_denied")


async def _end_invitations(visit: Visit, user_id: str, role: OrgRole | None) -> None:
    """Revoke the open invitations of a member whose new role, or None, could not make them."""
    theirs = owned(Invitation, visit.org.id).where(
        Invitation.invited_by == user_id, Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None)
    )
    for invitation in (await visit.tx.scalars(theirs)).all():
        if not may_invite(role, OrgRole(invitation.role)):
            invitation.revoked_at = visit.deps.clock.now()
    await visit.tx.flush()


async def _count(tx: AsyncSession, org_id: str) -> int:
    return await tx.scalar(select(func.count()).where(Member.org_id == org_id)) or 0


async def _lock(tx: AsyncSession, org_id: str) -> None:
    """Lock the organisation, so that one transaction at a time changes its members and counts hold."""
    await tx.execute(select(Organisation.id).where(Organisation.id == org_id).with_for_update())


async def _check_another_owner(visit: Visit, user_id: str) -> None:
    others = owned(Member, visit.org.id).where(Member.role == OrgRole.OWNER, Member.user_id != user_id).limit(1)
    if await visit.tx.scalar(others) is None:
        raise Conflict("This is the last owner. Make somebody else an owner first.", code="last_owner")
