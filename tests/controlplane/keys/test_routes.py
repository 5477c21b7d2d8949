"""API keys over HTTP: rules, budgets, rotation, and whose they are."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from llmgateway.controlplane.keys.source import KeySource
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.kit.clock import ManualClock, SystemClock
from tests.controlplane.api import Api, error_of, open_api


async def test_a_key_keeps_what_it_was_given_and_the_data_plane_is_told(api: Api, data: Database) -> None:
    org, owner = await api.owner_of("Acme", plan="starter")
    project = (await owner.post(f"/orgs/{org}/projects", json={"name": "p", "requests_per_minute": 7})).json()["id"]
    wish = {
        "name": "k",
        "project_id": project,
        "scopes": ["chat", "embeddings"],
        "allowed_models": ["gpt-4.1"],
        "allowed_providers": ["openai"],
        "allowed_addresses": ["203.0.113.7/24", "2001:db8::1"],
        "tags": ["blue"],
        "expires_at": "2099-01-01T00:00:00Z",
        "cache_seconds": 60,
        "limits": {"requests_per_minute": 5, "tokens_per_minute": 1000, "concurrency": 2},
        "budgets": {"day_usd": "1", "month_usd": "10.5", "total_usd": "100", "mode": "soft"},
    }
    made = (await owner.post(f"/orgs/{org}/keys", json=wish)).json()
    assert made["allowed_addresses"] == ["203.0.113.0/24", "2001:db8::1/128"]
    assert made["limits"]["requests_per_hour"] == 1_000  # the default of every plan but self_hosted
    assert made["budgets"] == {
        "day_usd": "1.000000000",
        "month_usd": "10.500000000",
        "total_usd": "100.000000000",
        "mode": "soft",
    }
    snapshot = await KeySource(data, api.deps.pepper, SystemClock()).key_snapshot(made["key"])
    assert snapshot is not None
    assert (snapshot.id, snapshot.org.plan, snapshot.project_id) == (made["id"], "starter", project)
    assert snapshot.project_limits.requests_per_minute == 7
    assert snapshot.org.limits.requests_per_minute == 300
    assert snapshot.org.quota is not None
    assert (snapshot.org.quota.requests, snapshot.org.quota.tokens) == (10_000, 500_000)
    assert {budget.period: (budget.nanos, budget.hard) for budget in snapshot.budgets} == {
        "day": (10**9, False),
        "month": (105 * 10**8, False),
        "total": (100 * 10**9, False),
    }
    assert snapshot.models == {"gpt-4.1"}
    assert snapshot.secret_id == made["secrets"][0]["id"]


async def test_an_organisation_and_a_project_have_budgets_as_keys_have(api: Api, data: Database) -> None:
    org, owner = await api.owner_of("Acme")
    shared = {"name": "p", "budgets": {"day_usd": "2", "total_usd": "30"}}
    project = (await owner.post(f"/orgs/{org}/projects", json=shared)).json()["id"]
    made = (await owner.post(f"/orgs/{org}/keys", json={"name": "k", "project_id": project})).json()
    source = KeySource(data, api.deps.pepper, SystemClock())
    changed = await owner.patch(f"/orgs/{org}", json={"budgets": {"day_usd": "5", "month_usd": "50", "mode": "soft"}})
    assert changed.json()["budgets"]["mode"] == "soft"
    snapshot = await source.key_snapshot(made["key"])
    assert snapshot is not None
    assert snapshot.budgets == ()
    assert {(one.period, one.nanos, one.hard) for one in snapshot.project_budgets} == {
        ("day", 2 * 10**9, True),
        ("total", 30 * 10**9, True),
    }
    assert {(one.period, one.nanos, one.hard) for one in snapshot.org.budgets} == {
        ("day", 5 * 10**9, False),
        ("month", 50 * 10**9, False),
    }
    assert (await owner.patch(f"/orgs/{org}", json={"budgets": None})).json()["budgets"]["month_usd"] is None
    trail = (await owner.get(f"/orgs/{org}/audit", params={"action": "org.change"})).json()["data"]
    assert trail[0]["before"] == {
        "budgets": {"day_usd": "5.000000000", "month_usd": "50.000000000", "total_usd": None, "mode": "soft"}
    }
    assert trail[0]["after"]["budgets"] == {"day_usd": None, "month_usd": None, "total_usd": None, "mode": "hard"}


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"name": ""}, "name"),
        ({"name": "Acme\u202egro"}, "name"),
        ({"name": "Acme\u2066gro"}, "name"),
        ({"name": "Ac\x85me"}, "name"),
        ({"name": "k", "scopes": ["everything"]}, "scopes.0"),
        ({"name": "k", "allowed_addresses": ["somewhere"]}, "allowed_addresses.0"),
        ({"name": "k", "expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "k", "expires_at": "tomorrow"}, "expires_at"),
        ({"name": "k", "limits": {"requests_per_minute": 0}}, "limits.requests_per_minute"),
        ({"name": "k", "limits": {"requests_per_minute": True}}, "limits.requests_per_minute"),
        ({"name": "k", "limits": {"requests_per_minute": "5"}}, "limits.requests_per_minute"),
        ({"name": "k", "budgets": {"month_usd": "-1"}}, "budgets.month_usd"),
        ({"name": "k", "budgets": {"month_usd": 1.5}}, "budgets.month_usd"),
        ({"name": "k", "budgets": {"month_usd": "NaN"}}, "budgets.month_usd"),
        ({"name": "k", "budgets": {"month_usd": "1e300000"}}, "budgets.month_usd"),
        ({"name": "k", "budgets": {"month_usd": "1e999999999"}}, "budgets.month_usd"),
        ({"name": "k", "budgets": {"month_usd": "1.0000000001"}}, "budgets.month_usd"),
        ({"name": "k", "budgets": {"month_usd": "1_000"}}, "budgets.month_usd"),
        ({"name": "k", "budgets": {"month_usd": "\u0663"}}, "budgets.month_usd"),
    ],
)
async def test_what_is_wrong_is_named(api: Api, wrong: dict[str, object], param: str) -> None:
    org, owner = await api.owner_of("Acme")
    refused = await owner.post(f"/orgs/{org}/keys", json=wrong)
    assert (refused.status_code, error_of(refused)["param"]) == (400, param)


async def test_a_hard_budget_that_begins_anew_begins_with_what_was_spent_meanwhile(api: Api, data: Database) -> None:
    """Its counter is another one, which the data plane does not know yet."""
    org, owner = await api.owner_of("Acme")
    made = (await owner.post(f"/orgs/{org}/keys", json={"name": "k", "budgets": {"month_usd": "1"}})).json()
    source = KeySource(data, api.deps.pepper, SystemClock())
    for changes, epoch in (
        ({"month_usd": "2"}, 0),
        ({"mode": "soft"}, 0),
        ({"mode": "hard"}, 1),
        ({"day_usd": "5"}, 2),
        ({"day_usd": None}, 2),
        (None, 2),
        ({"month_usd": "2"}, 3),
    ):
        assert (await owner.patch(f"/orgs/{org}/keys/{made['id']}", json={"budgets": changes})).status_code == 200
        snapshot = await source.key_snapshot(made["key"])
        assert snapshot is not None
        assert {budget.epoch for budget in snapshot.budgets} == ({epoch} if changes else set())
    body = {"budgets": {"month_usd": "1"}}
    project = (await owner.post(f"/orgs/{org}/projects", json={"name": "p", **body})).json()["id"]
    await owner.patch(f"/orgs/{org}/keys/{made['id']}", json={"project_id": project})
    for given in (body, {"budgets": None}, body):
        for path in (f"/orgs/{org}", f"/orgs/{org}/projects/{project}"):
            assert (await owner.patch(path, json=given)).status_code == 200
    snapshot = await source.key_snapshot(made["key"])
    assert snapshot is not None
    assert [budget.epoch for budget in (*snapshot.org.budgets, *snapshot.project_budgets)] == [2, 1]


async def test_what_a_list_says_twice_counts_once(api: Api) -> None:
    org, owner = await api.owner_of("Acme")
    lists = {
        "tags": ["b", "a", "b"],
        "allowed_models": ["m", "m"],
        "allowed_providers": ["p", "p "],
        "scopes": ["chat", "chat"],
        "allowed_addresses": ["10.0.0.1/8", "10.0.0.0/8"],
    }
    made = (await owner.post(f"/orgs/{org}/keys", json={"name": "k", **lists})).json()
    assert (made["tags"], made["allowed_models"], made["scopes"]) == (["b", "a"], ["m"], ["chat"])
    assert (made["allowed_providers"], made["allowed_addresses"]) == (["p"], ["10.0.0.0/8"])


async def test_a_change_sets_what_is_given_and_null_takes_a_rule_off(api: Api) -> None:
    org, owner = await api.owner_of("Acme")
    wish = {
        "name": "k",
        "allowed_models": ["a"],
        "limits": {"requests_per_minute": 5},
        "budgets": {"day_usd": "1", "month_usd": "2"},
    }
    key = (await owner.post(f"/orgs/{org}/keys", json=wish)).json()["id"]
    change = {"allowed_models": None, "limits": {"requests_per_hour": 50}, "budgets": {"day_usd": None}}
    changed = (await owner.patch(f"/orgs/{org}/keys/{key}", json=change)).json()
    assert changed["name"] == "k"
    assert changed["allowed_models"] is None
    assert (changed["limits"]["requests_per_minute"], changed["limits"]["requests_per_hour"]) == (5, 50)
    assert (changed["budgets"]["day_usd"], changed["budgets"]["month_usd"]) == (None, "2.000000000")
    off = (await owner.patch(f"/orgs/{org}/keys/{key}", json={"limits": None, "budgets": None})).json()
    assert set(off["limits"].values()) == {None}
    assert off["budgets"]["month_usd"] is None
    trail = (await owner.get(f"/orgs/{org}/audit", params={"action": "key.change"})).json()["data"]
    assert trail[1]["before"]["allowed_models"] == ["a"]
    assert "name" not in trail[1]["after"]


@pytest.mark.parametrize(("plan", "usual"), [("professional", (60, 1_000, 10_000)), ("self_hosted", (None,) * 3)])
async def test_a_limit_of_null_is_the_plans_default_however_it_is_said(
    api: Api, plan: str, usual: tuple[int | None, ...]
) -> None:
    org, owner = await api.owner_of("Acme", plan=plan)
    names = ("requests_per_minute", "requests_per_hour", "requests_per_day")
    wish = {"name": "k", "limits": {"requests_per_minute": None, "requests_per_hour": 7}}
    made = (await owner.post(f"/orgs/{org}/keys", json=wish)).json()
    assert [made["limits"][name] for name in names] == [usual[0], 7, usual[2]]
    path = f"/orgs/{org}/keys/{made['id']}"
    await owner.patch(path, json={"limits": {"requests_per_minute": 5, "concurrency": 2}})
    one = (await owner.patch(path, json={"limits": {"requests_per_minute": None}})).json()["limits"]
    assert [*(one[name] for name in names), one["concurrency"]] == [usual[0], 7, usual[2], 2]
    every = (await owner.patch(path, json={"limits": None})).json()["limits"]
    assert [*(every[name] for name in names), every["concurrency"]] == [*usual, None]


async def test_a_key_can_have_no_limit_of_its_own_and_then_the_plans_rates_hold(api: Api, data: Database) -> None:
    org, owner = await api.owner_of("Acme", plan="professional")
    shown = (await owner.get(f"/orgs/{org}")).json()
    assert (shown["key_rates"]["requests_per_minute"], shown["rates"]["requests_per_minute"]) == (60, 1_000)
    wish = {"name": "k", "limits": {"requests_per_minute": "none", "requests_per_hour": 5, "concurrency": "none"}}
    made = (await owner.post(f"/orgs/{org}/keys", json=wish)).json()
    limits = ("requests_per_minute", "requests_per_hour", "requests_per_day", "concurrency")
    assert [made["limits"][name] for name in limits] == [None, 5, 10_000, None]
    path = f"/orgs/{org}/keys/{made['id']}"
    changed = (await owner.patch(path, json={"limits": {"requests_per_hour": "none"}})).json()
    assert [changed["limits"][name] for name in limits] == [None, None, 10_000, None]
    snapshot = await KeySource(data, api.deps.pepper, SystemClock()).key_snapshot(made["key"])
    assert snapshot is not None
    assert (snapshot.limits.requests_per_minute, snapshot.org.limits.requests_per_minute) == (None, 1_000)
    wrong = await owner.patch(path, json={"limits": {"requests_per_hour": "all"}})
    assert (wrong.status_code, error_of(wrong)["param"]) == (400, "limits.requests_per_hour")


async def test_after_a_rotation_two_secrets_live_until_the_end_date(database_url: str, tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 11, 5, 12, tzinfo=UTC))
    async with open_api(database_url, tmp_path, clock) as api:
        org, owner = await api.owner_of("Acme")
        first = (await owner.post(f"/orgs/{org}/keys", json={"name": "k"})).json()
        clock.advance(1)
        second = (await owner.post(f"/orgs/{org}/keys/{first['id']}/rotate", json={"overlap_seconds": 600})).json()
        assert [secret["expires_at"] for secret in second["secrets"]] == [None, "2026-11-05T12:10:01Z"]
        data = Database(database_url, Role.DATA)
        source = KeySource(data, api.deps.pepper, clock)
        old, new = await source.key_snapshot(first["key"]), await source.key_snapshot(second["key"])
        assert old is not None
        assert new is not None
        assert old.id == new.id == first["id"]
        assert (old.expires_at, new.expires_at) == (clock.now() + timedelta(seconds=600), None)
        clock.advance(1)
        third = (await owner.post(f"/orgs/{org}/keys/{first['id']}/rotate", json={"overlap_seconds": 600})).json()
        live = [
            secret
            for secret in third["secrets"]
            if secret["expires_at"] is None or secret["expires_at"] > "2026-11-05T12:00:02Z"
        ]
        assert len(live) == 2  # never three
        await source.used({third["secrets"][0]["id"]: clock.now()})
        shown = (await owner.get(f"/orgs/{org}/keys/{first['id']}")).json()
        assert shown["last_used_at"] == shown["secrets"][0]["last_used_at"] == "2026-11-05T12:00:02Z"
        assert shown["secrets"][1]["last_used_at"] is None
        await data.close()


async def test_a_member_changes_their_own_keys_and_an_admin_everybodys(api: Api) -> None:
    owner_id, admin_id, member_id = [await api.person(f"{name}@a.test") for name in ("o", "a", "m")]
    org = await api.org("Acme", owner_id, admin=admin_id, member=member_id)
    owner, admin, member = [await api.as_(person) for person in (owner_id, admin_id, member_id)]
    mine = (await member.post(f"/orgs/{org}/keys", json={"name": "mine"})).json()["id"]
    theirs = (await owner.post(f"/orgs/{org}/keys", json={"name": "theirs"})).json()["id"]
    assert (await member.patch(f"/orgs/{org}/keys/{mine}", json={"name": "x"})).status_code == 200
    for answer in (
        await member.patch(f"/orgs/{org}/keys/{theirs}", json={"name": "x"}),
        await member.post(f"/orgs/{org}/keys/{theirs}/rotate", json={}),
        await member.delete(f"/orgs/{org}/keys/{theirs}"),
    ):
        assert (answer.status_code, error_of(answer)["code"]) == (403, "permission_denied")
    assert (await admin.delete(f"/orgs/{org}/keys/{mine}")).status_code == 204
    gone = await member.patch(f"/orgs/{org}/keys/{mine}", json={"name": "x"})
    assert (gone.status_code, error_of(gone)["code"]) == (409, "conflict")


_LIFTED = [
    ({"limits": {"requests_per_minute": 6}}, "limits.requests_per_minute"),
    ({"limits": {"requests_per_minute": None}}, "limits.requests_per_minute"),
    ({"limits": None}, "limits.requests_per_minute"),
    ({"limits": {"requests_per_minute": "none"}}, "limits.requests_per_minute"),
    ({"budgets": {"month_usd": "1.01"}}, "budgets.month_usd"),
    ({"budgets": {"month_usd": None}}, "budgets.month_usd"),
    ({"budgets": None}, "budgets.month_usd"),
    ({"budgets": {"mode": "soft"}}, "budgets.mode"),
    ({"allowed_models": ["a", "c"]}, "allowed_models"),
    ({"allowed_models": None}, "allowed_models"),
    ({"expires_at": "2099-01-02T00:00:00Z"}, "expires_at"),
    ({"project_id": None}, "project_id"),
]


@pytest.mark.parametrize(("lifted", "param"), _LIFTED)
async def test_a_member_does_not_lift_what_an_admin_put_on_their_key(
    api: Api, lifted: dict[str, object], param: str
) -> None:
    owner_id, admin_id, member_id = [await api.person(f"{name}@a.test") for name in ("o", "a", "m")]
    org = await api.org("Acme", owner_id, admin=admin_id, member=member_id)
    admin, member = await api.as_(admin_id), await api.as_(member_id)
    project = (await admin.post(f"/orgs/{org}/projects", json={"name": "p", "budgets": {"month_usd": "5"}})).json()
    path = f"/orgs/{org}/keys/{(await member.post(f'/orgs/{org}/keys', json={'name': 'mine'})).json()['id']}"
    rules = {
        "project_id": project["id"],
        "allowed_models": ["a", "b"],
        "expires_at": "2099-01-01T00:00:00Z",
        "limits": {"requests_per_minute": 5},
        "budgets": {"month_usd": "1"},
    }
    held = (await admin.patch(path, json=rules)).json()
    assert {*held["governed"]} == {
        "project_id",
        "allowed_models",
        "expires_at",
        "limits.requests_per_minute",
        "budgets.month_usd",
        "budgets.mode",
    }
    refused = await member.patch(path, json={"name": "renamed", **lifted})
    assert (refused.status_code, error_of(refused)["code"]) == (403, "permission_denied")
    assert error_of(refused)["param"] == param
    assert "An admin or owner can" in error_of(refused)["message"]
    assert (await member.get(path)).json() == held
    assert (await member.post(f"{path}/rotate", json={})).json()["limits"] == held["limits"]
    assert (await admin.patch(path, json=lifted)).status_code == 200


async def test_a_member_lowers_what_an_admin_set_and_sets_the_rest_as_they_like(api: Api) -> None:
    owner_id, member_id = await api.person("o@a.test"), await api.person("m@a.test")
    org = await api.org("Acme", owner_id, member=member_id)
    owner, member = await api.as_(owner_id), await api.as_(member_id)
    wish = {"name": "mine", "limits": {"concurrency": 2}, "budgets": {"day_usd": "1"}, "tags": ["t"]}
    made = (await member.post(f"/orgs/{org}/keys", json=wish)).json()
    assert made["governed"] == []
    path = f"/orgs/{org}/keys/{made['id']}"
    await owner.patch(path, json={"limits": {"requests_per_minute": 5}, "allowed_models": ["a", "b"]})
    for change in (
        {"limits": {"requests_per_minute": 4, "concurrency": 9}},
        {"limits": {"requests_per_minute": 4}},
        {"allowed_models": ["b"], "allowed_providers": ["p"]},
        {"allowed_providers": None, "tags": None, "cache_seconds": 5},
        {"budgets": {"day_usd": "2", "mode": "soft"}},
        {"budgets": None},
    ):
        assert (await member.patch(path, json=change)).status_code == 200
    raised = await member.patch(path, json={"limits": {"requests_per_minute": 5}})
    assert raised.status_code == 403
    await owner.patch(path, json={"limits": {"requests_per_minute": None}})
    freed = await member.patch(path, json={"limits": {"requests_per_minute": 50}})
    assert (freed.status_code, freed.json()["governed"]) == (200, ["allowed_models"])


async def test_what_an_admin_made_holds_when_they_are_an_admin_no_more(api: Api) -> None:
    owner_id, admin_id = await api.person("o@a.test"), await api.person("a@a.test")
    org = await api.org("Acme", owner_id, admin=admin_id)
    owner, admin = await api.as_(owner_id), await api.as_(admin_id)
    wish = {"name": "k", "limits": {"concurrency": 2}, "budgets": {"total_usd": "1"}}
    path = f"/orgs/{org}/keys/{(await admin.post(f'/orgs/{org}/keys', json=wish)).json()['id']}"
    assert (await admin.patch(path, json={"limits": {"concurrency": 3}})).status_code == 200
    assert (await owner.patch(f"/orgs/{org}/members/{admin_id}", json={"role": "member"})).status_code == 200
    assert (await admin.patch(path, json={"limits": {"concurrency": 4}})).status_code == 403
    assert (await admin.patch(path, json={"budgets": None})).status_code == 403


@pytest.mark.parametrize("name", ["*", "gpt-*", "*/gpt-4.1", "openrouter/meta/*"])
async def test_a_star_that_would_never_match_is_refused(api: Api, name: str) -> None:
    org, owner = await api.owner_of("Acme")
    refused = await owner.post(f"/orgs/{org}/keys", json={"name": "k", "allowed_models": ["openai/*", name]})
    assert refused.status_code == 400
    assert "provider/*" in error_of(refused)["message"]
