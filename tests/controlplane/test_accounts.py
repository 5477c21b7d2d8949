"""People: sign-up, login, sessions, second factor; and what an attacker tries."""

import statistics
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx2
import pyotp
import pytest
from sqlalchemy import event

from llmgateway.controlplane.accounts import sessions
from llmgateway.db.models.users import Login
from llmgateway.db.session import Database
from llmgateway.kit.clock import ManualClock
from llmgateway.kit.passwords import Passwords
from tests.controlplane.api import PASSWORD, Api, Json, error_of, open_api

MAIL = "ada@example.com"


async def _signed_up(api: Api, email: str = MAIL) -> httpx2.AsyncClient:
    client = api.client()
    given = {"email": email, "password": PASSWORD, "organisation": "Analytical"}
    assert (await client.post("/auth/signup", json=given)).status_code == 202
    answer = await client.post("/auth/verify", json={"token": await api.mailed_token(email)})
    assert answer.status_code == 204
    return client


async def _log_in(client: httpx2.AsyncClient, email: str = MAIL, **more: str) -> httpx2.Response:
    return await client.post("/auth/login", json={"email": email, "password": PASSWORD, **more})


async def test_from_sign_up_to_an_organisation_of_ones_own(api: Api) -> None:
    client = await _signed_up(api)
    answer = await _log_in(client)
    assert answer.status_code == 200
    assert answer.json()["expires_in"] == 900
    assert "refresh_token" not in answer.json()
    me = await client.get("/me", headers={"authorization": f"Bearer {answer.json()['access_token']}"})
    assert me.json()["user"]["email"] == MAIL
    [org] = me.json()["orgs"]
    assert (org["name"], org["role"], org["plan"]) == ("Analytical", "owner", "free")


async def test_who_did_not_confirm_the_address_cannot_log_in(api: Api) -> None:
    client = api.client()
    await client.post("/auth/signup", json={"email": MAIL, "password": PASSWORD})
    refused = await _log_in(client)
    assert (refused.status_code, error_of(refused)["code"]) == (403, "email_not_verified")
    first = await api.mailed_token(MAIL)
    await client.post("/auth/verify/resend", json={"email": MAIL})
    assert (await client.post("/auth/verify", json={"token": first})).status_code == 400  # the newer one voids it
    assert (await client.post("/auth/verify", json={"token": await api.mailed_token(MAIL)})).status_code == 204
    assert (await _log_in(client)).status_code == 200


@pytest.mark.parametrize(("mode", "code"), [("off", "signup_closed"), ("invite", "signup_closed")])
async def test_sign_up_can_be_closed(database_url: str, tmp_path: Path, mode: str, code: str) -> None:
    async with open_api(database_url, tmp_path, LLMGATEWAY_SIGNUP=mode) as api:
        refused = await api.client().post("/auth/signup", json={"email": MAIL, "password": PASSWORD})
        assert (refused.status_code, error_of(refused)["code"]) == (403, code)
        shown = await api.client().get("/public/settings")
        assert shown.json()["signup"] == mode


def _told(answer: httpx2.Response) -> Json:
    """What an answer says, but for the request's id."""
    told: Json = error_of(answer) if answer.status_code >= 400 else {"body": answer.text}
    return {name: value for name, value in told.items() if name != "request_id"}


async def test_no_answer_tells_whether_an_address_has_an_account(api: Api) -> None:
    client = await _signed_up(api)
    for path, given in (
        ("/auth/signup", {"password": PASSWORD}),
        ("/auth/forgot", {}),
        ("/auth/verify/resend", {}),
        ("/auth/login", {"password": "not the password"}),
    ):
        known, unknown = [
            await client.post(path, json={"email": email, **given}) for email in (MAIL, "nobody@example.com")
        ]
        assert known.status_code == unknown.status_code
        assert _told(known) == _told(unknown)
    assert "account already" in await api.mail(MAIL) or "password" in await api.mail(MAIL)


