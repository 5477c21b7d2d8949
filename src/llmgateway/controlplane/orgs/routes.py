"""/me and /orgs: organisations, and what their owners do with them."""

from typing import Annotated

from fastapi import APIRouter, Query

from llmgateway.controlplane.accounts.me_routes import profile
from llmgateway.controlplane.audit.service import Act, note, record
from llmgateway.controlplane.orgs import members, service
from llmgateway.controlplane.orgs.schemas import Deletion, Me, MyOrg, NewOrg, OrgChange, OrgShown, Transfer
from llmgateway.controlplane.plans.service import plan_named
from llmgateway.controlplane.reception.budgets import budget_changes, budgets_shown
from llmgateway.controlplane.reception.permissions import ROLES, OrgRole, Permission
from llmgateway.controlplane.reception.visits import Person, Requires, SignedIn, Visit
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.session import see
from llmgateway.errors import Conflict

router = APIRouter(tags=["organisations"])

_MOST_ORGS = 50


@router.get("/me", tags=["me"])
async def me(person: SignedIn) -> Me:
    """You, and the organisations you are in."""
    mine = await service.of_person(person.tx, person.id)
    return Me(user=await profile(person), orgs=[_mine(org, role) for org, role in mine])


@router.post("/orgs", status_code=201)
async def create_org(person: SignedIn, body: NewOrg) -> OrgShown:
    """A new organisation that you own."""
    if len(await service.of_person(person.tx, person.id)) >= _MOST_ORGS:
        raise Conflict(f"You are in {_MOST_ORGS} organisations, the most that one person can be in.")
    org_id = service.new_org_id(person.deps.clock)
    await see(person.tx, org_id=org_id, user_id=person.id)
    org = await service.create(
        person.tx, person.deps.clock, body.name, person.deps.new_org_plan, person.id, org_id=org_id
    )
    await _note_made(person, org)
    return shown(org)


@router.get("/orgs/{org}")
async def get_org(visit: Annotated[Visit, Requires(Permission.ORG_READ)]) -> OrgShown:
    """One organisation."""
    return shown(visit.org)


@router.patch("/orgs/{org}")
async def change_org(visit: Annotated[Visit, Requires(Permission.ORG_WRITE)], body: OrgChange) -> OrgShown:
    """Change its name, slug, cache or budgets; a cache of null goes back to the default, budgets of null are none."""
    given = body.model_dump(exclude_unset=True, exclude={"budgets"})
    columns = {name: value for name, value in given.items() if value is not None or name not in {"name", "slug"}}
    if "budgets" in body.model_fields_set:
        columns |= budget_changes(visit.org, body.budgets)
    before = shown(visit.org).model_dump(mode="json")
    for name, value in columns.items():
        setattr(visit.org, name, value)
    await service.changed(visit)
    after = shown(visit.org)
    new = {name: value for name, value in after.model_dump(mode="json").items() if value != before[name]}
    await note(visit, "org.change", visit.org.id, before={name: before[name] for name in new}, after=new)
    return after


@router.delete("/orgs/{org}")
async def delete_org(
    visit: Annotated[Visit, Requires(Permission.ORG_DELETE)], wish: Annotated[Deletion, Query()]
) -> OrgShown:
    """Stop all its keys at once and delete it in 30 days; until then it can be restored."""
    await service.close(visit, give_up_credit=wish.give_up_credit)
    await note(visit, "org.delete", visit.org.id, after={"deletes_at": visit.org.deletes_at})
    return shown(visit.org)


@router.post("/orgs/{org}/restore")
async def restore_org(visit: Annotated[Visit, Requires(Permission.ORG_DELETE)]) -> OrgShown:
    """Take a deletion back."""
    await service.restore(visit)
    await note(visit, "org.restore", visit.org.id)
    return shown(visit.org)


@router.post("/orgs/{org}/transfer", status_code=204)
async def transfer_org(visit: Annotated[Visit, Requires(Permission.ORG_DELETE)], body: Transfer) -> None:
    """Make another member the owner; you become an admin."""
    await members.transfer(visit, body.user_id)
    await note(visit, "org.transfer", body.user_id, before={"owner": visit.user.id}, after={"owner": body.user_id})


@router.post("/orgs/{org}/leave", status_code=204)
async def leave_org(visit: Annotated[Visit, Requires(Permission.ORG_LEAVE)]) -> None:
    """Go. Your keys end; the last owner cannot go."""
    await members.remove(visit, visit.user.id)
    await note(visit, "member.leave", visit.user.id, before={"role": visit.role})


def shown(org: Organisation) -> OrgShown:
    """As the API shows it."""
    plan = plan_named(org.plan)
    return OrgShown(
        id=org.id,
        slug=org.slug,
        name=org.name,
        plan=org.plan,
        created_at=org.created_at,
        suspended_at=org.suspended_at,
        deletes_at=org.deletes_at,
        cache_seconds=org.cache_seconds,
        budgets=budgets_shown(org),
        rates=plan.rates,
        key_rates=plan.key_rates,
    )


def _mine(org: Organisation, role: OrgRole) -> MyOrg:
    return MyOrg(
        id=org.id,
        slug=org.slug,
        name=org.name,
        plan=org.plan,
        role=role,
        permissions=sorted(ROLES[role]),
        suspended_at=org.suspended_at,
        deletes_at=org.deletes_at,
    )


async def _note_made(person: Person, org: Organisation) -> None:
    act = Act(action="org.create", org_id=org.id, target=org.id, after={"name": org.name, "plan": org.plan})
    await record(person.tx, person.deps.clock, person.actor, act)
