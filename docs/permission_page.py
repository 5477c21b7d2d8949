"""docs/reference/permissions.md: the one table of roles, and what each route asks for."""

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from docs.tables import NOTICE, table
from llmgateway.controlplane.reception.permissions import ROLES, OrgRole, Permission
from llmgateway.controlplane.reception.visits import BriefGate, Gate
from llmgateway.controlplane.wing import PREFIX, ROUTERS


def permissions_page() -> str:
    """The page."""
    roles = [
        (f"`{permission}`", *("yes" if permission in ROLES[role] else "" for role in OrgRole))
        for permission in Permission
    ]
    routes = [
        (f"`{method} {PREFIX}{route.path}`", _asked(route.dependant), route.description.split("\n")[0])
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]
    return "\n".join(
        [
            "# Who may do what",
            NOTICE,
            "",
            "To somebody who is not in an organisation it does not exist: 404. A role without the permission gets 403",
            "`permission_denied`. Beyond the table: only owners make, change or remove owners, and the last owner cannot go; a",
            "member changes and ends the keys they made, `keys:manage` those of others.",
            "",
            *table(("permission", *(str(role) for role in OrgRole)), roles),
            "",
            "## Routes",
            "",
            "Where no permission stands, a login is enough; routes under `/auth`, `/public` and `/plans` are open, those under",
            "`/admin` exist for the operators of the installation only.",
            "",
            *table(("route", "permission", "what it does"), routes),
            "",
        ]
    )


def _asked(dependant: Dependant) -> str:
    found = list[Permission]()
    waiting = [dependant]
    while waiting:
        place = waiting.pop()
        if isinstance(place.call, Gate | BriefGate):
            found.append(place.call.permission)
        waiting += place.dependencies
    return ", ".join(f"`{permission}`" for permission in found)
