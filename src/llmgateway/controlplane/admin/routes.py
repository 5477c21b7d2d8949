"""/admin: for those who run the installation; to everybody else it does not exist."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from llmgateway.controlplane.admin import service
from llmgateway.controlplane.admin.schemas import AdminChange, AdminOrg, AdminOrgDetail, Figures
from llmgateway.controlplane.reception.listing import PageWish, newest_first
from llmgateway.controlplane.reception.visits import Actor, Operator
from llmgateway.db.models.organisations import Organisation
from llmgateway.kit.pages import Page, page_of

router = APIRouter(prefix="/admin", tags=["admin"])

OrgId = Annotated[str, Path(max_length=100)]


@router.get("/orgs")
async def admin_orgs(
    operator: Operator,
    paging: PageWish,
    q: Annotated[str | None, Query(max_length=100, description="An id, or the beginning of a name.")] = None,
    plan: Annotated[str | None, Query(max_length=50)] = None,
) -> Page[AdminOrg]:
    """Every organisation, newest first."""
    async with operator.rooms.admin.transaction() as tx:
        rows = await newest_first(tx, service.organisations(q, plan), Organisation.id, paging)
    return page_of(rows, paging.limit, service.shown, lambda row: row[0].id)


@router.get("/orgs/{org_id}")
async def admin_org(operator: Operator, org_id: OrgId) -> AdminOrgDetail:
    """One organisation, with what it used this month."""
    async with operator.rooms.admin.transaction() as tx:
        org = await service.find(tx, org_id)
        month = await service.month_usage(tx, operator.rooms.clock, org.id)
    return AdminOrgDetail(**org.model_dump(), month=month)


@router.patch("/orgs/{org_id}")
async def admin_change_org(operator: Operator, org_id: OrgId, body: AdminChange) -> AdminOrgDetail:
    """Assign a plan, suspend, or let go on; every process knows at once."""
    actor = Actor(id=operator.id, kind="operator", address=operator.actor.address)
    async with operator.rooms.admin.transaction() as tx:
        await service.change(tx, operator.rooms.clock, actor, org_id, body)
    return await admin_org(operator, org_id)


@router.get("/figures")
async def admin_figures(operator: Operator) -> Figures:
    """Organisations by plan, monthly recurring revenue, churn and this month's usage."""
    async with operator.rooms.admin.transaction() as tx:
        return await service.figures(tx, operator.rooms.clock)
