"""GET /orgs/{org}/usage/summary: figures by time and by what they were for, merged or not, exact but for percentiles."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest

from llmgateway.contract.usage import LACKING, Outcome, UsageEvent
from llmgateway.controlplane.usage import rollups, summary
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.session import Database
from llmgateway.kit.clock import ManualClock
from llmgateway.kit.ids import id_time, new_id
from llmgateway.kit.money import nanos
from tests.controlplane.api import Api, Json, open_api
from tests.controlplane.records import event
from tests.controlplane.sums import DAY, START, added, made, roll_up

NOW = START + 3 * DAY + timedelta(hours=5, minutes=20)


@pytest.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """At a time of the test's own."""
    async with open_api(database_url, tmp_path, ManualClock(NOW)) as api:
        yield api


class Asked:
    """One organisation's summary."""

    def __init__(self, client: httpx2.AsyncClient, org: str) -> None:
        self.client = client
        self.org = org

    async def __call__(self, **wish: Any) -> Json:
        answer = await self.client.get(f"/orgs/{self.org}/usage/summary", params={**RANGE, **wish})
        assert answer.status_code == 200, answer.text
        return answer.json()


RANGE = {"from": START.isoformat(), "to": NOW.isoformat()}


@pytest.fixture
async def asked(api: Api) -> Asked:
    owner = await api.person("o@a.test")
    return Asked(await api.as_(owner), await api.org("Acme", owner))


def at(moment: datetime, org: str, **changes: object) -> UsageEvent:
    """An event of a moment."""
    identifier = new_id("req", moment)
    return event(id=identifier, created_at=id_time(identifier), org_id=org, **changes)


async def test_it_is_the_same_before_and_after_merging(asked: Asked, data: Database, worker: Database) -> None:
    random, store = Random(1), UsageStore(data)
    events = [made(random, asked.org) for _ in range(300)]
    await store.insert([made(random, "org_of_others") for _ in range(50)])
    await store.insert(events[:200])
    wishes: list[Json] = [
        {},
        {"step": "hour"},
        {"step": "day", "by": "model"},
        {"step": "month", "by": "tag"},
        {"by": "key", "provider": "openai", "tag": "blue"},
        {"by": "project", "test": True},
        {"step": "day", "from": (START + timedelta(hours=5)).isoformat()},
    ]
    pending = [await asked(**wish) for wish in wishes]
    await rollups.roll_up_next(worker)
    assert [await asked(**wish) for wish in wishes] == pending
    await store.insert(events[200:])  # half merged, half not
    half = [await asked(**wish) for wish in wishes]
    await roll_up(worker)
    assert [await asked(**wish) for wish in wishes] == half
    live = [one for one in events if not one.test]
    row = half[0]["data"][0]
    assert row["requests"] == len(live)
    assert row["prompt_tokens"] == added(live, "prompt_tokens")
    assert row["cache_write_tokens"] == added(live, "cache_write_tokens")
    assert nanos(row["cost_usd"]) == added(live, "cost_nanos")
    assert nanos(row["charge_usd"]) == added(live, "charge_nanos")
    assert nanos(row["list_cost_usd"]) == added(live, "list_cost_nanos")
    assert sum(one["requests"] for one in half[1]["data"]) == len(live)


@pytest.mark.parametrize("merged", [True, False])
async def test_by_everything(asked: Asked, data: Database, worker: Database, *, merged: bool) -> None:
    events = [made(Random(2), asked.org) for _ in range(1)] + [made(Random(n), asked.org) for n in range(200)]
    events = [one for one in events if not one.test]
    await UsageStore(data).insert(events)
    if merged:
        await roll_up(worker)
    for by, name in (("model", "model"), ("provider", "provider"), ("key", "key_id"), ("project", "project_id"),
                     ("served_model", "served_model"), ("outcome", "outcome"), ("cache", "cache")):  # fmt: skip
        rows = (await asked(by=by))["data"]
        assert {row["group"] for row in rows} == {getattr(one, name) for one in events}
        for row in rows:
            mine = [one for one in events if getattr(one, name) == row["group"]]
            assert (row["requests"], nanos(row["cost_usd"])) == (len(mine), added(mine, "cost_nanos")), by
    tags = {row["group"]: row["requests"] for row in (await asked(by="tag"))["data"]}
    assert tags == {
        **{name: sum(name in one.tags for one in events) for name in ("blue", "green")},
        None: sum(not one.tags for one in events),
    }
    some = [one for one in events if one.model == "fast" and one.key_id == "key_1" and "green" in one.tags]
    found = await asked(model="fast", key_id="key_1", tag="green")
    assert [row["requests"] for row in found["data"]] == [len(some)]
    gone = [one for one in events if one.outcome is Outcome.ABANDONED]
    row = (await asked(outcome="abandoned"))["data"][0]
    assert (row["requests"], row["abandoned"], nanos(row["cost_usd"])) == (
        len(gone),
        len(gone),
        added(gone, "cost_nanos"),
    )


