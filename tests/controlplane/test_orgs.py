"""Organisations: members, roles, invitations, projects; ownership and its end."""

from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import delete, update

from llmgateway.controlplane.orgs import ending
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.models.users import Member
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.kit.clock import ManualClock
from tests.controlplane.api import PASSWORD, Api, error_of, open_api


@pytest.fixture
async def team(api: Api) -> dict[str, str]:
    """An organisation with one of each role: {role: user id, "org": id}."""
    people = {role: await api.person(f"{role}@acme.test") for role in ("owner", "admin", "member", "viewer")}
    members = {role: user_id for role, user_id in people.items() if role != "owner"}
    return {**people, "org": await api.org("Acme", people["owner"], **members)}


async def test_slugs_of_equal_names_differ(api: Api) -> None:
    client = await api.as_(await api.person("a@a.test"))
    made = [(await client.post("/orgs", json={"name": "Same Name!"})).json() for _ in range(2)]
    assert made[0]["slug"] == "same-name"
    assert made[1]["slug"].startswith("same-name-")
    assert (await client.get("/orgs/same-name")).json()["id"] == made[0]["id"]


async def test_the_last_owner_cannot_go(api: Api, team: dict[str, str]) -> None:
    owner = await api.as_(team["owner"])
    base = f"/orgs/{team['org']}"
    for answer in (
        await owner.post(f"{base}/leave"),
        await owner.delete(f"{base}/members/{team['owner']}"),
        await owner.patch(f"{base}/members/{team['owner']}", json={"role": "admin"}),
    ):
        assert (answer.status_code, error_of(answer)["code"]) == (409, "last_owner")
    assert (await owner.patch(f"{base}/members/{team['admin']}", json={"role": "owner"})).status_code == 200
    assert (await owner.post(f"{base}/leave")).status_code == 204
    assert (await owner.get(base)).status_code == 404


async def test_whoever_wants_to_go_goes_also_from_an_organisation_that_is_suspended(api: Api) -> None:
    operator = await api.as_(await api.person("op@us.test", operator=True))
    member_id = await api.person("m@a.test")
    org = await api.org("Acme", await api.person("o@a.test"), member=member_id)
    await operator.patch(f"/admin/orgs/{org}", json={"suspended": True})
    member = await api.as_(member_id)
    refused = await member.post(f"/orgs/{org}/keys", json={"name": "k"})
    assert (refused.status_code, error_of(refused)["code"]) == (403, "organisation_closed")
    assert (await member.post(f"/orgs/{org}/leave")).status_code == 204
    assert (await member.get("/me")).json()["orgs"] == []


async def test_only_owners_make_and_unmake_owners(api: Api, team: dict[str, str]) -> None:
    admin = await api.as_(team["admin"])
    base = f"/orgs/{team['org']}"
    for answer in (
        await admin.patch(f"{base}/members/{team['admin']}", json={"role": "owner"}),
        await admin.patch(f"{base}/members/{team['owner']}", json={"role": "viewer"}),
        await admin.delete(f"{base}/members/{team['owner']}"),
        await admin.post(f"{base}/invitations", json={"email": "x@y.test", "role": "owner"}),
    ):
        assert (answer.status_code, error_of(answer)["code"]) == (403, "permission_denied")


async def test_ownership_is_handed_over(api: Api, team: dict[str, str]) -> None:
    owner = await api.as_(team["owner"])
    assert (await owner.post(f"/orgs/{team['org']}/transfer", json={"user_id": team["member"]})).status_code == 204
    roles = {m["user_id"]: m["role"] for m in (await owner.get(f"/orgs/{team['org']}/members")).json()["data"]}
    assert (roles[team["member"]], roles[team["owner"]]) == ("owner", "admin")


async def test_the_keys_of_a_removed_member_end(api: Api, team: dict[str, str]) -> None:
    owner, member = await api.as_(team["owner"]), await api.as_(team["member"])
    base = f"/orgs/{team['org']}"
    theirs = (await member.post(f"{base}/keys", json={"name": "theirs"})).json()["id"]
    mine = (await owner.post(f"{base}/keys", json={"name": "mine"})).json()["id"]
    assert (await owner.delete(f"{base}/members/{team['member']}")).status_code == 204
    assert (await member.get(base)).status_code == 404
    keys = {key["id"]: key["revoked_at"] for key in (await owner.get(f"{base}/keys")).json()["data"]}
    assert keys[theirs] is not None
    assert keys[mine] is None


