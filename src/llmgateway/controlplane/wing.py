"""The control plane as one ASGI application: FastAPI behind a door that bounds bodies and sets headers."""

from functools import cache

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from llmgateway.controlplane.accounts import me_routes
from llmgateway.controlplane.accounts import routes as accounts
from llmgateway.controlplane.admin import routes as admin
from llmgateway.controlplane.audit import routes as audit
from llmgateway.controlplane.billing import routes as billing
from llmgateway.controlplane.billing.stripe.access import StripeAccess
from llmgateway.controlplane.billing.stripe_events import webhook_route
from llmgateway.controlplane.credentials import catalogue_routes
from llmgateway.controlplane.credentials import routes as credentials
from llmgateway.controlplane.keys import reach_routes
from llmgateway.controlplane.keys import routes as keys
from llmgateway.controlplane.onboarding import routes as onboarding
from llmgateway.controlplane.orgs import people_routes, project_routes
from llmgateway.controlplane.orgs import routes as orgs
from llmgateway.controlplane.plans import routes as plans
from llmgateway.controlplane.policies import cache_routes
from llmgateway.controlplane.policies import routes as policies
from llmgateway.controlplane.reception.answers import install_handlers
from llmgateway.controlplane.reception.dependencies import Dependencies
from llmgateway.controlplane.reception.door import Door
from llmgateway.controlplane.reception.unauthenticated import UnauthenticatedRequests
from llmgateway.controlplane.usage import content_routes, live_route, takeout
from llmgateway.controlplane.usage import routes as usage
from llmgateway.controlplane.usage.live import Live

PREFIX = "/api/v1"
ROUTERS: tuple[APIRouter, ...] = (
    onboarding.router,
    accounts.router,
    orgs.router,
    me_routes.router,
    people_routes.router,
    project_routes.router,
    keys.router,
    catalogue_routes.router,
    credentials.router,
    policies.router,
    cache_routes.router,
    reach_routes.router,
    live_route.router,  # before the requests, whose ids would take its name
    usage.router,
    content_routes.router,
    takeout.router,
    plans.router,
    billing.router,
    webhook_route.router,
    audit.router,
    admin.router,
)


@cache
def build_api(version: str) -> FastAPI:
    """The API of every installation: what a request has at hand, its door gives it. Made once, as it takes a fifth of a second."""
    api = FastAPI(
        title="llmgateway",
        version=version,
        summary="The control plane: people, organisations, keys, routes, usage and money.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    for router in ROUTERS:
        api.include_router(router, prefix=PREFIX)
    install_handlers(api)
    return api


def build_control_plane(deps: Dependencies, stripe_access: StripeAccess | None = None) -> Door:
    """The control plane that floor 4 mounts. Without `stripe_access` nobody can pay."""
    at_hand = {"deps": deps, "stripe_access": stripe_access, "live": Live(deps.database, deps.clock)}
    strangers = UnauthenticatedRequests(deps.store, deps.signer, deps.clock)
    return Door(build_api(deps.version), at_hand, strangers, https=deps.address.startswith("https://"))


def _operation_id(route: APIRoute) -> str:
    return route.name