async def test_a_login_of_nobody_is_checked_as_one_of_somebody(api: Api) -> None:
    """The same work is done for both: one hash. Compared as a ratio, with room for a busy machine."""
    client = await _signed_up(api)
    times = dict[str, list[float]]()
    for turn in range(4):
        for email in (MAIL, "nobody@example.com"):
            begin = time.perf_counter()
            await client.post("/auth/login", json={"email": email, "password": f"wrong {turn}"})
            times.setdefault(email, []).append(time.perf_counter() - begin)
    known, unknown = (statistics.median(values) for values in times.values())
    assert 0.2 < known / unknown < 5


@pytest.mark.parametrize("path", ["/auth/forgot", "/auth/verify/resend", "/auth/signup"])
async def test_before_the_answer_the_same_is_asked_for_every_address(api: Api, path: str) -> None:
    """What somebody's address takes more is done when the answer has left, so that its time tells nothing."""
    await api.person("verified@a.test")
    await api.client().post("/auth/signup", json={"email": "waiting@a.test", "password": PASSWORD})
    asked = dict[str, list[str]]()
    for email in ("verified@a.test", "waiting@a.test", "nobody@a.test"):
        given = {"email": email, **({"password": PASSWORD} if path == "/auth/signup" else {})}
        async with statements_before_the_answer(api) as statements:
            assert (await api.client().post(path, json=given)).status_code == 202
        asked[email] = statements
    assert asked["verified@a.test"]
    assert asked["verified@a.test"] == asked["waiting@a.test"] == asked["nobody@a.test"]


@asynccontextmanager
async def statements_before_the_answer(api: Api) -> AsyncGenerator[list[str]]:
    """What the control plane says to the database until an answer begins."""
    statements, answered = list[str](), False
    engine, app = api.deps.database.engine.sync_engine, api.door.app

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not answered:
            statements.append(statement)

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        async def sent(message: Any) -> None:
            nonlocal answered
            await send(message)
            answered = True

        await app(scope, receive, sent)

    event.listen(engine, "before_cursor_execute", note)
    api.door.app = cast("Any", watched)
    try:
        yield statements
    finally:
        api.door.app = app
        event.remove(engine, "before_cursor_execute", note)


async def test_a_refresh_token_works_once_and_its_reuse_ends_the_session(api: Api) -> None:
    client = await _signed_up(api)
    first = (await _log_in(client, token_transport="body")).json()
    second = (await client.post("/auth/refresh", json={"refresh_token": first["refresh_token"]})).json()
    assert second["refresh_token"] != first["refresh_token"]
    stolen = await client.post("/auth/refresh", json={"refresh_token": first["refresh_token"]})
    assert (stolen.status_code, error_of(stolen)["code"]) == (401, "invalid_token")
    dead = await client.post("/auth/refresh", json={"refresh_token": second["refresh_token"]})
    assert dead.status_code == 401
    gone = await client.get("/me", headers={"authorization": f"Bearer {second['access_token']}"})
    assert gone.status_code == 401  # the access token dies with its session


async def test_a_refresh_whose_answer_was_lost_is_repeated_by_whoever_began_it(api: Api) -> None:
    client = await _signed_up(api)
    first = (await _log_in(client, token_transport="body")).json()
    body, own = {"refresh_token": first["refresh_token"]}, {"idempotency-key": "6f1c2a4e9b7d4c0f"}
    assert (await client.post("/auth/refresh", json=body, headers=own)).status_code == 200  # never seen by the page
    again = await client.post("/auth/refresh", json=body, headers=own)
    assert again.status_code == 200
    me = await client.get("/me", headers={"authorization": f"Bearer {again.json()['access_token']}"})
    assert me.status_code == 200
    following = {"refresh_token": again.json()["refresh_token"]}
    assert (await client.post("/auth/refresh", json=following, headers=own)).status_code == 200
    thief = await client.post("/auth/refresh", json=body, headers={"idempotency-key": "0000000000000000"})
    assert (thief.status_code, error_of(thief)["code"]) == (401, "invalid_token")
    assert (await client.post("/auth/refresh", json=body, headers=own)).status_code == 401  # the session is over