async def _invited(api: Api, owner: httpx2.AsyncClient, org: str, email: str = "new@else.test") -> str:
    answer = await owner.post(f"/orgs/{org}/invitations", json={"email": email, "role": "viewer"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_an_invitation_is_accepted_by_whom_it_is_for(api: Api, team: dict[str, str]) -> None:
    owner = await api.as_(team["owner"])
    await _invited(api, owner, team["org"])
    token = await api.mailed_token("new@else.test")
    stranger = await api.as_(await api.person("thief@else.test"))
    seen = (await api.client().post("/invitations/look", json={"token": token})).json()
    assert (seen["organisation"], seen["email"], seen["role"]) == ("Acme", "new@else.test", "viewer")
    assert (await stranger.post("/invitations/accept", json={"token": token})).status_code == 403
    guest = await api.as_(await api.person("new@else.test"))
    assert (await guest.post("/invitations/accept", json={"token": token})).json()["id"] == team["org"]
    assert (await guest.get(f"/orgs/{team['org']}")).status_code == 200
    again = await guest.post("/invitations/accept", json={"token": token})
    assert (again.status_code, error_of(again)["code"]) == (400, "invalid_token")
    used = await api.client().post("/invitations/look", json={"token": token})
    assert (used.status_code, error_of(used)["code"]) == (400, "invalid_token")


@pytest.mark.parametrize("change", ["viewer", "removed", "left", "by another's hand"])
async def test_an_invitation_ends_with_its_inviters_right_to_invite(
    api: Api, team: dict[str, str], change: str
) -> None:
    owner, admin = await api.as_(team["owner"]), await api.as_(team["admin"])
    base = f"/orgs/{team['org']}"
    made = await admin.post(f"{base}/invitations", json={"email": "new@else.test", "role": "admin"})
    token = await api.mailed_token("new@else.test")
    if change == "viewer":
        await owner.patch(f"{base}/members/{team['admin']}", json={"role": "viewer"})
    elif change == "removed":
        await owner.delete(f"{base}/members/{team['admin']}")
    elif change == "left":
        await admin.post(f"{base}/leave")
    else:  # as an account that is deleted takes its memberships with it
        async with api.admin.transaction() as tx:
            await tx.execute(delete(Member).where(Member.user_id == team["admin"]))
    guest = await api.as_(await api.person("new@else.test"))
    refused = await guest.post("/invitations/accept", json={"token": token})
    assert (refused.status_code, error_of(refused)["code"]) == (400, "invalid_token")
    listed = {one["id"]: one for one in (await owner.get(f"{base}/invitations")).json()["data"]}
    assert (listed[made.json()["id"]]["revoked_at"] is None) == (change == "by another's hand")


async def test_an_invitation_that_another_admin_sent_again_is_theirs(api: Api, team: dict[str, str]) -> None:
    owner, admin = await api.as_(team["owner"]), await api.as_(team["admin"])
    base = f"/orgs/{team['org']}"
    made = (await admin.post(f"{base}/invitations", json={"email": "new@else.test"})).json()["id"]
    assert (await owner.post(f"{base}/invitations/{made}/resend")).json()["invited_by"] == team["owner"]
    await owner.delete(f"{base}/members/{team['admin']}")
    guest = await api.as_(await api.person("new@else.test"))
    token = await api.mailed_token("new@else.test")
    assert (await guest.post("/invitations/accept", json={"token": token})).status_code == 200


@pytest.mark.parametrize("column", ["suspended_at", "deletes_at"])
async def test_a_closed_organisation_takes_nobody_in(api: Api, team: dict[str, str], column: str) -> None:
    await _invited(api, await api.as_(team["owner"]), team["org"])
    token = await api.mailed_token("new@else.test")
    async with api.admin.transaction() as tx:
        await tx.execute(update(Organisation).values({column: api.clock.now()}))
    guest = await api.as_(await api.person("new@else.test"))
    refused = await guest.post("/invitations/accept", json={"token": token})
    assert (refused.status_code, error_of(refused)["code"]) == (403, "organisation_closed")


async def test_who_was_invited_under_a_larger_plan_finds_no_room_in_a_smaller_one(api: Api) -> None:
    owner_id, guest_id = await api.person("o@acme.test"), await api.person("new@else.test")
    others = {role: await api.person(f"{role}@acme.test") for role in ("member", "viewer")}
    org = await api.org("Acme", owner_id, plan="enterprise", **others)
    await _invited(api, await api.as_(owner_id), org)
    token = await api.mailed_token("new@else.test")
    async with api.admin.transaction() as tx:
        await tx.execute(update(Organisation).values(plan="free"))
    guest = await api.as_(guest_id)
    full = await guest.post("/invitations/accept", json={"token": token})
    assert (full.status_code, error_of(full)["code"]) == (402, "plan_limit")
    async with api.admin.transaction() as tx:
        await tx.execute(update(Organisation).values(plan="starter"))
    assert (await guest.post("/invitations/accept", json={"token": token})).status_code == 200


async def test_who_has_no_account_signs_up_with_the_invitation(database_url: str, tmp_path: Path) -> None:
    async with open_api(database_url, tmp_path, LLMGATEWAY_SIGNUP="invite") as api:
        owner_id = await api.person("owner@acme.test")
        org = await api.org("Acme", owner_id)
        await _invited(api, await api.as_(owner_id), org)
        token = await api.mailed_token("new@else.test")
        guest = api.client()
        given = {"email": "new@else.test", "password": PASSWORD, "invitation": token}
        assert (await guest.post("/auth/signup", json={**given, "email": "other@else.test"})).status_code == 403
        assert (await guest.post("/auth/signup", json=given)).status_code == 202
        login = await guest.post("/auth/login", json={"email": "new@else.test", "password": PASSWORD})
        me = await guest.get("/me", headers={"authorization": f"Bearer {login.json()['access_token']}"})
        assert [(o["id"], o["role"]) for o in me.json()["orgs"]] == [(org, "viewer")]


async def test_invitations_are_resent_revoked_and_expire(database_url: str, tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 11, 5, 12, tzinfo=UTC))
    async with open_api(database_url, tmp_path, clock) as api:
        owner_id, guest_id = await api.person("o@acme.test"), await api.person("new@else.test")
        org = await api.org("Acme", owner_id)
        owner, guest = await api.as_(owner_id), await api.as_(guest_id)
        first = await _invited(api, owner, org)
        old = await api.mailed_token("new@else.test")
        assert (await owner.post(f"/orgs/{org}/invitations", json={"email": "new@else.test"})).status_code == 409
        clock.advance(1)
        assert (await owner.post(f"/orgs/{org}/invitations/{first}/resend")).status_code == 200
        new = await api.mailed_token("new@else.test")
        assert (await guest.post("/invitations/accept", json={"token": old})).status_code == 400
        assert (await owner.delete(f"/orgs/{org}/invitations/{first}")).status_code == 204
        assert (await guest.post("/invitations/accept", json={"token": new})).status_code == 400
        clock.advance(1)
        await _invited(api, owner, org)
        late = await api.mailed_token("new@else.test")
        clock.advance(7 * 86_400 + 1)
        guest = await api.as_(guest_id)
        assert (await guest.post("/invitations/accept", json={"token": late})).status_code == 400


async def test_a_plan_has_room_for_so_many_members(api: Api) -> None:
    org, owner = await api.owner_of("Small", plan="free")
    answers = [await owner.post(f"/orgs/{org}/invitations", json={"email": f"g{place}@x.test"}) for place in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 402]
    assert error_of(answers[2])["code"] == "plan_limit"


async def test_an_expired_invitation_is_resent_only_where_there_is_room(database_url: str, tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 11, 5, 12, tzinfo=UTC))
    async with open_api(database_url, tmp_path, clock) as api:
        owner_id = await api.person("o@small.test")
        org = await api.org("Small", owner_id, plan="free")
        owner = await api.as_(owner_id)
        first = await owner.post(f"/orgs/{org}/invitations", json={"email": "old@x.test"})
        clock.advance(8 * 86_400)
        owner = await api.as_(owner_id)
        for place in range(2):
            await owner.post(f"/orgs/{org}/invitations", json={"email": f"g{place}@x.test"})
        again = await owner.post(f"/orgs/{org}/invitations/{first.json()['id']}/resend")
        assert (again.status_code, error_of(again)["code"]) == (402, "plan_limit")


