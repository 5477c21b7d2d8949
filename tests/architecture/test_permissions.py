"""Every route of the control plane, walked as nobody, as a stranger, as each role, and with foreign ids."""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx2
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from llmgateway.controlplane.reception.permissions import ROLES, OrgRole, Permission
from llmgateway.controlplane.reception.visits import BriefGate, Gate
from llmgateway.controlplane.wing import PREFIX, ROUTERS, build_api
from tests.controlplane.api import Api

OPEN = {
    "/public/settings", "/public/providers", "/plans", "/auth/signup", "/auth/verify", "/auth/verify/resend", "/auth/login", "/auth/refresh",
    "/auth/logout", "/auth/forgot", "/auth/reset", "/webhooks/stripe", "/invitations/look",
}  # fmt: skip
"""For nobody in particular: they prove who asks in another way, or tell nothing."""

STREAMS = {"/orgs/{org}/usage/live"}
"""They go on as long as they are asked to."""

OBJECTS = {
    "key_id": "keys", "user_id": "members", "invitation_id": "invitations", "project_id": "projects",
    "credential_id": "credentials", "alias": "routes", "request_id": "usage", "session_id": "sessions",
    "org_id": "admin",
}  # fmt: skip
"""Every parameter of a path that names a thing, and where such things live."""


@dataclass(frozen=True)
class Door:
    """One method of one path, and what it asks for."""

    method: str
    path: str
    permission: Permission | None

    def at(self, org: str, **names: str) -> str:
        """The path with its names filled in; unknown things where none is given."""
        filled = self.path.replace("{org}", org)
        filled = re.sub(r"\{(\w+)\}", lambda match: names.get(match[1], "nothing_like_it"), filled)
        return f"{filled}?seconds=0" if self.path in STREAMS else filled


def _gates(dependant: Dependant) -> list[Permission]:
    found = [dependant.call.permission] if isinstance(dependant.call, Gate | BriefGate) else []
    return [*found, *(permission for inner in dependant.dependencies for permission in _gates(inner))]


def _doors() -> list[Door]:
    doors = list[Door]()
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            gates = _gates(route.dependant)
            assert len(gates) <= 1, route.path
            doors += [Door(method, route.path, gates[0] if gates else None) for method in sorted(route.methods or ())]
    return doors


GRANT = {"usd": "1", "reference": "r", "note": "n"}
DOORS = _doors()
INSIDE = [door for door in DOORS if "{org}" in door.path]


def test_every_route_is_in_the_document_and_none_is_left_out_of_this_walk() -> None:
    document = build_api("0").openapi()
    described = {
        (method.upper(), path.removeprefix(PREFIX)) for path, item in document["paths"].items() for method in item
    }
    assert described == {(door.method, door.path) for door in DOORS}
    names = {name for door in DOORS for name in re.findall(r"\{(\w+)\}", door.path)}
    assert names - {"org"} <= OBJECTS.keys()


def test_every_route_inside_an_organisation_has_a_permission_and_every_permission_a_route() -> None:
    assert [door for door in INSIDE if door.permission is None] == []
    assert [door for door in DOORS if door.permission is not None and door not in INSIDE] == []
    without = {Permission.KEYS_MANAGE, Permission.BILLING_READ, Permission.BILLING_WRITE}
    used = {door.permission for door in INSIDE}
    assert set(Permission) - used <= without


def test_a_higher_role_may_all_that_a_lower_one_may() -> None:
    order = list(OrgRole)
    assert [ROLES[low] <= ROLES[high] for low, high in pairwise(order)] == [True] * 3


async def _ask(client: httpx2.AsyncClient, door: Door, path: str) -> httpx2.Response:
    body: dict[str, Any] = {} if door.method == "GET" else {"json": GRANT if door.path.endswith("/credit") else {}}
    return await client.request(door.method, path, **body)


async def test_nobody_gets_401_everywhere_but_where_it_is_open(api: Api) -> None:
    org = await api.org("Acme", await api.person("o@a.test"))
    for door in DOORS:
        answer = await _ask(api.client(), door, door.at(org))
        if door.path in OPEN:
            assert answer.status_code in {200, 400, 401, 403}, (door, answer.text)
        else:
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_token"), door


async def test_a_stranger_gets_404_for_every_organisation_that_is_not_theirs(api: Api) -> None:
    org = await api.org("Acme", await api.person("o@a.test"))
    stranger_id = await api.person("s@b.test")
    await api.org("Elsewhere", stranger_id)
    stranger = await api.as_(stranger_id)
    for door in INSIDE:
        for name in (org, "acme", "no-such-organisation"):
            answer = await _ask(stranger, door, door.at(name))
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), door


async def test_only_operators_find_the_operators_pages(api: Api) -> None:
    somebody = await api.as_(await api.person("s@b.test"))
    operator = await api.as_(await api.person("op@us.test", operator=True))
    for door in DOORS:
        if door.path.startswith("/admin"):
            assert (await _ask(somebody, door, door.at(""))).status_code == 404
            found = await _ask(operator, door, door.at(""))
            assert found.status_code == 200 or "organisation" in found.json()["error"]["message"], door