async def test_a_refresh_is_not_repeated_for_ever(database_url: str, tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 11, 5, 12, tzinfo=UTC))
    async with open_api(database_url, tmp_path, clock) as api:
        client = await _signed_up(api)
        first = (await _log_in(client, token_transport="body")).json()
        body, own = {"refresh_token": first["refresh_token"]}, {"idempotency-key": "6f1c2a4e9b7d4c0f"}
        assert (await client.post("/auth/refresh", json=body, headers=own)).status_code == 200
        clock.advance(601)
        assert (await client.post("/auth/refresh", json=body, headers=own)).status_code == 401


async def test_the_browsers_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites(api: Api) -> None:
    client = await _signed_up(api)
    answer = await _log_in(client)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/api/v1/auth" in cookie
    foreign = await client.post("/auth/refresh", headers={"origin": "https://evil.example"})
    assert (foreign.status_code, error_of(foreign)["code"]) == (403, "foreign_origin")
    own = await client.post("/auth/refresh", headers={"origin": "http://gateway.test"})
    assert own.status_code == 200


async def test_logout_ends_this_session_or_all(api: Api) -> None:
    client = await _signed_up(api)
    tokens = [(await _log_in(client)).json()["access_token"] for _ in range(3)]
    heads = [{"authorization": f"Bearer {token}"} for token in tokens]
    assert (await client.post("/auth/logout", headers=heads[0])).status_code == 204
    assert [(await client.get("/me", headers=head)).status_code for head in heads] == [401, 200, 200]
    listed = (await client.get("/me/sessions", headers=heads[1])).json()["data"]
    assert [entry["current"] for entry in listed] == [False, True]
    ended = await client.delete(f"/me/sessions/{listed[0]['id']}", headers=heads[1])
    assert ended.status_code == 204
    assert (await client.get("/me", headers=heads[2])).status_code == 401
    assert (await client.post("/auth/logout", json={"everywhere": True}, headers=heads[1])).status_code == 204
    assert (await client.get("/me", headers=heads[1])).status_code == 401


async def test_an_access_token_lives_for_fifteen_minutes(database_url: str, tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 11, 5, 12, tzinfo=UTC))
    async with open_api(database_url, tmp_path, clock) as api:
        client = await api.as_(await api.person(MAIL))
        clock.advance(899)
        assert (await client.get("/me")).status_code == 200
        clock.advance(2)
        assert (await client.get("/me")).status_code == 401


async def test_a_changed_or_foreign_token_is_no_token(api: Api) -> None:
    token = await api.token(await api.person(MAIL))
    head, body, _ = token.split(".")
    unsigned = "eyJhbGciOiJub25lIn0"
    for forged in (f"{head}.{body}.AAAA", f"{unsigned}.{body}.", token[:-2], "x", "a.b.c"):
        assert (await api.client(forged).get("/me")).status_code == 401


async def test_a_forgotten_password_is_replaced_and_all_sessions_end(api: Api) -> None:
    client = await _signed_up(api)
    token = (await _log_in(client)).json()["access_token"]
    await client.post("/auth/forgot", json={"email": MAIL})
    mailed = await api.mailed_token(MAIL)
    new = {"token": mailed, "password": "another horse battery"}
    assert (await client.post("/auth/reset", json=new)).status_code == 204
    assert (await client.post("/auth/reset", json=new)).status_code == 400  # once
    assert (await client.get("/me", headers={"authorization": f"Bearer {token}"})).status_code == 401
    assert (await _log_in(client)).status_code == 401
    given = {"email": MAIL, "password": "another horse battery"}
    assert (await client.post("/auth/login", json=given)).status_code == 200
    assert "password was changed" in await api.mail(MAIL)