async def test_nobody_is_flooded_with_invitations(api: Api) -> None:
    org, owner = await api.owner_of("Acme")
    made = await owner.post(f"/orgs/{org}/invitations", json={"email": "guest@x.test"})
    path = f"/orgs/{org}/invitations/{made.json()['id']}/resend"
    assert [(await owner.post(path)).status_code for _ in range(10)] == [200] * 9 + [429]


async def test_a_deleted_organisation_can_be_restored_until_it_ends(database_url: str, tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 11, 5, 12, tzinfo=UTC))
    async with open_api(database_url, tmp_path, clock) as api:
        owner_id = await api.person("o@acme.test")
        org = await api.org("Acme", owner_id)
        owner = await api.as_(owner_id)
        await owner.post(f"/orgs/{org}/keys", json={"name": "k"})
        assert (await owner.delete(f"/orgs/{org}")).json()["deletes_at"] == "2026-12-05T12:00:00Z"
        refused = await owner.post(f"/orgs/{org}/keys", json={"name": "k2"})
        assert (refused.status_code, error_of(refused)["code"]) == (403, "organisation_closed")
        worker = Database(database_url, Role.WORKER)
        assert not await ending.end_next(worker, clock)
        assert (await owner.post(f"/orgs/{org}/restore")).json()["deletes_at"] is None
        assert (await owner.post(f"/orgs/{org}/keys", json={"name": "k2"})).status_code == 201
        await owner.delete(f"/orgs/{org}")
        clock.advance(31 * 86_400)
        assert await ending.end_next(worker, clock)
        assert not await ending.end_next(worker, clock)
        await worker.close()
        owner = await api.as_(owner_id)
        assert (await owner.get(f"/orgs/{org}")).status_code == 404
        assert await api.rows("SELECT id FROM api_keys WHERE org_id = :o", o=org) == []
        assert "org.end" in await api.rows("SELECT action FROM audit_events WHERE org_id = :o", o=org)


