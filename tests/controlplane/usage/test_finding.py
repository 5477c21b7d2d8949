"""GET /orgs/{org}/usage: every request that is looked for, once, newest first, page by page."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import httpx2
import pytest

from llmgateway.contract.usage import UsageEvent
from llmgateway.controlplane.usage import rollups, routes
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from tests.controlplane.api import Api, Json, error_of
from tests.controlplane.sums import START, made

MIDDLE = START + timedelta(days=1, hours=7, minutes=13)

Wished = Callable[[UsageEvent], bool]
WISHES: list[tuple[Json, Wished]] = [
    ({}, lambda _: True),
    ({"model": "fast"}, lambda one: one.model == "fast"),
    ({"model": "no-such-model"}, lambda _: False),
    ({"provider": "openai", "key_id": "key_2"}, lambda one: one.provider == "openai" and one.key_id == "key_2"),
    ({"project_id": "prj_1", "outcome": "failed"}, lambda one: one.project_id == "prj_1" and one.outcome == "failed"),
    ({"project_id": "", "model": "fast"}, lambda one: one.project_id is None and one.model == "fast"),
    ({"provider": ""}, lambda one: one.provider is None),
    ({"tag": "green", "test": False}, lambda one: "green" in one.tags and not one.test),
    ({"test": True}, lambda one: one.test),
    ({"from": MIDDLE.isoformat()}, lambda one: one.created_at >= MIDDLE),
    ({"to": MIDDLE.isoformat(), "model": "fast"}, lambda one: one.created_at < MIDDLE and one.model == "fast"),
    (
        {"from": (MIDDLE - timedelta(hours=5)).isoformat(), "to": MIDDLE.isoformat(), "outcome": "finished"},
        lambda one: MIDDLE - timedelta(hours=5) <= one.created_at < MIDDLE and one.outcome == "finished",
    ),
]


async def _pages(client: httpx2.AsyncClient, org: str, wish: Json, limit: int) -> list[str]:
    """The ids of all pages."""
    found, cursor = list[str](), None
    for _ in range(500):
        params: dict[str, Any] = {**wish, "limit": limit, **({"cursor": cursor} if cursor else {})}
        page = (await client.get(f"/orgs/{org}/usage", params=params)).json()
        found += [row["id"] for row in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
        assert len(page["data"]) == limit
    raise AssertionError("the pages have no end")


async def test_all_of_them_once_and_newest_first(api: Api, data: Database, database_url: str) -> None:
    owner = await api.person("o@a.test")
    org = await api.org("Acme", owner)
    client, store, worker = await api.as_(owner), UsageStore(data), Database(database_url, Role.WORKER)
    random = Random(5)
    events = [made(random, org) for _ in range(240)]
    await store.insert([*events[:200], *(made(random, "org_of_others") for _ in range(20))])
    while await rollups.roll_up_next(worker):
        pass
    await worker.close()
    await store.insert(events[200:])  # not merged
    for wish, wished in WISHES:
        expected = sorted((one.id for one in events if wished(one)), reverse=True)
        for limit in (7, 100):
            assert await _pages(client, org, wish, limit) == expected, wish


async def test_a_file_holds_many_of_them_and_tells_of_the_rest(
    api: Api, data: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await api.person("o@a.test")
    org = await api.org("Acme", owner)
    client, random = await api.as_(owner), Random(7)
    events = [made(random, org) for _ in range(130)]
    await UsageStore(data).insert(events)
    expected = sorted((one.id for one in events), reverse=True)

    async def file(**more: str) -> tuple[list[str], str | None]:
        answer = await client.get(f"/orgs/{org}/usage", params={"format": "csv", **more})
        ids = [line["id"] for line in csv.DictReader(io.StringIO(answer.text))]
        return ids, answer.headers.get("x-next-cursor")

    assert await file() == (expected, None)
    monkeypatch.setattr(routes, "_ROWS_OF_A_FILE", 100)
    first, cursor = await file()
    assert (first, cursor is not None) == (expected[:100], True)
    assert await file(cursor=cursor or "") == (expected[100:], None)


async def test_what_the_plan_does_not_show_is_not_found(api: Api, data: Database) -> None:
    owner = await api.person("o@a.test")
    org = await api.org("Acme", owner, plan="free")
    client, now, random = await api.as_(owner), api.clock.now(), Random(6)
    old, new = made(random, org, now - timedelta(days=400)), made(random, org, now - timedelta(minutes=1))
    await UsageStore(data).insert([old, new])
    for wish in ({}, {"key_id": new.key_id}, {"from": (now - timedelta(days=500)).isoformat()}):
        assert await _pages(client, org, wish, 10) == [new.id]
    assert await _pages(client, org, {"outcome": old.outcome, "to": (now - timedelta(days=300)).isoformat()}, 10) == []
    assert (await client.get(f"/orgs/{org}/usage/{new.id}")).status_code == 200
    assert (await client.get(f"/orgs/{org}/usage/{old.id}")).status_code == 404


async def test_a_cursor_of_another_list_is_refused(api: Api) -> None:
    org, client = await api.owner_of("Acme")
    for name in ("bm90IGFuIGlk", "!"):
        refused = await client.get(f"/orgs/{org}/usage", params={"cursor": name})
        assert refused.status_code == 400
        assert error_of(refused)["param"] == "cursor"
