"""What operators see and do: plans, suspension, revenue and churn; all of it in the trail."""

from tests.controlplane.api import Api, error_of


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


async def test_a_plan_that_is_none_is_refused(api: Api) -> None:
    operator = await api.as_(await api.person("op@us.test", operator=True))
    org = await api.org("Acme", await api.person("o@a.test"))
    refused = await operator.patch(f"/admin/orgs/{org}", json={"plan": "platinum"})
    assert (refused.status_code, error_of(refused)["param"]) == (400, "plan")