async def test_projects_are_made_changed_and_removed_when_no_key_loses_its_limits(
    api: Api, team: dict[str, str]
) -> None:
    owner = await api.as_(team["owner"])
    base = f"/orgs/{team['org']}"
    made = await owner.post(f"{base}/projects", json={"name": "web", "budgets": {"month_usd": "12.5", "mode": "soft"}})
    project = made.json()
    assert project["budgets"] == {"day_usd": None, "month_usd": "12.500000000", "total_usd": None, "mode": "soft"}
    assert (await owner.post(f"{base}/projects", json={"name": "web"})).status_code == 409
    key = (await owner.post(f"{base}/keys", json={"name": "k", "project_id": project["id"]})).json()
    more = await owner.patch(f"{base}/projects/{project['id']}", json={"budgets": {"day_usd": "1"}})
    assert more.json()["budgets"] == {**project["budgets"], "day_usd": "1.000000000"}
    none = await owner.patch(f"{base}/projects/{project['id']}", json={"budgets": None})
    assert none.json()["budgets"] == {"day_usd": None, "month_usd": None, "total_usd": None, "mode": "hard"}
    refused = await owner.delete(f"{base}/projects/{project['id']}")
    assert refused.status_code == 409
    assert "holds 1 key that would lose its budgets and limits" in refused.json()["error"]["message"]
    assert (await owner.get(f"{base}/keys/{key['id']}")).json()["project_id"] == project["id"]
    assert (await owner.delete(f"{base}/keys/{key['id']}")).status_code == 204
    assert (await owner.delete(f"{base}/projects/{project['id']}")).status_code == 204
    assert (await owner.get(f"{base}/keys/{key['id']}")).json()["project_id"] is None


async def test_every_act_is_in_the_trail_and_comes_as_csv_and_json_lines(api: Api, team: dict[str, str]) -> None:
    owner = await api.as_(team["owner"])
    base = f"/orgs/{team['org']}"
    await owner.post(f"{base}/projects", json={"name": "=HYPERLINK(1)"})
    await owner.patch(f"{base}/members/{team['viewer']}", json={"role": "member"})
    entries = (await owner.get(f"{base}/audit")).json()["data"]
    assert [entry["action"] for entry in entries] == ["member.change", "project.create"]
    assert entries[0]["before"] == {"role": "viewer"}
    assert entries[0]["after"] == {"role": "member"}
    assert entries[0]["actor_id"] == team["owner"]
    assert entries[0]["address"] == "203.0.113.9"
    filtered = (await owner.get(f"{base}/audit", params={"action": "project.*"})).json()["data"]
    assert [entry["action"] for entry in filtered] == ["project.create"]
    lines = (await owner.get(f"{base}/audit", params={"format": "jsonl"})).text.splitlines()
    assert len(lines) == 2
    table = await owner.get(f"{base}/audit", params={"format": "csv"})
    assert table.headers["content-type"].startswith("text/csv")
    assert table.text.splitlines()[0].startswith("id,created_at,actor_id")
    page = (await owner.get(f"{base}/audit", params={"limit": 1})).json()
    rest = (await owner.get(f"{base}/audit", params={"limit": 1, "cursor": page["next_cursor"]})).json()
    assert [entry["action"] for entry in page["data"] + rest["data"]] == ["member.change", "project.create"]
    assert rest["next_cursor"] is None
