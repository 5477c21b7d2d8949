"""What operators see and do: plans, suspension, revenue and churn; all of it in the trail."""

import csv
import io
from datetime import timedelta

import pytest

from llmgateway.controlplane.admin.operators import appoint, listed
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.session import Database
from llmgateway.errors import Conflict, NotFound
from tests.controlplane.api import Api, error_of
from tests.controlplane.records import NOW, event


async def test_operators_assign_plans_suspend_and_see_what_comes_of_it(api: Api) -> None:
    operator = await api.as_(await api.person("op@us.test", operator=True))
    owner_id = await api.person("o@a.test")
    org = await api.org("Acme", owner_id, plan="professional")
    await api.org("Small", owner_id, plan="starter")
    figures = (await operator.get("/admin/figures")).json()
    assert figures["monthly_recurring_usd"] == "128.00"
    assert figures["churned_30_days"] == 0
    changed = await operator.patch(f"/admin/orgs/{org}", json={"plan": "free"})
    assert changed.json()["plan"] == "free"
    figures = (await operator.get("/admin/figures")).json()
    assert (figures["monthly_recurring_usd"], figures["churned_30_days"]) == ("29.00", 1)
    assert figures["churn_rate"] == "0.5000"
    assert (await operator.patch(f"/admin/orgs/{org}", json={"suspended": True})).json()["suspended_at"]
    owner = await api.as_(owner_id)
    refused = await owner.post(f"/orgs/{org}/keys", json={"name": "k"})
    assert (refused.status_code, error_of(refused)["code"]) == (403, "organisation_closed")
    assert (await owner.get(f"/orgs/{org}/keys")).status_code == 200  # reading goes on
    trail = (await owner.get(f"/orgs/{org}/audit")).json()["data"]
    assert [(entry["action"], entry["actor_kind"]) for entry in trail] == [
        ("org.suspend", "operator"),
        ("org.plan", "operator"),
    ]


async def test_who_is_suspended_brings_nothing(api: Api) -> None:
    operator = await api.as_(await api.person("op@us.test", operator=True))
    owner_id = await api.person("o@a.test")
    org = await api.org("Acme", owner_id, plan="professional")
    await api.org("Small", owner_id, plan="starter")
    await operator.patch(f"/admin/orgs/{org}", json={"suspended": True})
    figures = (await operator.get("/admin/figures")).json()
    assert figures["monthly_recurring_usd"] == "29.00"
    plans = {one["plan"]: one for one in figures["plans"]}
    assert plans["professional"] == {
        "plan": "professional",
        "organisations": 1,
        "paying": 0,
        "monthly_usd": "0.00",
    }