async def test_a_new_password_has_twelve_letters_and_a_shorter_one_of_old_still_logs_in(api: Api) -> None:
    client = api.client()
    for length, status in ((11, 400), (12, 202)):
        made = await client.post("/auth/signup", json={"email": "b@b.test", "password": "p" * length})
        assert made.status_code == status
    user_id = await api.person(MAIL)
    async with api.admin.transaction() as tx:
        kept = await tx.get_one(Login, user_id)
        kept.password_hash = await api.deps.passwords.hash("8letters")
    login = await client.post("/auth/login", json={"email": MAIL, "password": "8letters"})
    assert login.status_code == 200
    client.headers["authorization"] = f"Bearer {login.json()['access_token']}"
    change = {"current_password": "8letters", "password": "8letters"}
    assert error_of(await client.post("/me/password", json=change))["param"] == "password"


async def test_a_mailed_link_does_not_outlive_what_it_was_asked_under(api: Api) -> None:
    """Neither a new password nor another address leaves links behind that somebody else may have read."""
    client = await _signed_up(api)
    client.headers["authorization"] = f"Bearer {(await _log_in(client)).json()['access_token']}"
    await client.post("/me/email", json={"email": "thief@evil.test", "password": PASSWORD})
    change = await api.mailed_token("thief@evil.test")
    await client.post("/auth/forgot", json={"email": MAIL})
    stale = await api.mailed_token(MAIL)
    new = {"current_password": PASSWORD, "password": "another horse battery"}
    assert (await client.post("/me/password", json=new)).status_code == 204
    for path, token in (("/auth/verify", change), ("/auth/reset", stale)):
        given = {"token": token, **({"password": PASSWORD} if "reset" in path else {})}
        assert (await client.post(path, json=given)).status_code == 400, path
    await client.post("/auth/forgot", json={"email": MAIL})
    old_mailbox = await api.mailed_token(MAIL)
    await client.post("/me/email", json={"email": "ada@new.example", "password": new["password"]})
    await client.post("/auth/verify", json={"token": await api.mailed_token("ada@new.example")})
    given = {"token": old_mailbox, "password": PASSWORD}
    assert (await client.post("/auth/reset", json=given)).status_code == 400


async def test_a_ticket_for_one_thing_opens_no_other(api: Api) -> None:
    client = await _signed_up(api)
    await client.post("/auth/forgot", json={"email": MAIL})
    reset = await api.mailed_token(MAIL)
    assert (await client.post("/auth/verify", json={"token": reset})).status_code == 400


async def test_another_address_counts_once_it_is_confirmed(api: Api) -> None:
    client = await _signed_up(api)
    client.headers["authorization"] = f"Bearer {(await _log_in(client)).json()['access_token']}"
    wish = {"email": "ada@new.example", "password": PASSWORD}
    assert (await client.post("/me/email", json={**wish, "password": "wrong"})).status_code == 403
    assert (await client.post("/me/email", json=wish)).status_code == 202
    assert (await client.get("/me")).json()["user"]["email"] == MAIL
    await client.post("/auth/verify", json={"token": await api.mailed_token("ada@new.example")})
    assert (await client.get("/me")).json()["user"]["email"] == "ada@new.example"
    assert "ada@new.example" in await api.mail(MAIL)  # the old address hears of it


