"""/orgs/{org}/models, /routes/explain and /health: what the organisation's keys could ask for, who would serve it, and how they are."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from llmgateway.contract.snapshot import OrgSnapshot
from llmgateway.controlplane.keys import fleet
from llmgateway.controlplane.keys.fleet import FleetPath
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
    health: str = Field(description="`well`, what is wrong with it now, or that nobody asked it lately.")


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
    """Something that may be named as `model`: of an alias, what all of its targets can, and what they cost where it is the same."""

    id: str
    object: str
    created: int
    owned_by: str
    llmgateway: ModelFacts | None = None


class PathShown(Shown):
    """A way to a provider, over all processes that asked it of late: a credential, and one of its models."""

    provider: str
    model: str | None = Field(description="Null: all models of the credential.")
    credential: str
    state: Literal["closed", "open", "half_open"] = Field(
        description="`closed` is well; `open` is asked last; `half_open` is tried by the next request. The worst of all processes."
    )
    processes: int = Field(description="That asked it.")
    troubled: int = Field(description="Of them, in how many it is not well.")
    why: str = Field(description="What opened it; empty where nothing did.")
    first_token_ms: int | None = Field(description="Until the first token, newest answers weighing most.")
    tokens_per_second: float | None


@router.get("/health")
async def list_health(visit: Annotated[Visit, Requires(Permission.ROUTES_READ)]) -> Page[PathShown]:
    """How the providers are doing that were asked of late: circuits, time to the first token, speed."""
    org = await org_snapshot_of(visit.tx, visit.deps.clock, visit.org)
    providers = visit.deps.planner.credentials(org)
    found = [_path_shown(providers[one.path.credential], one) for one in await _paths(visit, org)]
    return Page[PathShown](data=sorted(found, key=lambda one: (one.provider, one.model or "", one.credential)))


@router.post("/routes/explain")
async def explain_route(visit: Annotated[Visit, Requires(Permission.ROUTES_READ)], body: ExplainBody) -> Explanation:
    """The plan of a request with its reasons; nothing is sent."""
    org = await org_snapshot_of(visit.tx, visit.deps.clock, visit.org)
    explained = visit.deps.planner.explain(body.model_dump(), org)
    health = {(one.path.credential, one.path.model): one for one in await _paths(visit, org)}
    for step in explained["plan"]:
        step["health"] = _words(health, step["credential"], step["target"].partition("/")[2])
    return Explanation.model_validate(explained)


@router.get("/models")
async def list_models(visit: Annotated[Visit, Requires(Permission.ROUTES_READ)]) -> Page[ModelShown]:
    """All that may be named, with context window, abilities and prices."""
    org = await org_snapshot_of(visit.tx, visit.deps.clock, visit.org)
    return Page[ModelShown](data=[ModelShown.model_validate(model) for model in visit.deps.planner.models(org)])


async def _paths(visit: Visit, org: OrgSnapshot) -> list[FleetPath]:
    """How those paths do that the organisation may know of."""
    planner = visit.deps.planner
    knows = planner.may_know(org)
    return [one for one in await fleet.told(visit.tx, planner.credentials(org)) if knows(one.path)]


def _path_shown(provider: str, one: FleetPath) -> PathShown:
    path = one.path
    first, speed = path.first_token_seconds, path.tokens_per_second
    return PathShown.model_validate(
        {
            "provider": provider,
            "model": path.model,
            "credential": path.credential,
            "state": path.state,
            "processes": one.processes,
            "troubled": one.troubled,
            "why": path.why,
            "first_token_ms": None if first is None else round(first * 1000),
            "tokens_per_second": None if speed is None else round(speed, 1),
        }
    )


def _words(health: Mapping[tuple[str, str | None], FleetPath], credential: str, model: str) -> str:
    """How a target does, for people: what is said of all models of its credential counts first."""
    known = [one for name in (None, model) if (one := health.get((credential, name))) is not None]
    worst = next((one for one in known if one.troubled), None) or next(iter(known), None)
    return worst.words if worst is not None else "not asked lately"
