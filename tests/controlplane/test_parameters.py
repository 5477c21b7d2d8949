"""What is asked in a query: a name that says nothing, or two things, is refused, so that no figure looks right and is not."""

import pytest

from tests.controlplane.api import Api, error_of

INSIDE = (
    "usage",
    "usage/summary",
    "billing/statement",
    "audit",
    "keys",
    "projects",
    "members",
    "routes",
    "cache",
    "export",
)
ADMIN = ("/admin/orgs", "/admin/audit", "/admin/figures")


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("usage/summary?modle=m1", "modle"),
        ("usage/summary?group_by=model&format=csv", "group_by"),
        ("usage/summary?by=model&start=2020", "start"),
        ("usage?limit=5&step=hour", "step"),
        ("usage/live?seconds=0&model=fast", "model"),
        ("billing/statement?since=2026-11-01T00:00:00Z", "since"),
    ],
)
async def test_what_says_nothing_is_refused_by_name_with_what_there_is(api: Api, asked: str, name: str) -> None:
    owner = await api.person("o@a.test")
    org = await api.org("Acme", owner)
    refused = await (await api.as_(owner)).get(f"/orgs/{org}/{asked}")
    assert (refused.status_code, error_of(refused)["param"]) == (400, name)
    there = {"usage/summary": "`from`, `to`, `step`, `by`", "usage": "`format`, `cursor`, `limit`"}
    assert there.get(asked.partition("?")[0], "There are `") in error_of(refused)["message"]


async def test_what_is_given_twice_is_refused(api: Api) -> None:
    org, client = await api.owner_of("Acme")
    for asked in ("usage/summary?model=a&model=b", "usage?limit=5&limit=5", "audit?action=a&target=b&action=c"):
        refused = await client.get(f"/orgs/{org}/{asked}")
        assert (refused.status_code, "more than once" in error_of(refused)["message"]) == (400, True), asked
        assert error_of(refused)["param"] in {"model", "limit", "action"}


async def test_every_list_refuses_what_it_does_not_know_and_tells_strangers_nothing(api: Api) -> None:
    owner = await api.person("op@a.test", operator=True)
    org = await api.org("Acme", owner)
    client, stranger = await api.as_(owner), await api.as_(await api.person("s@b.test"))
    for path in (*(f"/orgs/{org}/{one}" for one in INSIDE), *ADMIN):
        refused = await client.get(path, params={"modle": "m1"})
        assert (refused.status_code, error_of(refused)["param"]) == (400, "modle"), path
        assert (await stranger.get(path, params={"modle": "m1"})).status_code == 404
        assert (await api.client().get(path, params={"modle": "m1"})).status_code == 401


async def test_a_misspelt_filter_empties_no_cache(api: Api) -> None:
    owner = await api.person("o@a.test")
    org = await api.org("Acme", owner)
    refused = await (await api.as_(owner)).delete(f"/orgs/{org}/cache", params={"key": "key_1"})
    assert error_of(refused)["message"] == "There is no parameter `key` here. There are `key_id`, `model`."


async def test_a_range_that_is_upside_down_is_refused_in_every_list(api: Api) -> None:
    owner = await api.person("op@a.test", operator=True)
    org = await api.org("Acme", owner)
    client = await api.as_(owner)
    wish = {"from": "2026-11-05T00:00:00Z", "to": "2026-11-04T00:00:00Z"}
    for path in (f"/orgs/{org}/usage", f"/orgs/{org}/usage/summary", f"/orgs/{org}/audit", "/admin/audit"):
        refused = await client.get(path, params=wish)
        assert (refused.status_code, error_of(refused)["param"]) == (400, "from"), path


async def test_a_time_without_a_zone_is_refused_with_one_that_has_it(api: Api) -> None:
    owner = await api.person("o@a.test")
    org = await api.org("Acme", owner)
    for path in ("usage", "billing/statement"):
        refused = await (await api.as_(owner)).get(f"/orgs/{org}/{path}", params={"from": "2026-11-01"})
        assert error_of(refused)["message"] == "from: must say its time zone, such as 2026-11-01T00:00:00Z."
