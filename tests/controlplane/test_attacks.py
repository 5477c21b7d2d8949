"""What attackers of a control plane try, each by its name."""

import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmgateway.kit.clock import ManualClock
from tests.controlplane.api import PASSWORD, Api, error_of, open_api

CANARY = "canary-7f3a9c"


async def test_mass_assignment_is_refused(api: Api) -> None:
    org, owner = await api.owner_of("Acme", plan="free")
    for method, path, body in (
        ("PATCH", "/me", {"name": "x", "operator": True}),
        ("PATCH", f"/orgs/{org}", {"name": "x", "plan": "enterprise"}),
        ("POST", "/orgs", {"name": "x", "plan": "self_hosted"}),
        ("POST", f"/orgs/{org}/keys", {"name": "x", "org_id": "org_other"}),
        ("POST", f"/orgs/{org}/keys", {"name": "x", "created_by": "user_other"}),
        ("PUT", f"/orgs/{org}/routes/a", {"targets": [{"provider": "openai", "model": "m", "price": {"input": "0"}}]}),
    ):
        refused = await owner.request(method, path, json=body)
        assert (refused.status_code, error_of(refused)["code"]) == (400, "invalid_request"), path
        assert error_of(refused)["param"]
    client = api.client()
    signup = {"email": "x@y.test", "password": PASSWORD, "operator": True}
    assert (await client.post("/auth/signup", json=signup)).status_code == 400


async def test_no_tenant_holds_connections_for_good(api: Api) -> None:
    org, owner = await api.owner_of("Acme")
    for seconds, status in (("3600", 201), ("3600.5", 400), ("1e308", 400), ("1e999", 400), ("Infinity", 400)):
        body = f'{{"targets": [{{"provider": "openai", "model": "m"}}], "timeouts": {{"total": {seconds}}}}}'
        headers = {"content-type": "application/json"}
        answer = await owner.put(f"/orgs/{org}/routes/a", content=body.encode(), headers=headers)
        assert answer.status_code == status, answer.text
        if status == 400:
            assert error_of(answer)["param"] == "timeouts.total"


async def test_guessed_ids_are_not_found(api: Api) -> None:
    org, owner = await api.owner_of("Acme")
    for guess in ("1", "key_00000000000000000000000000", "%00", "..%2f..", "'%20or%20'1'='1", "key_*"):
        answer = await owner.get(f"/orgs/{org}/keys/{guess}")
        assert answer.status_code in {400, 404}, guess


async def test_cross_site_requests_find_no_cookie_to_ride_on(api: Api) -> None:
    """No route but refresh and logout reads the cookie, and these look at the origin."""
    owner = await api.as_(await api.person("o@a.test"))
    token = owner.headers.pop("authorization")
    owner.cookies.set("lgw_refresh", token)
    assert (await owner.post("/orgs", json={"name": "x"})).status_code == 401
    for path in ("/auth/refresh", "/auth/logout", "/auth/login"):
        answer = await owner.post(
            path, headers={"origin": "null"}, json={"email": "a@b.co", "password": "x"} if "login" in path else {}
        )
        assert answer.status_code == 403, path


async def test_no_origin_is_let_in_by_cors(api: Api) -> None:
    client = api.client()
    asked = await client.options(
        "/me", headers={"origin": "https://evil.example", "access-control-request-method": "GET"}
    )
    answered = await client.get("/plans", headers={"origin": "https://evil.example"})
    for answer in (asked, answered):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_nothing_redirects_to_where_a_caller_says(api: Api) -> None:
    client = api.client()
    for path in ("//evil.example/", "/auth/login/", "/plans/", "/plans?next=https://evil.example"):
        answer = await client.get(path)
        assert answer.status_code in {200, 401, 404, 405}, path
        assert "location" not in answer.headers


