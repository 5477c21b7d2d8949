"""Lists ask the database as often for twenty entries as for one."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
from sqlalchemy import Engine, event

from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.controlplane.wing import PREFIX, build_api
from llmgateway.db.models.users import Member
from llmgateway.db.session import Database
from llmgateway.kit.clock import SystemClock
from llmgateway.kit.ids import id_time, new_id
from tests.controlplane.api import Api, Json
from tests.controlplane.records import event as usage_event

MANY = 20
OF_STRIPE = {"/orgs/{org}/billing/invoices"}
"""Asked of Stripe, not of the database."""
NO_ROWS = {"/plans", "/public/providers", "/orgs/{org}/models", "/orgs/{org}/cache", "/orgs/{org}/health"}
"""Data of ours, and what lies in memory."""
SUMS = {"/orgs/{org}/usage/summary": "by=model", "/admin/usage": "by=model"}
"""Rows for models, not pages."""
BESIDE = {"/me": "orgs", **{f"{path}?{asked}": "data" for path, asked in SUMS.items()}}
"""Lists that are no pages, and where their entries stand."""


def _lists() -> Mapping[str, str]:
    """Every list of the API, and the name of its entries."""
    document = build_api("0").openapi()
    schemas = document["components"]["schemas"]
    found = dict[str, str]()
    for path, item in document["paths"].items():
        answer = item.get("get", {"responses": {"200": {}}})["responses"]["200"]
        reference = answer.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
        fields: Json = schemas.get(reference.rpartition("/")[2], {}).get("properties", {})
        if fields.get("data", {}).get("type") == "array" and path.removeprefix(PREFIX) not in SUMS:
            found[path.removeprefix(PREFIX)] = "data"
    return {**found, **BESIDE}


class Count:
    """Statements that went to the database."""

    statements = 0

    def note(self, *_: object) -> None:
        self.statements += 1


@contextmanager
def counted(*engines: Engine) -> Generator[Count]:
    """As long as the block lasts."""
    count = Count()
    for engine in engines:
        event.listen(engine, "before_cursor_execute", count.note)
    yield count
    for engine in engines:
        event.remove(engine, "before_cursor_execute", count.note)


async def _grow(api: Api, data: Database, client: httpx2.AsyncClient, owner: str, org: str, numbers: range) -> None:
    """One more of everything for each number."""
    for number in numbers:
        person = await api.person(f"member{number}@a.test")
        async with api.admin.transaction() as tx:
            tx.add(Member(org_id=org, user_id=person, role="member", created_at=SystemClock().now()))
        await api.org(f"Other {number}", owner)
        await api.token(owner)
        await client.get("/admin/figures")
        for method, path, body in (
            ("POST", "/projects", {"name": f"p{number}"}),
            ("POST", "/invitations", {"email": f"guest{number}@b.test", "role": "viewer"}),
            ("POST", "/keys", {"name": f"k{number}", "tags": ["blue"]}),
            ("POST", "/credentials", {"provider": "bedrock", "name": f"c{number}", "api_key": "sk-abcdefgh", "options": {"region": "us-east-1"}}),
            ("PUT", f"/routes/alias-{number}", {"targets": [{"provider": "sandbox", "model": "chat"}]}),
        ):  # fmt: skip
            made = await client.request(method, f"/orgs/{org}{path}", json=body)
            assert made.status_code in {200, 201}, made.text
        identifier = new_id("req")
        one = usage_event(id=identifier, created_at=id_time(identifier), org_id=org, model=f"model-{number}")
        await UsageStore(data).insert([one])


async def _asked(api: Api, client: httpx2.AsyncClient, org: str) -> dict[str, tuple[int, int]]:
    """Of each list: statements, and entries."""
    figures = dict[str, tuple[int, int]]()
    engines = (api.deps.database.engine.sync_engine, api.deps.admin.engine.sync_engine)
    for path, name in _lists().items():
        with counted(*engines) as count:
            answer = await client.get(
                path.replace("{org}", org), params=None if "?" in path or path in NO_ROWS else {"limit": 100}
            )
        assert answer.status_code == 200 or path in OF_STRIPE, (path, answer.text)
        entries: Any = answer.json().get(name, [])
        figures[path] = (count.statements, len(entries))
    return figures


async def test_a_list_of_twenty_takes_no_more_statements_than_a_list_of_one(api: Api, data: Database) -> None:
    owner = await api.person("o@a.test", operator=True)
    org = await api.org("Acme", owner)
    client = await api.as_(owner)
    await _grow(api, data, client, owner, org, range(1))
    one = await _asked(api, client, org)
    await _grow(api, data, client, owner, org, range(1, MANY))
    many = await _asked(api, client, org)
    assert {path: count for path, (count, _) in many.items()} == {path: count for path, (count, _) in one.items()}
    assert all(count > 0 for path, (count, _) in many.items() if path not in NO_ROWS), many
    same = {path for path, (_, entries) in many.items() if entries < MANY}
    assert same - NO_ROWS - OF_STRIPE == set(), "these lists did not grow: the test shows nothing of them"