async def test_operators_find_organisations_page_by_page(api: Api) -> None:
    operator = await api.as_(await api.person("op@us.test", operator=True))
    owner_id = await api.person("o@a.test")
    names = [f"Org {place}" for place in range(5)]
    for name in names:
        await api.org(name, owner_id)
    seen, cursor = list[str](), None
    while True:
        params = {"limit": 2, "q": "org", **({"cursor": cursor} if cursor else {})}
        page = (await operator.get("/admin/orgs", params=params)).json()
        seen += [entry["name"] for entry in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == names[::-1]
    assert page["data"][0]["members"] == 1


async def test_operators_give_credit_once_and_the_statement_says_why(api: Api) -> None:
    operator = await api.as_(await api.person("op@us.test", operator=True))
    owner_id = await api.person("o@a.test")
    org = await api.org("Acme", owner_id)
    grant = {"usd": "250", "reference": "INV-7", "note": "bank transfer of 3 November"}
    given = await operator.post(f"/admin/orgs/{org}/credit", json=grant)
    assert (given.status_code, given.json()["credit_usd"]) == (201, "250.000000000")
    again = await operator.post(f"/admin/orgs/{org}/credit", json=grant)
    assert (again.status_code, error_of(again)["param"]) == (409, "reference")
    back = {"usd": "50.5", "reference": "INV-7/b", "note": "too much", "takes_back": True}
    assert (await operator.post(f"/admin/orgs/{org}/credit", json=back)).json()["credit_usd"] == "199.500000000"
    owner = await api.as_(owner_id)
    assert (await owner.get(f"/orgs/{org}/billing")).json()["credit_usd"] == "199.500000000"
    trail = (await owner.get(f"/orgs/{org}/audit", params={"action": "billing.grant"})).json()["data"]
    assert [entry["after"]["usd"] for entry in trail] == ["-50.500000000", "250.000000000"]
    months = await owner.get(f"/orgs/{org}/billing/statement", params={"format": "csv"})
    assert "Credit given: bank transfer of 3 November" in months.text
    for wrong in ({**grant, "usd": "0"}, {**grant, "usd": "-5"}, {**grant, "reference": ""}, {"usd": "5"}):
        assert (await operator.post(f"/admin/orgs/{org}/credit", json=wrong)).status_code == 400
    assert (await operator.post("/admin/orgs/nobody/credit", json=grant)).status_code == 404
    assert (await owner.post(f"/admin/orgs/{org}/credit", json=grant)).status_code == 404


async def test_a_plan_that_is_none_is_refused(api: Api) -> None:
    operator = await api.as_(await api.person("op@us.test", operator=True))
    org = await api.org("Acme", await api.person("o@a.test"))
    refused = await operator.patch(f"/admin/orgs/{org}", json={"plan": "platinum"})
    assert (refused.status_code, error_of(refused)["param"]) == (400, "plan")


async def test_what_operators_look_at_is_in_the_trail_too(api: Api) -> None:
    operator = await api.as_(await api.person("op@us.test", operator=True))
    org, owner = await api.owner_of("Acme")
    await operator.get("/admin/orgs", params={"q": "acme"})
    await operator.get("/admin/figures")
    await operator.get(f"/admin/orgs/{org}")
    await operator.patch(f"/admin/orgs/{org}", json={"suspended": True})
    trail = (await operator.get("/admin/audit", params={"limit": 3})).json()
    assert [(entry["action"], entry["org_id"]) for entry in trail["data"]] == [
        ("org.suspend", org),
        ("operator.look", org),
        ("operator.figures", None),
    ]
    rest = (await operator.get("/admin/audit", params={"cursor": trail["next_cursor"]})).json()["data"]
    assert [(entry["action"], entry["after"]) for entry in rest] == [("operator.list", {"q": "acme", "plan": None})]
    mine = (await owner.get(f"/orgs/{org}/audit")).json()["data"]
    assert [entry["action"] for entry in mine] == ["org.suspend", "operator.look"]
    filed = await operator.get("/admin/audit", params={"format": "csv", "target": org})
    assert [row["action"] for row in csv.DictReader(io.StringIO(filed.text))] == ["org.suspend", "operator.look"]


async def test_operators_see_what_each_organisation_used_in_any_range(api: Api, data: Database) -> None:
    operator = await api.as_(await api.person("op@us.test", operator=True))
    await UsageStore(data).insert([
        *(event(org_id="org_1", cost_nanos=5, model=model) for model in ("a", "b")),
        event(org_id="org_2", cost_nanos=11, model="a"),
        event(org_id="org_2", cost_nanos=11, test=True),
    ])  # fmt: skip
    wish = {"from": NOW.isoformat(), "to": (NOW + timedelta(minutes=1)).isoformat()}
    found = (await operator.get("/admin/usage", params=wish)).json()
    assert (found["from"], found["to"]) == ("2026-11-05T12:00:00Z", "2026-11-05T13:00:00Z")
    assert [(row["group"], row["requests"], row["cost_usd"]) for row in found["data"]] == [
        ("org_2", 1, "0.000000011"),
        ("org_1", 2, "0.000000010"),
    ]
    by_model = (await operator.get("/admin/usage", params={**wish, "by": "model"})).json()["data"]
    assert [(row["group"], row["requests"]) for row in by_model] == [("a", 2), ("b", 1)]
    file = await operator.get("/admin/usage", params={**wish, "format": "csv"})
    assert file.headers["x-range"] == "2026-11-05T12:00:00Z/2026-11-05T13:00:00Z"
    assert [line["group"] for line in csv.DictReader(io.StringIO(file.text))] == ["org_2", "org_1"]
    trail = (await operator.get("/admin/audit", params={"limit": 1})).json()["data"]
    assert (trail[0]["action"], trail[0]["after"]["by"]) == ("operator.usage", "org")
    assert (await operator.get("/admin/usage", params={"by": "tag"})).status_code == 400


async def test_operators_are_appointed_and_dismissed_at_once_and_the_last_one_stays(api: Api) -> None:
    for email in ("op@us.test", "first@us.test"):
        await api.person(email, operator=True)
    second = await api.as_(await api.person("second@us.test"))
    async with api.admin.transaction() as tx:
        assert set(await listed(tx)) == {"op@us.test", "first@us.test"}
        await appoint(tx, api.clock, "Second@us.test", operator=True)
    assert (await second.get("/admin/figures")).status_code == 200
    async with api.admin.transaction() as tx:
        for email in ("second@us.test", "first@us.test"):
            await appoint(tx, api.clock, email, operator=False)
        assert list(await listed(tx)) == ["op@us.test"]
        with pytest.raises(Conflict):
            await appoint(tx, api.clock, "op@us.test", operator=False)
        with pytest.raises(NotFound):
            await appoint(tx, api.clock, "nobody@us.test", operator=True)
    assert (await second.get("/admin/figures")).status_code == 404