async def test_headers_cannot_be_injected(api: Api) -> None:
    client = api.client()
    for email in ("a@b.co\r\nBcc: everybody@c.co", "=?utf-8?q?x=0D=0ABcc=3A?=@b.co", "a@b.co, c@d.co"):
        assert (await client.post("/auth/forgot", json={"email": email})).status_code == 400, email
    owner_id = await api.person("o@a.test")
    owner = await api.as_(owner_id)
    assert (await owner.post("/orgs", json={"name": "A\r\nBcc: x"})).status_code == 400


async def test_a_body_that_is_too_large_is_refused(api: Api) -> None:
    client = api.client()
    answer = await client.post("/auth/login", content=b'{"email": "' + b"a" * (1 << 20) + b'"}')
    assert (answer.status_code, error_of(answer)["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"a":' * 50_000, b"", b"\xff\xfe", b"nul", b'"text"', b"[]", b"NaN"]
)
async def test_nested_and_broken_json_is_refused(api: Api, content: bytes) -> None:
    client = api.client()
    answer = await client.post("/auth/login", content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, error_of(answer)["code"]) == (400, "invalid_request")


async def test_a_nul_and_half_a_surrogate_pair_are_refused_not_a_fault(api: Api) -> None:
    org, owner = await api.owner_of("Acme")
    for path, body in (
        (f"/orgs/{org}/keys", {"name": "a\0b"}),
        (f"/orgs/{org}/keys", {"name": "k", "tags": ["a\0b"]}),
        (f"/orgs/{org}/projects", {"name": "\ud800"}),
        ("/auth/login", {"email": "a@b.co", "password": "\ud800"}),
    ):
        answer = await owner.post(path, content=json.dumps(body).encode(), headers={"content-type": "application/json"})
        assert answer.status_code in {400, 401}, (path, answer.text)


async def test_every_answer_has_secure_headers(api: Api) -> None:
    client = api.client()
    for path in ("/plans", "/me", "/nothing", "/openapi.json"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert "permissions-policy" in headers
        assert "server" not in headers


async def test_strangers_are_limited_by_address_whatever_they_ask_for(database_url: str, tmp_path: Path) -> None:
    async with open_api(database_url, tmp_path, ManualClock(datetime(2026, 11, 5, 12, tzinfo=UTC))) as api:
        clients = [api.client(token, address="198.51.100.99") for token in (None, "eyJhbGciOiJub25lIn0.e30.")]
        paths = ("/me", "/plans", "/openapi.json", "/nothing", "/public/settings")
        asked = [(clients[turn % 2], paths[turn % len(paths)]) for turn in range(310)]
        statuses = [(await client.get(path)).status_code for client, path in asked]
        assert set(statuses[:300]) == {200, 401, 404}
        assert set(statuses[300:]) == {429}
        refused = await clients[0].get("/plans")
        assert error_of(refused)["code"] == "rate_limit_exceeded"
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["x-frame-options"] == "DENY"
        assert (await api.client(address="198.51.100.98").get("/plans")).status_code == 200
        known = api.client(await api.token(await api.person("o@a.test")), address="198.51.100.99")
        assert (await known.get("/me")).status_code == 200


async def test_no_secret_is_in_logs_errors_answers_or_the_trail(
    api: Api, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """A canary is planted in every secret that can be said, and searched for wherever something is written."""
    caplog.set_level(logging.DEBUG)
    owner_id = await api.person("o@a.test")
    org = await api.org("Acme", owner_id)
    owner = await api.as_(owner_id)
    answers = [
        await owner.post("/auth/login", json={"email": "o@a.test", "password": CANARY}),
        await owner.post("/auth/refresh", json={"refresh_token": CANARY}),
        await owner.post("/auth/verify", json={"token": CANARY}),
        await owner.post("/auth/reset", json={"token": CANARY, "password": CANARY}),
        await owner.post("/me/password", json={"current_password": CANARY, "password": CANARY}),
        await owner.post("/auth/login", json={"email": "o@a.test", "password": CANARY, "code": [CANARY]}),
        await owner.post(
            f"/orgs/{org}/credentials",
            json={"provider": "bedrock", "name": "c", "api_key": CANARY, "options": {"region": "us-east-1"}},
        ),
        await owner.post(f"/orgs/{org}/credentials", json={"provider": "none", "name": "c", "api_key": CANARY}),
        await owner.get(f"/orgs/{org}/credentials"),
        await owner.get(f"/orgs/{org}/audit"),
    ]
    for answer in answers:
        assert CANARY not in answer.text.replace(CANARY[-4:] + '"', '"')
    printed = capsys.readouterr()
    assert CANARY not in printed.out + printed.err + caplog.text
    tables = (
        "audit_events",
        "credentials",
        "logins",
        "refresh_tokens",
        "tickets",
        "sessions",
        "key_secrets",
        "api_keys",
    )
    for table in tables:
        assert [row for row in await api.rows(f"SELECT to_jsonb(t)::text FROM {table} t") if CANARY in row] == []


async def test_a_keys_secret_is_shown_once_and_kept_nowhere(api: Api) -> None:
    org, owner = await api.owner_of("Acme")
    made = (await owner.post(f"/orgs/{org}/keys", json={"name": "k"})).json()
    rotated = (await owner.post(f"/orgs/{org}/keys/{made['id']}/rotate", json={"overlap_seconds": 60})).json()
    for path in ("keys", f"keys/{made['id']}", "audit", "audit?format=jsonl"):
        text = (await owner.get(f"/orgs/{org}/{path}")).text
        assert made["key"] not in text
        assert rotated["key"] not in text
    for table in ("api_keys", "key_secrets", "audit_events"):
        assert all(made["key"] not in row for row in await api.rows(f"SELECT to_jsonb(t)::text FROM {table} t"))


def _strings(value: Any) -> set[str]:
    """Every text in an answer."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        return {text for item in value.values() for text in _strings(item)}  # pyright: ignore[reportUnknownVariableType] -- any JSON
    return {text for item in value for text in _strings(item)} if isinstance(value, list) else set()  # pyright: ignore[reportUnknownVariableType] -- any JSON


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text("abcdef ", min_size=1, max_size=12).filter(str.strip), pages=st.permutations(range(9)))
async def test_two_organisations_with_the_same_names_never_see_each_other(
    api: Api, name: str, pages: list[int]
) -> None:
    """Same names, projects, keys and routes; whatever one reads holds no id of the other's."""
    ids = list[set[str]]()
    reads: list[Callable[[], Awaitable[Any]]] = []
    guest = f"same{len(api.clients)}@x.test"  # one address is not mailed as often as this test has examples
    for side in ("left", "right"):
        owner_id = await api.person(f"{side}-{name.strip().replace(' ', '')}-{len(api.clients)}@x.test")
        org = await api.org(name, owner_id)
        owner = await api.as_(owner_id)
        made = [
            (await owner.post(f"/orgs/{org}/projects", json={"name": name})).json()["id"],
            (await owner.post(f"/orgs/{org}/keys", json={"name": name})).json()["id"],
            (await owner.post(f"/orgs/{org}/invitations", json={"email": guest})).json()["id"],
        ]
        route = {"targets": [{"provider": "sandbox", "model": "chat"}]}
        made.append((await owner.put(f"/orgs/{org}/routes/same", json=route)).json()["id"])
        ids.append({owner_id, org, *made})
        paths = ("", "/members", "/invitations", "/projects", "/keys", "/routes", "/audit", "/usage", "/policy")
        chosen = [paths[place] for place in pages]
        reads.append(lambda owner=owner, org=org, chosen=chosen: _read_all(owner, org, chosen))
    for read, foreign in zip(reads, reversed(ids), strict=True):
        seen = await read()
        assert not [text for text in seen for identifier in foreign if identifier in text]


async def _read_all(owner: Any, org: str, paths: list[str]) -> set[str]:
    return {text for path in paths for text in _strings((await owner.get(f"/orgs/{org}{path}")).json())}
