"""/orgs/{org}/models and /routes/explain: what the organisation's keys could ask for, and who would serve it."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from llmgateway.controlplane.keys.source import org_snapshot_of
from llmgateway.controlplane.reception.permissions import Permission
from llmgateway.controlplane.reception.visits import Requires, Visit
from llmgateway.kit.pages import Page

router = APIRouter(prefix="/orgs/{org}", tags=["routes"])


class ExplainBody(BaseModel):
    """A chat request as it would be sent, or only its model."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(min_length=1, max_length=200)
    messages: list[dict[str, Any]] = Field(default=[{"role": "user", "content": "Hello"}], max_length=1_000)


@router.post("/routes/explain")
async def explain_route(visit: Annotated[Visit, Requires(Permission.ROUTES_READ)], body: ExplainBody) -> dict[str, Any]:
    """The plan of a request with its reasons; nothing is sent."""
    org = await org_snapshot_of(visit.tx, visit.rooms.clock, visit.org)
    return dict(visit.rooms.planner.explain(body.model_dump(), org))


@router.get("/models")
async def list_models(visit: Annotated[Visit, Requires(Permission.ROUTES_READ)]) -> Page[dict[str, Any]]:
    """All that may be named, with context window, abilities and prices."""
    org = await org_snapshot_of(visit.tx, visit.rooms.clock, visit.org)
    return Page[dict[str, Any]](data=[dict(model) for model in visit.rooms.planner.models(org)])