async def test_errors_and_savings_are_told_apart(asked: Asked, data: Database) -> None:
    figures = {"cost_nanos": 100, "list_cost_nanos": 300}
    events = [
        at(START, asked.org, cache="miss", **figures),
        at(START, asked.org, cache="hit", cost_nanos=0, list_cost_nanos=50),
        at(START, asked.org, cost_nanos=None, list_cost_nanos=500),
        at(START, asked.org, outcome=Outcome.FAILED, **figures),
        at(START, asked.org, outcome=Outcome.REFUSED, cost_nanos=0),
        at(START, asked.org, outcome=Outcome.ABANDONED, cost_nanos=10),
        at(START, asked.org, outcome=Outcome.ABANDONED, cost_nanos=None, completion_tokens=0),
        at(START, asked.org, outcome=Outcome.FAILED, cost_nanos=None, prompt_tokens=0, completion_tokens=0),
        at(START, asked.org, test=True, **figures),
        at(START, asked.org, cost_nanos=0, list_cost_nanos=0, price_version=f"genai-prices 1{LACKING}searches"),
    ]
    await UsageStore(data).insert(events)
    row = (await asked())["data"][0]
    names = ("requests", "errors", "refused", "abandoned", "cache_hits", "unpriced", "error_rate")
    assert [row[name] for name in names] == [9, 2, 1, 2, 1, 3, round(2 / 9, 6)]
    saved = [nanos(row[f"{name}_usd"]) for name in ("saved", "saved_by_cache", "saved_by_routing")]
    assert saved == [450, 50, 400]
    assert [row["requests"] for row in (await asked(test=True))["data"]] == [1]


@pytest.mark.parametrize("test", [True, False])
async def test_savings_and_what_has_no_price_are_those_of_the_requests(
    asked: Asked, data: Database, worker: Database, *, test: bool
) -> None:
    await UsageStore(data).insert([made(Random(n), asked.org) for n in range(200)])
    await roll_up(worker)
    row = (await asked(test=test))["data"][0]
    page = await asked.client.get(f"/orgs/{asked.org}/usage", params={**RANGE, "test": test, "limit": 200})
    requests = page.json()["data"]
    assert nanos(row["saved_usd"]) == sum(nanos(one["saved_usd"] or "0") for one in requests)
    unpriced = [
        one for one in requests
        if one["cost_usd"] is None and (one["outcome"] == "finished" or one["prompt_tokens"] or one["completion_tokens"])
    ]  # fmt: skip
    assert (row["requests"], row["unpriced"]) == (len(requests), len(unpriced))


