"""Routes (aliases) and policies of organisations: stored as they were written, and announced to the data processes."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select

from llmgateway.contract.channels import KeyChanged
from llmgateway.controlplane.policies.schemas import PolicyChange, PolicyShown, RouteBody, RouteTarget
from llmgateway.controlplane.reception.announcing import announce
from llmgateway.controlplane.reception.visits import Visit
from llmgateway.db.models.credentials import ProviderCredential
from llmgateway.db.models.routes import Route
from llmgateway.db.tenancy import owned
from llmgateway.errors import BadRequest, Conflict, NotFound
from llmgateway.kit.ids import new_id
from llmgateway.kit.vault import Vault

_MOST = 500
_LONGEST_SECONDS = 3_600
"""The longest timeout that an organisation may set for a phase: an endless request would hold a connection for good."""


async def find(visit: Visit, alias: str) -> Route | None:
    """The route of an alias; None without one."""
    return await visit.tx.scalar(owned(Route, visit.org.id).where(Route.alias == alias))


async def get(visit: Visit, alias: str) -> Route:
    """The route of an alias. Raises NotFound."""
    route = await find(visit, alias)
    if route is None:
        raise NotFound("There is no such route here. GET /api/v1/orgs/{org}/routes lists them.")
    return route


async def put(visit: Visit, alias: str, body: RouteBody) -> tuple[Route, dict[str, Any] | None]:
    """Store a route; returns it and its definition before. Raises BadRequest for targets that cannot be used, and Conflict."""
    await _check(visit, body.targets)
    for phase, seconds in body.timeouts.model_dump(exclude_none=True).items():
        if seconds > _LONGEST_SECONDS:
            raise BadRequest(
                f"A timeout is of {_LONGEST_SECONDS:,} seconds at most. Give less.", param=f"timeouts.{phase}"
            )
    now, definition = visit.deps.clock.now(), body.model_dump(mode="json", exclude_none=True)
    route = await find(visit, alias)
    before = None if route is None else route.definition
    if route is None:
        count = await visit.tx.scalar(select(func.count()).select_from(owned(Route, visit.org.id).subquery()))
        if (count or 0) >= _MOST:
            raise Conflict(f"An organisation has at most {_MOST} routes. Remove one first.")
        route = Route(id=new_id("route", now), org_id=visit.org.id, alias=alias, created_at=now)
        visit.tx.add(route)
    route.definition, route.updated_at = definition, now
    await visit.tx.flush()
    await announce(visit.tx, KeyChanged(None, visit.org.id))
    return route, before


async def _check(visit: Visit, targets: Sequence[RouteTarget]) -> None:
    """Raises BadRequest for a provider that is not known, and for a price where nothing of the organisation's own is asked."""
    own = set(await visit.tx.scalars(select(owned(ProviderCredential, visit.org.id).subquery().c.provider)))
    for place, target in enumerate(targets):
        if not visit.deps.check.known(target.provider):
            raise BadRequest(
                f"There is no provider {target.provider!r} here. See docs/reference/providers.md.",
                param=f"targets.{place}.provider",
            )
        if target.price is not None and target.provider not in own:
            raise BadRequest(
                f"A price of your own is for provider credentials of your own, and {target.provider} has none here. "
                "Add the credential first, or leave the price out.",
                param=f"targets.{place}.price",
            )


async def remove(visit: Visit, alias: str) -> Route:
    """Delete a route. Raises NotFound."""
    route = await get(visit, alias)
    await visit.tx.delete(route)
    await visit.tx.flush()
    await announce(visit.tx, KeyChanged(None, visit.org.id))
    return route


async def change_policy(visit: Visit, body: PolicyChange) -> PolicyShown:
    """Change the given rules; null resets a rule to its default. Returns the whole policy."""
    given = body.model_dump(exclude_unset=True)
    policy = {**visit.org.policy, **given}
    if given.get("content_logging", "off") not in {None, "off"} and visit.org.data_key is None:
        visit.org.data_key = Vault(visit.deps.masters).new_key(visit.org.id)
    visit.org.policy = {name: value for name, value in policy.items() if value is not None}
    await visit.tx.flush()
    await announce(visit.tx, KeyChanged(None, visit.org.id))
    return PolicyShown.model_validate(visit.org.policy)
