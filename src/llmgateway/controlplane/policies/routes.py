"""/orgs/{org}/routes and /policy."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from llmgateway.controlplane.audit.service import note
from llmgateway.controlplane.policies import service
from llmgateway.controlplane.policies.schemas import Alias, PolicyChange, PolicyShown, RouteBody, RouteShown
from llmgateway.controlplane.reception.listing import PageWish, newest_first
from llmgateway.controlplane.reception.permissions import Permission
from llmgateway.controlplane.reception.visits import Requires, Visit
from llmgateway.db.models.routes import Route
from llmgateway.db.tenancy import owned
from llmgateway.kit.pages import Page, page_of

router = APIRouter(prefix="/orgs/{org}", tags=["routes"])

AliasPath = Annotated[Alias, Path(description="The name that requests ask for.")]


@router.get("/routes")
async def list_routes(visit: Annotated[Visit, Requires(Permission.ROUTES_READ)], paging: PageWish) -> Page[RouteShown]:
    """The organisation's own aliases, newest first."""
    rows = [row for (row,) in await newest_first(visit.tx, owned(Route, visit.org.id), Route.id, paging)]
    return page_of(rows, paging.limit, _shown, lambda row: row.id)


@router.get("/routes/{alias}")
async def get_route(visit: Annotated[Visit, Requires(Permission.ROUTES_READ)], alias: AliasPath) -> RouteShown:
    """One of them."""
    return _shown(await service.get(visit, alias))


@router.put("/routes/{alias}", responses={201: {"model": RouteShown}})
async def put_route(
    visit: Annotated[Visit, Requires(Permission.ROUTES_WRITE)], alias: AliasPath, body: RouteBody, response: Response
) -> RouteShown:
    """Say what a name stands for; every process knows at once."""
    route, before = await service.put(visit, alias, body)
    await note(visit, "route.put", alias, before=before, after=route.definition)
    response.status_code = 201 if before is None else 200
    return _shown(route)


@router.delete("/routes/{alias}", status_code=204)
async def remove_route(visit: Annotated[Visit, Requires(Permission.ROUTES_WRITE)], alias: AliasPath) -> None:
    """The name means again what it meant before."""
    route = await service.remove(visit, alias)
    await note(visit, "route.remove", alias, before=route.definition)


@router.get("/policy", tags=["policy"])
async def get_policy(visit: Annotated[Visit, Requires(Permission.POLICY_READ)]) -> PolicyShown:
    """What all keys are held to."""
    return PolicyShown.model_validate(visit.org.policy)


@router.patch("/policy", tags=["policy"])
async def change_policy(visit: Annotated[Visit, Requires(Permission.POLICY_WRITE)], body: PolicyChange) -> PolicyShown:
    """Change what is given, in every process at once."""
    before = dict(visit.org.policy)
    after = await service.change_policy(visit, body)
    await note(visit, "policy.change", visit.org.id, before=before, after=visit.org.policy)
    return after


def _shown(route: Route) -> RouteShown:
    body = RouteBody.model_validate(
        route.definition, extra="ignore"
    )  # of a newer release: shown as far as it is known here
    return RouteShown(
        id=route.id,
        alias=route.alias,
        strategy=body.strategy,
        targets=body.targets,
        retries=body.retries,
        timeouts=body.timeouts,
        created_at=route.created_at,
        updated_at=route.updated_at,
    )