async def test_percentiles_are_less_than_5_percent_off(asked: Asked, data: Database, worker: Database) -> None:
    random = Random(3)
    times = sorted(int(random.lognormvariate(7, 1)) for _ in range(500))
    events = [
        at(START + timedelta(minutes=5 * place), asked.org, duration_ms=time, first_token_ms=time // 3)
        for place, time in enumerate(times)
    ]
    failed = [at(START, asked.org, duration_ms=1, outcome=Outcome.FAILED) for _ in range(500)]
    await UsageStore(data).insert([*events, *failed])
    await rollups.roll_up_next(worker)
    row = (await asked())["data"][0]
    for name, true in (("p50_ms", times[249]), ("p95_ms", times[474])):
        assert abs(row[name] - true) <= 0.05 * true + 0.5
        first = row[f"first_token_{name}"]
        assert abs(first - true // 3) <= 0.05 * (true // 3) + 0.5
    failures = (await asked(by="outcome"))["data"]
    assert {row["group"]: row["p50_ms"] for row in failures}["failed"] is None


@pytest.mark.parametrize("merged", [True, False])
async def test_a_tag_that_is_there_twice_counts_once(
    asked: Asked, data: Database, worker: Database, *, merged: bool
) -> None:
    await UsageStore(data).insert([at(START, asked.org, tags=("blue", "red", "blue"))])
    if merged:
        await roll_up(worker)
    assert {row["group"]: row["requests"] for row in (await asked(by="tag"))["data"]} == {"blue": 1, "red": 1}


async def test_a_range_is_of_whole_hours_and_days_are_utc(asked: Asked, data: Database, worker: Database) -> None:
    hours = [0, 5, 6, 23, 24, 47, 48, 71, 72, 77]
    await UsageStore(data).insert([at(START + timedelta(hours=hour, minutes=59), asked.org) for hour in hours])
    await roll_up(worker)
    begin = START + timedelta(hours=5, minutes=40)
    found = await asked(step="day", **{"from": begin.isoformat()})
    assert (found["from"], found["to"]) == ("2026-11-04T05:00:00Z", "2026-11-07T06:00:00Z")
    assert found["figures_until"] == "2026-11-07T05:20:00Z"
    assert [(row["time"], row["requests"]) for row in found["data"]] == [
        ("2026-11-04T00:00:00Z", 3), ("2026-11-05T00:00:00Z", 2), ("2026-11-06T00:00:00Z", 2), ("2026-11-07T00:00:00Z", 2)
    ]  # fmt: skip
    file = await asked.client.get(
        f"/orgs/{asked.org}/usage/summary", params={**RANGE, "from": begin.isoformat(), "format": "csv"}
    )
    assert file.headers["x-range"] == "2026-11-04T05:00:00Z/2026-11-07T06:00:00Z"
    assert file.headers["x-figures-until"] == "2026-11-07T05:20:00Z"
    some = await asked(step="hour", **{"from": begin.isoformat(), "to": (START + timedelta(hours=7)).isoformat()})
    assert [row["time"] for row in some["data"]] == ["2026-11-04T05:00:00Z", "2026-11-04T06:00:00Z"]
    past = await asked(to=(START + timedelta(hours=47)).isoformat())
    assert [row["requests"] for row in past["data"]] == [5]
    elsewhere = await asked(step="hour", **{"from": "2026-11-04T07:00:00+02:00", "to": "2026-11-04T08:00:00+02:00"})
    assert [row["time"] for row in elsewhere["data"]] == ["2026-11-04T05:00:00Z"]


async def test_against_the_period_before(asked: Asked, data: Database, worker: Database) -> None:
    await UsageStore(data).insert(
        [at(START + timedelta(hours=hour), asked.org, cost_nanos=hour) for hour in (1, 25, 26, 49)]
    )
    await roll_up(worker)
    wish = {"from": (START + DAY).isoformat(), "to": (START + 2 * DAY).isoformat(), "by": "model"}
    found = await asked(compare=True, **wish)
    assert [row["requests"] for row in found["data"]] == [2]
    assert [row["requests"] for row in found["previous"]] == [1]
    assert found["previous_from"] == "2026-11-04T00:00:00Z"
    assert (await asked(**wish))["previous"] is None
    answer = await asked.client.get(
        f"/orgs/{asked.org}/usage/summary", params={**wish, "compare": True, "format": "csv"}
    )
    assert answer.headers["x-range"] == "2026-11-05T00:00:00Z/2026-11-06T00:00:00Z"
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(line["period"], line["requests"], line["cost_usd"]) for line in lines] == [
        ("current", "2", "0.000000051"),
        ("previous", "1", "0.000000001"),
    ]


async def test_rows_are_said_to_be_cut_only_where_some_are_missing(
    asked: Asked, data: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summary, "MOST_ROWS", 2)
    models = {1: ("a", "b", "c"), 25: ("a", "b"), 49: ("a", "b")}
    await UsageStore(data).insert(
        [at(START + timedelta(hours=hour), asked.org, model=name) for hour, names in models.items() for name in names]
    )
    wish = {"by": "model", "compare": True}
    days = [{"from": (START + n * DAY).isoformat(), "to": (START + (n + 1) * DAY).isoformat()} for n in range(3)]
    found = [await asked(**wish, **day) for day in days]
    assert [(one["truncated"], len(one["data"]), len(one["previous"])) for one in found] == [
        (True, 2, 0), (True, 2, 2), (False, 2, 2)
    ]  # fmt: skip
    for day, one in zip(days, found, strict=True):
        file = await asked.client.get(f"/orgs/{asked.org}/usage/summary", params={**wish, **day, "format": "csv"})
        assert (file.headers.get("x-truncated") == "true") == one["truncated"]


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("0001-01-01T00:00:00Z", "0001-01-02T00:00:00Z"),
        ("0001-01-01T00:00:00+14:00", "2026-11-05T00:00:00Z"),
        ("9999-12-30T00:00:00Z", "9999-12-31T23:59:59Z"),
        ("2026-11-05T00:00:00Z", "9999-12-31T23:59:59-14:00"),
    ],
)
async def test_the_ends_of_time_are_refused(asked: Asked, since: str, until: str) -> None:
    for path in ("usage/summary", "usage", "billing/statement", "audit"):
        wish = {"from": since, "to": until, **({"compare": "true"} if path == "usage/summary" else {})}
        answer = await asked.client.get(f"/orgs/{asked.org}/{path}", params=wish)
        assert answer.status_code == 400, path
        assert "must lie in the years 1970 to 9000" in answer.json()["error"]["message"]


