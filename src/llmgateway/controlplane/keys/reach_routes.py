"""/orgs/{org}/models and /routes/explain: what the organisation's keys could ask for, and who would serve it."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from llmgateway.controlplane.keys.source import org_snapshot_of
from llmgateway.controlplane.reception.bodies import Shown
from llmgateway.controlplane.reception.permissions import Permission
from llmgateway.controlplane.reception.visits import Requires, Visit
from llmgateway.kit.pages import Page

router = APIRouter(prefix="/orgs/{org}", tags=["routes"])


class ExplainBody(BaseModel):
    """A chat request as it would be sent, or only its model."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(min_length=1, max_length=200)
    messages: list[dict[str, Any]] = Field(default=[{"role": "user", "content": "Hello"}], max_length=1_000)


class PlannedShown(Shown):
    """A target of a plan, in its place."""

    target: str = Field(description="`provider/model`.")
    credential: str
    why: str
    expected_cost_usd: str | None
    context_tokens: int | None
    dropped: list[str] = Field(description="Parameters that it does not know and that change no answer.")
    retries: int
    first_token_seconds: float
    health: str


class PassedOver(Shown):
    """A target that cannot serve the request."""

    target: str
    why: str


class Explanation(Shown):
    """How a request would be routed."""

    model: str
    strategy: str | None
    prompt_tokens: int
    max_output_tokens: int | None
    needs: list[str]
    plan: list[PlannedShown]
    passed_over: list[PassedOver]


class ModelFacts(Shown):
    """What is known of a model; null is unknown. Prices are dollars, `_mtok` per million tokens."""

    context_window: int | None
    max_output: int | None
    abilities: list[str] | None
    prices_usd: dict[str, str] | None


class ModelShown(Shown):
    """Something that may be named as `model`: an alias has no facts of its own."""

    id: str
    object: str
    created: int
    owned_by: str
    llmgateway: ModelFacts | None = None


@router.post("/routes/explain")
async def explain_route(visit: Annotated[Visit, Requires(Permission.ROUTES_READ)], body: ExplainBody) -> Explanation:
    """The plan of a request with its reasons; nothing is sent."""
    org = await org_snapshot_of(visit.tx, visit.rooms.clock, visit.org)
    return Explanation.model_validate(visit.rooms.planner.explain(body.model_dump(), org))


@router.get("/models")
async def list_models(visit: Annotated[Visit, Requires(Permission.ROUTES_READ)]) -> Page[ModelShown]:
    """All that may be named, with context window, abilities and prices."""
    org = await org_snapshot_of(visit.tx, visit.rooms.clock, visit.org)
    return Page[ModelShown](data=[ModelShown.model_validate(model) for model in visit.rooms.planner.models(org)])