async def test_the_second_factor(api: Api) -> None:
    client = await _signed_up(api)
    client.headers["authorization"] = f"Bearer {(await _log_in(client)).json()['access_token']}"
    offered = (await client.post("/me/mfa")).json()
    assert offered["uri"].startswith("otpauth://totp/")
    app = pyotp.totp.TOTP(offered["secret"])
    assert (await client.post("/me/mfa/confirm", json={"code": "000000"})).status_code in {200, 400}
    codes = (await client.post("/me/mfa/confirm", json={"code": app.now()})).json()["recovery_codes"]
    assert len(set(codes)) == 10
    asked = await _log_in(client)
    assert (asked.status_code, error_of(asked)["code"]) == (401, "mfa_required")
    replayed = await _log_in(client, code=app.now())
    assert (replayed.status_code, error_of(replayed)["code"]) == (401, "invalid_code")  # it was used to confirm
    assert (await _log_in(client, code=codes[0])).status_code == 200
    assert (await _log_in(client, code=codes[0])).status_code == 401  # once
    proof = {"password": PASSWORD, "code": codes[1]}
    assert (await client.post("/me/mfa/recovery-codes", json={**proof, "code": codes[0]})).status_code == 401
    codes = (await client.post("/me/mfa/recovery-codes", json=proof)).json()["recovery_codes"]
    assert len({*codes, proof["code"]}) == 11
    assert (await _log_in(client, code=proof["code"])).status_code == 401  # of the old ones none works
    assert (await _log_in(client, code=codes[0])).status_code == 200
    off = {"password": PASSWORD, "code": codes[1]}
    assert (await client.post("/me/mfa/disable", json={**off, "password": "wrong"})).status_code == 403
    assert (await client.post("/me/mfa/disable", json=off)).status_code == 204
    assert (await client.post("/me/mfa/recovery-codes", json=off)).status_code == 409
    assert (await _log_in(client)).status_code == 200


async def test_guessing_a_password_is_limited_by_account_and_address(api: Api) -> None:
    await _signed_up(api)
    client = api.client()
    wrong = [await client.post("/auth/login", json={"email": MAIL, "password": "guess"}) for _ in range(12)]
    statuses = [answer.status_code for answer in wrong]
    assert statuses[:10] == [401] * 10
    assert set(statuses[10:]) == {429}
    assert int(wrong[-1].headers["retry-after"]) > 0
    elsewhere = api.client(address="198.51.100.7")  # the owner, from another address, is not locked out
    assert (await elsewhere.post("/auth/login", json={"email": MAIL, "password": "guess"})).status_code == 401


async def test_who_knows_the_password_may_log_in_as_often_as_they_like(api: Api) -> None:
    client = await _signed_up(api)
    statuses = [(await _log_in(client)).status_code for _ in range(11)]
    assert set(statuses) == {200}
    guesses = [await client.post("/auth/login", json={"email": MAIL, "password": "guess"}) for _ in range(11)]
    assert [answer.status_code for answer in guesses] == [401] * 10 + [429]


async def test_passwords_are_kept_as_argon2id(api: Api) -> None:
    await _signed_up(api)
    [kept] = await api.rows(
        "SELECT l.password_hash FROM logins l JOIN users u ON u.id = l.user_id WHERE u.email = :e", e=MAIL
    )
    assert kept.startswith("$argon2id$")
    passwords = Passwords()
    assert await passwords.matches(PASSWORD, kept)
    assert not await passwords.matches("", None)
    passwords.close()
    everything = await api.rows(
        "SELECT to_jsonb(t)::text FROM tickets t UNION ALL SELECT to_jsonb(r)::text FROM refresh_tokens r"
    )
    assert all(PASSWORD not in row for row in everything)


async def test_what_ended_a_month_ago_is_forgotten(database_url: str, worker: Database, tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 11, 1, tzinfo=UTC))
    async with open_api(database_url, tmp_path, clock) as api:
        await _log_in(await _signed_up(api))
        for table in ("tickets", "sessions"):
            [end] = await api.rows(f"SELECT max(expires_at) FROM {table}")
            for seconds, kept in ((0, 1), (1, 0)):
                clock.advance((end + timedelta(days=30, seconds=seconds) - clock.now()).total_seconds())
                await sessions.forget_ended(worker, clock)
                assert await api.rows(f"SELECT count(*) FROM {table}") == [kept]