async def test_a_range_that_is_none_is_refused(asked: Asked) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    for wish in (
        {"from": NOW.isoformat(), "to": START.isoformat()},
        {"from": long_ago, "step": "day"},
        {"from": long_ago, "step": "hour"},
        {"from": "1970-01-01T00:00:00Z", "to": "9000-01-01T00:00:00Z", "compare": "true"},
    ):
        params = {name: str(value) for name, value in {**RANGE, **wish}.items()}
        answer = await asked.client.get(f"/orgs/{asked.org}/usage/summary", params=params)
        assert answer.status_code == 400


async def test_all_that_was_ever_used_is_one_question(asked: Asked, data: Database, worker: Database) -> None:
    """A budget in all is held against it, however old its organisation is."""
    await UsageStore(data).insert([at(START, asked.org, cost_nanos=7), at(NOW - DAY, asked.org, cost_nanos=5)])
    await roll_up(worker)
    long_ago = datetime(2020, 1, 1, tzinfo=UTC).isoformat()
    for step, costs in (("all", ["0.000000012"]), ("month", ["0.000000012"])):
        found = await asked(step=step, **{"from": long_ago})
        assert [row["cost_usd"] for row in found["data"]] == costs


async def test_keys_and_projects_are_told_by_their_names_as_far_as_they_are_there(
    asked: Asked, api: Api, data: Database
) -> None:
    made_key = (await asked.client.post(f"/orgs/{asked.org}/keys", json={"name": "Übersetzer"})).json()["id"]
    project = (await asked.client.post(f"/orgs/{asked.org}/projects", json={"name": "Shop"})).json()["id"]
    keys, projects = (made_key, "key_gone"), (project, None)
    pairs = zip(keys, projects, strict=True)
    await UsageStore(data).insert([at(START, asked.org, key_id=key, project_id=one) for key, one in pairs])
    names = {row["group"]: row["name"] for row in (await asked(by="key"))["data"]}
    assert names == {made_key: "Übersetzer", "key_gone": None}
    assert {row["group"]: row["name"] for row in (await asked(by="project"))["data"]} == {project: "Shop", None: None}
    assert [row["name"] for row in (await asked(by="model"))["data"]] == [None]
    told = await asked.client.get(
        f"/orgs/{asked.org}/usage/summary", params={**RANGE, "by": "project", "format": "csv"}
    )
    assert {row["name"] for row in csv.DictReader(io.StringIO(told.text))} == {"Shop", ""}
    other = await api.org("Other", await api.person("o@b.test"))
    await UsageStore(data).insert([at(START, other, key_id=made_key)])
    stranger = await (await api.as_(await api.person("p@b.test", operator=True))).get(
        "/admin/usage", params={**RANGE, "by": "org"}
    )
    assert {row["group"]: row["name"] for row in stranger.json()["data"]} == {asked.org: "Acme", other: "Other"}
