"""/admin: for those who run the installation; to everybody else it does not exist."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.admin import credit, service
from llmgateway.controlplane.admin.schemas import AdminChange, AdminOrg, AdminOrgDetail, BusinessFigures, CreditGrant
from llmgateway.controlplane.audit import service as audit
from llmgateway.controlplane.audit.routes import trail
from llmgateway.controlplane.audit.schemas import AuditWish, OperatorEntry
from llmgateway.controlplane.audit.service import Act
from llmgateway.controlplane.billing.stripe.access import StripeAccess, stripe_of
from llmgateway.controlplane.reception.listing import PageWish, newest_first
from llmgateway.controlplane.reception.visits import Actor, Operator, Person
from llmgateway.controlplane.usage import summary_file
from llmgateway.controlplane.usage.schemas import OverallWish, Summary
from llmgateway.controlplane.usage.summary import summary_of
from llmgateway.db.models.organisations import Organisation
from llmgateway.kit.pages import Page, page_of

router = APIRouter(prefix="/admin", tags=["admin"])

OrgId = Annotated[str, Path(max_length=100)]


@router.get("/orgs")
async def admin_orgs(
    operator: Operator,
    paging: PageWish,
    q: Annotated[
        str | None, Query(max_length=100, description="An id, the beginning of a slug, or a part of a name.")
    ] = None,
    plan: Annotated[str | None, Query(max_length=50)] = None,
) -> Page[AdminOrg]:
    """Every organisation, newest first."""
    async with operator.deps.admin.transaction() as tx:
        rows = await newest_first(tx, service.organisations(q, plan), Organisation.id, paging)
        await _note(tx, operator, Act(action="operator.list", after={"q": q, "plan": plan}))
    return page_of(rows, paging.limit, service.shown, lambda row: row[0].id)


@router.get("/orgs/{org_id}")
async def admin_org(operator: Operator, org_id: OrgId) -> AdminOrgDetail:
    """One organisation, with what it used this month. That an operator looked is in its trail."""
    async with operator.deps.admin.transaction() as tx:
        org = await service.detail(tx, operator.deps.clock, org_id)
        await _note(tx, operator, Act(action="operator.look", org_id=org.id, target=org.id))
    return org


@router.patch("/orgs/{org_id}")
async def admin_change_org(operator: Operator, org_id: OrgId, body: AdminChange) -> AdminOrgDetail:
    """Assign a plan, suspend, or let go on; every process knows at once."""
    async with operator.deps.admin.transaction() as tx:
        await service.change(tx, operator.deps.clock, _actor(operator), org_id, body)
        return await service.detail(tx, operator.deps.clock, org_id)


@router.post("/orgs/{org_id}/credit", status_code=201)
async def admin_give_credit(operator: Operator, org_id: OrgId, body: CreditGrant) -> AdminOrgDetail:
    """Give credit that was not bought here, or take it back; each `reference` is booked once."""
    async with operator.deps.admin.transaction() as tx:
        org = await service.find(tx, org_id)
        await credit.give(tx, operator.deps.clock, _actor(operator), org.id, body)
        return await service.detail(tx, operator.deps.clock, org.id)


@router.get("/figures")
async def admin_figures(
    operator: Operator, stripe_access: Annotated[StripeAccess | None, Depends(stripe_of)]
) -> BusinessFigures:
    """Organisations by plan, monthly recurring revenue, churn and this month's usage."""
    async with operator.deps.admin.transaction() as tx:
        await _note(tx, operator, Act(action="operator.figures"))
        return await service.figures(tx, operator.deps.clock, takes_payments=stripe_access is not None)


@router.get("/usage", response_model=Summary, responses=summary_file.DOCUMENTED)
async def admin_usage(operator: Operator, wish: Annotated[OverallWish, Query()]) -> Summary | Response:
    """Figures of all organisations, a row for each or by what they were for, as those of one are at /orgs/{org}/usage/summary."""
    async with operator.deps.admin.transaction() as tx:
        found = await summary_of(tx, None, wish, operator.deps.clock.now())
        asked = {"by": wish.by, "from": found.since, "to": found.until}
        await _note(tx, operator, Act(action="operator.usage", after=asked))
    return found if wish.format == "json" else summary_file.file_of(found)


@router.get(
    "/audit",
    response_model=Page[OperatorEntry],
    responses={200: {"content": {"text/csv": {}, "application/x-ndjson": {}}}},
)
async def admin_audit(
    operator: Operator, paging: PageWish, wish: Annotated[AuditWish, Query()]
) -> Page[OperatorEntry] | Response:
    """What operators did and looked at, in every organisation, newest first; as `jsonl` or `csv` all of it in one file."""
    async with operator.deps.admin.transaction() as tx:
        query = audit.matching(audit.of_operators(), wish)
        return await trail(tx, query, paging, wish.format, OperatorEntry)


async def _note(tx: AsyncSession, operator: Person, act: Act) -> None:
    await audit.record(tx, operator.deps.clock, _actor(operator), act)


def _actor(operator: Person) -> Actor:
    return Actor(id=operator.id, kind=audit.OPERATOR, address=operator.actor.address)