@pytest.mark.parametrize("role", list(OrgRole))
async def test_each_role_may_exactly_what_the_table_says(api: Api, role: OrgRole) -> None:
    person = await api.person(f"{role}@a.test")
    spare = await api.person("spare@a.test")
    client = await api.as_(person)
    for place, door in enumerate(INSIDE):
        owner = person if role is OrgRole.OWNER else spare
        members = {} if role is OrgRole.OWNER else {str(role): person}
        org = await api.org(f"Acme {place}", owner, **members)
        answer = await _ask(client, door, door.at(org))
        code = answer.json()["error"]["code"] if answer.status_code >= 400 else None
        assert answer.status_code < 500, (door, answer.text)
        assert door.permission is not None
        if door.permission in ROLES[role]:
            assert code != "permission_denied", door
            assert answer.status_code != 401, door
        else:
            assert (answer.status_code, code) == (403, "permission_denied"), door


async def test_a_foreign_id_is_found_nowhere(api: Api) -> None:
    """The owner of one organisation names the things of another, in every path, query and body that takes an id."""
    mine_id, theirs_id = await api.person("me@a.test"), await api.person("them@b.test")
    mine, theirs = await api.org("Mine", mine_id), await api.org("Theirs", theirs_id)
    me, them = await api.as_(mine_id), await api.as_(theirs_id)
    foreign = {"user_id": theirs_id, "alias": "smart", "request_id": "req_01m85er08pffwst5ea81b4fc7n"}
    for name, path, body in (
        ("key_id", "keys", {"name": "k"}),
        ("project_id", "projects", {"name": "p"}),
        ("invitation_id", "invitations", {"email": "x@y.test"}),
        (
            "credential_id",
            "credentials",
            {"provider": "bedrock", "name": "c", "api_key": "secret-key", "options": {"region": "us-east-1"}},
        ),
    ):
        made = await them.post(f"/orgs/{theirs}/{path}", json=body)
        assert made.status_code == 201, made.text
        foreign[name] = made.json()["id"]
    route = {"targets": [{"provider": "sandbox", "model": "chat"}]}
    assert (await them.put(f"/orgs/{theirs}/routes/smart", json=route)).status_code == 201
    bodies: dict[tuple[str, str], Any] = {
        ("PATCH", "/orgs/{org}/members/{user_id}"): {"role": "viewer"},
        ("POST", "/orgs/{org}/keys/{key_id}/rotate"): {},
    }
    for door in INSIDE:
        if door.path.count("{") == 1 or (door.method == "PUT" and "{alias}" in door.path):
            continue
        answer = await me.request(door.method, door.at(mine, **foreign), json=bodies.get((door.method, door.path), {}))
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), door
    await _name_in_bodies(me, mine, foreign)
    await _name_in_queries(me, mine, foreign)
    still = [await them.get(f"/orgs/{theirs}/{path}") for path in ("keys", "projects", "invitations", "credentials")]
    assert [len(answer.json()["data"]) for answer in still] == [1, 1, 1, 1]


BODIES: dict[tuple[str, str, str], dict[str, Any]] = {
    ("POST", "/orgs/{org}/transfer", "user_id"): {},
    ("POST", "/orgs/{org}/keys", "project_id"): {"name": "k"},
    ("PATCH", "/orgs/{org}/keys/{key_id}", "project_id"): {},
}
"""Every field of a body that names a thing, and what must stand beside it."""

QUERIES = {
    ("DELETE", "/orgs/{org}/cache", "key_id"),
    *(("GET", f"/orgs/{{org}}/usage{path}", name) for path in ("", "/summary") for name in ("key_id", "project_id")),
    *(("GET", "/orgs/{org}/audit", name) for name in ("actor", "target")),
}
"""Every parameter of a query that names a thing."""


def test_every_position_of_an_id_is_known() -> None:
    document = build_api("0").openapi()
    schemas = document["components"]["schemas"]
    bodies, queries = set[tuple[str, str, str]](), set[tuple[str, str, str]]()
    for path, item in document["paths"].items():
        if "{org}" not in path:
            continue
        for method, operation in item.items():
            at = (method.upper(), path.removeprefix(PREFIX))
            given = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
            queries |= {(*at, name) for name in given if _names_a_thing(name)}
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            reference = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
            bodies |= {(*at, name) for name in schemas.get(reference, {}).get("properties", {}) if _names_a_thing(name)}
    assert bodies == BODIES.keys()
    assert queries == QUERIES


def _names_a_thing(name: str) -> bool:
    return name.endswith("_id") or name in {"actor", "target"}


async def _name_in_bodies(me: httpx2.AsyncClient, mine: str, foreign: dict[str, str]) -> None:
    own = (await me.post(f"/orgs/{mine}/keys", json={"name": "mine"})).json()["id"]
    for (method, path, name), beside in BODIES.items():
        filled = path.replace("{org}", mine).replace("{key_id}", own)
        answer = await me.request(method, filled, json={**beside, name: foreign[name]})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), (path, name)


async def _name_in_queries(me: httpx2.AsyncClient, mine: str, foreign: dict[str, str]) -> None:
    for method, path, name in sorted(QUERIES):
        named = {"actor": "user_id", "target": "key_id"}.get(name, name)
        found = await me.request(method, path.replace("{org}", mine), params={name: foreign[named]})
        assert found.status_code in {200, 202}, (path, name)
        if method == "GET":
            rows = found.json()["data"]
            assert rows == [row for row in rows if row.get("requests") == 0], (path, name)
