"""Every operation on an organisation, asked by everybody: who may not do it changes nothing, and hears the same whatever is there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from llmgateway.kit.ids import new_id
from tests.controlplane.api import Api, error_of

ROLES = ("viewer", "member", "admin", "owner")
BODY: dict[str, Any] = {}
OPERATIONS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "GET ": ("viewer", None),
    "PATCH ": ("admin", {"name": "Other"}),
    "DELETE ": ("owner", None),
    "POST /restore": ("owner", BODY),
    "POST /transfer": ("owner", {"user_id": "{user}"}),
    "GET /members": ("viewer", None),
    "PATCH /members/{user}": ("admin", {"role": "member"}),
    "DELETE /members/{user}": ("admin", None),
    "GET /invitations": ("viewer", None),
    "POST /invitations": ("admin", {"email": "new@a.test", "role": "viewer"}),
    "POST /invitations/{invitation}/resend": ("admin", BODY),
    "DELETE /invitations/{invitation}": ("admin", None),
    "GET /projects": ("viewer", None),
    "POST /projects": ("admin", {"name": "p2"}),
    "GET /projects/{project}": ("viewer", None),
    "PATCH /projects/{project}": ("admin", {"budgets": {"month_usd": "1000"}}),
    "DELETE /projects/{project}": ("admin", None),
    "GET /keys": ("viewer", None),
    "POST /keys": ("member", {"name": "k2"}),
    "GET /keys/{key}": ("viewer", None),
    "PATCH /keys/{key}": ("admin", {"budgets": {"month_usd": "1000"}, "allowed_models": None}),
    "POST /keys/{key}/rotate": ("admin", {"overlap_seconds": 0}),
    "DELETE /keys/{key}": ("admin", None),
    "GET /credentials": ("admin", None),
    "POST /credentials": ("admin", {"provider": "sandbox", "name": "c", "api_key": "k"}),
    "POST /credentials/{credential}/check": ("admin", BODY),
    "DELETE /credentials/{credential}": ("admin", None),
    "POST /erase": ("owner", BODY),
    "GET /routes": ("viewer", None),
    "GET /routes/{route}": ("viewer", None),
    "PUT /routes/{route}": ("admin", {"targets": [{"provider": "openai", "model": "m"}]}),
    "DELETE /routes/{route}": ("admin", None),
    "POST /routes/explain": ("viewer", {"model": "sandbox/chat", "messages": [{"role": "user", "content": "hi"}]}),
    "GET /policy": ("viewer", None),
    "PATCH /policy": ("admin", {"allowed_models": None}),
    "GET /cache": ("viewer", None),
    "DELETE /cache": ("admin", None),
    "GET /health": ("viewer", None),
    "GET /models": ("viewer", None),
    "GET /usage": ("viewer", None),
    "GET /usage/summary": ("viewer", None),
    "GET /usage/{request}": ("viewer", None),
    "GET /usage/{request}/content": ("admin", None),
    "GET /export": ("admin", None),
    "GET /billing": ("admin", None),
    "PATCH /billing": ("admin", {"overage_limit_usd": "1000"}),
    "GET /billing/change?plan=free": ("admin", None),
    "GET /billing/renewal": ("admin", None),
    "POST /billing/checkout": ("admin", {"plan": "free"}),
    "POST /billing/credit": ("admin", {"usd": "20"}),
    "POST /billing/portal": ("admin", BODY),
    "GET /billing/invoices": ("admin", None),
    "GET /billing/statement": ("admin", None),
    "GET /audit": ("admin", None),
}
"""Operation -> the least role that may do it, and a body."""
_LEFT_OUT = {"POST /leave", "GET /usage/live"}
"""Anybody leaves; a stream that has tests of its own."""
_NOT_COMPARED = {"sessions", "alembic_version", "refresh_tokens"}


@dataclass
class House:
    """An organisation with one of everything."""

    id: str
    ids: dict[str, str]
    people: dict[str, str]

    def path(self, operation: str) -> tuple[str, str]:
        method, _, path = operation.partition(" ")
        return method, f"/orgs/{self.id}{path.format(**self.ids)}"


async def house(api: Api, name: str) -> House:
    people = {role: await api.person(f"{role}@{name}.test") for role in (*ROLES, "removed", "other")}
    others = {role: people[role] for role in ("viewer", "member", "admin")}
    org = await api.org(name, people["owner"], **others)
    async with api.admin.transaction() as tx:
        for who, role in (("removed", "admin"), ("other", "viewer")):
            await tx.execute(
                text("INSERT INTO members VALUES (:o, :u, :r, now())"), {"o": org, "u": people[who], "r": role}
            )
    owner = await api.as_(people["owner"])

    async def made(path: str, **body: Any) -> str:
        answer = await owner.post(f"/orgs/{org}/{path}", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    ids = {
        "user": people["other"],
        "invitation": await made("invitations", email=f"guest@{name}.test", role="viewer"),
        "project": await made("projects", name="p", budgets={"month_usd": "1"}),
        "key": await made("keys", name="k", budgets={"month_usd": "1"}, allowed_models=["m"]),
        "credential": await made(
            "credentials", provider="bedrock", name="c", api_key="k" * 20, options={"region": "us-east-1"}
        ),
        "route": "smart",
        "request": new_id("req"),
    }
    assert (
        await owner.put(f"/orgs/{org}/routes/smart", json={"targets": [{"provider": "openai", "model": "m"}]})
    ).is_success
    return House(org, ids, people)


async def state(api: Api) -> dict[str, str]:
    """What every table holds, but for the contents that only the data plane reads."""
    tables = await api.rows(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' "
        "AND has_table_privilege(oid, 'SELECT')"
    )
    found: dict[str, str] = {}
    for table in sorted({*tables} - _NOT_COMPARED):
        [rows] = await api.rows(f"SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {table} t")
        found[table] = rows
    return found


async def ask(
    client: httpx2.AsyncClient, house: House, operation: str, ids: dict[str, str] | None = None
) -> httpx2.Response:
    body = OPERATIONS[operation][1]
    method, path = House(house.id, ids or house.ids, {}).path(operation)
    given = (
        None
        if body is None
        else {name: value.format(**house.ids) if value == "{user}" else value for name, value in body.items()}
    )
    return await client.request(method, path, json=given)


def _differing(before: dict[str, str], after: dict[str, str]) -> Sequence[str]:
    return [name for name, rows in before.items() if after[name] != rows]


async def test_the_table_names_every_operation_on_an_organisation(api: Api) -> None:
    paths = (await api.client().get("/openapi.json")).json()["paths"]
    prefix = "/api/v1/orgs/{org}"
    known = {operation.partition("?")[0].replace("{", "").replace("}", "") for operation in {*OPERATIONS, *_LEFT_OUT}}
    names = {
        "user_id": "user",
        "invitation_id": "invitation",
        "project_id": "project",
        "key_id": "key",
        "credential_id": "credential",
        "alias": "route",
        "request_id": "request",
    }
    found = set[str]()
    for path, methods in paths.items():
        if path.startswith(prefix):
            tail = path.removeprefix(prefix)
            for theirs, ours in names.items():
                tail = tail.replace("{" + theirs + "}", ours)
            found |= {f"{method.upper()} {tail}" for method in methods}
    assert found == known


async def test_who_may_not_changes_nothing_and_is_told_so(api: Api) -> None:
    ours, theirs = await house(api, "ours"), await house(api, "theirs")
    clients = {role: await api.as_(ours.people[role]) for role in ROLES}
    removed = await api.as_(ours.people["removed"])
    assert (await clients["owner"].delete(f"/orgs/{ours.id}/members/{ours.people['removed']}")).status_code == 204
    stranger, nobody = await api.as_(theirs.people["owner"]), api.client()
    key = api.client("lgw_live_0123456789abcdef0123456789abcdef")
    before = await state(api)
    for operation, (least, _) in OPERATIONS.items():
        for role in ROLES[: ROLES.index(least)]:
            answer = await ask(clients[role], ours, operation)
            assert (answer.status_code, error_of(answer)["code"]) == (403, "permission_denied"), (operation, role)
        for client, status in ((removed, 404), (stranger, 404), (nobody, 401), (key, 401)):
            answer = await ask(client, ours, operation)
            assert answer.status_code == status, (operation, answer.text)
        assert not _differing(before, await state(api)), operation


async def test_what_operators_do_is_for_nobody_else(api: Api) -> None:
    ours = await house(api, "ours")
    owner = await api.as_(ours.people["owner"])
    before = await state(api)
    for method, path, body in (
        ("GET", "/admin/orgs", None),
        ("GET", f"/admin/orgs/{ours.id}", None),
        ("PATCH", f"/admin/orgs/{ours.id}", {"plan": "enterprise"}),
        ("POST", f"/admin/orgs/{ours.id}/credit", {"usd": "1000", "note": "mine"}),
        ("GET", "/admin/figures", None),
        ("GET", "/admin/usage", None),
        ("GET", "/admin/audit", None),
    ):
        answer = await owner.request(method, path, json=body)
        assert answer.status_code in {403, 404}, (path, answer.text)
    assert not _differing(before, await state(api))


async def test_what_another_organisation_has_is_not_there(api: Api) -> None:
    """Its owner asks under their own organisation, by the ids of ours."""
    ours, theirs = await house(api, "ours"), await house(api, "theirs")
    owner = await api.as_(theirs.people["owner"])
    before = await state(api)
    for operation in OPERATIONS:
        for name in ("user", "invitation", "project", "key", "credential"):
            if "{" + name + "}" in operation:
                answer = await ask(owner, theirs, operation, {**theirs.ids, name: ours.ids[name]})
                assert answer.status_code == 404, (operation, answer.text)
    project, base = ours.ids["project"], f"/orgs/{theirs.id}"
    bodies = [
        ("POST", f"{base}/keys", {"name": "k", "project_id": project}),
        ("PATCH", f"{base}/keys/{theirs.ids['key']}", {"project_id": project}),
        ("POST", f"{base}/transfer", {"user_id": ours.ids["user"]}),
    ]
    for method, path, body in bodies:
        answer = await owner.request(method, path, json=body)
        assert answer.status_code == 404, (path, answer.text)
    assert not _differing(before, await state(api))


@pytest.mark.parametrize("role", ["member", "admin"])
async def test_nobody_writes_what_the_gateway_writes(api: Api, role: str) -> None:
    ours = await house(api, "ours")
    client = await api.as_(ours.people[role])
    mine = (await client.post(f"/orgs/{ours.id}/keys", json={"name": "mine"})).json()["id"]
    before = await state(api)
    kept: list[tuple[str, Any]] = [
        ("org_id", "org_other"), ("created_by", ours.people["owner"]), ("governed", []), ("revoked_at", None),
        ("test", True), ("id", "key_other"), ("prefix", "lgw_live_aaa"), ("secrets", []), ("hard_budget", False),
        ("monthly_budget_nanos", 1),
    ]  # fmt: skip
    for field, value in kept:
        answer = await client.patch(f"/orgs/{ours.id}/keys/{mine}", json={field: value})
        assert (answer.status_code, error_of(answer)["code"]) == (400, "invalid_request"), field
    wishes = {
        "PATCH ": ("plan", "suspended_at", "slug_", "billing_email", "operator", "data_key", "budget_epoch"),
        "PATCH /billing": ("plan", "credit_usd", "stripe_customer", "balance"),
        "PATCH /members/{user}": ("user_id", "org_id"),
        "POST /invitations": ("token", "expires_at", "org_id"),
        "PATCH /projects/{project}": ("org_id", "id"),
        "POST /credentials": ("check_result", "last4", "sealed"),
    }
    for operation, fields in wishes.items():
        for field in fields:
            method, path = ours.path(operation)
            answer = await client.request(method, path, json={**(OPERATIONS[operation][1] or {}), field: "x"})
            assert answer.status_code == (403 if role == "member" else 400), (operation, field, answer.text)
    assert not _differing(before, await state(api))
