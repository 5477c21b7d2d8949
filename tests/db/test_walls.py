"""What each role of PostgreSQL may do, tried on raw connections of a login that is no superuser."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.kit.ids import new_id

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)
EVENTS = "usage_events"
DEFINERS = {
    "key_snapshot", "charge_limit", "usage_event", "insert_usage", "counters", "ensure_usage_partitions",
    "find_login", "find_refresh", "find_ticket", "find_invitation", "secrets_used", "spent", "insert_contents", "note_stripe_event",
    "drop_usage_partitions", "health_of", "tell_health", "reprice_usage",
}  # fmt: skip
SUMS = ("usage_hours", "usage_days", "usage_pending")

TENANT_TABLES = (
    "contents",
    "organisations",
    "members",
    "api_keys",
    "key_secrets",
    "projects",
    "invitations",
    "credentials",
    "routes",
)
OWN_TABLES = ("users", "logins", "sessions", "refresh_tokens", "tickets")


def _event(org: str, key: str, **changes: object) -> dict[str, object]:
    return {
        "id": new_id("req", NOW),
        "created_at": NOW.isoformat(),
        "org_id": org,
        "key_id": key,
        "operation": "chat",
        "dialect": "openai",
        "model": "m",
        "outcome": "finished",
        "status": 200,
        "stream": False,
        "prompt_tokens": 1,
        "completion_tokens": 1,
        "cached_tokens": 0,
        "cache_write_tokens": 0,
        "reasoning_tokens": 0,
        "usage_source": "provider",
        "cache": "bypass",
        "test": False,
        "duration_ms": 1,
        "attempts": [],
        "plan": [],
        "tags": [],
        **changes,
    }


@pytest.fixture
async def two_orgs(admin: Database, data: Database) -> None:
    """Organisations a and b, a person in each, and one in both; a key and an event each."""
    async with admin.transaction() as tx:
        for org in ("a", "b"):
            await tx.execute(
                text(
                    "INSERT INTO organisations (id, name, slug, plan, created_at) VALUES (:o, :o, :o, 'starter', :now)"
                ),
                {"o": org, "now": NOW},
            )
        for user, orgs in (("ua", "a"), ("ub", "b"), ("uab", "ab")):
            await tx.execute(
                text("INSERT INTO users (id, email, created_at) VALUES (:u, :u, :now)"), {"u": user, "now": NOW}
            )
            await tx.execute(text("INSERT INTO logins (user_id, password_hash) VALUES (:u, 'secret')"), {"u": user})
            for org in orgs:
                await tx.execute(
                    text("INSERT INTO members VALUES (:o, :u, 'member', :now)"), {"o": org, "u": user, "now": NOW}
                )
        for org in ("a", "b"):
            await tx.execute(
                text(
                    "INSERT INTO api_keys (id, org_id, name, test, prefix, last4, created_at) "
                    "VALUES ('k' || :o, :o, 'n', false, 'lgw_live_abc', 'wxyz', :now)"
                ),
                {"o": org, "now": NOW},
            )
            await tx.execute(
                text(
                    "INSERT INTO key_secrets (id, key_id, org_id, prefix, last4, secret_hash, created_at) "
                    "VALUES ('s' || :o, 'k' || :o, :o, 'lgw_live_abc', 'wxyz', decode(:hash, 'hex'), :now)"
                ),
                {"o": org, "hash": org * 2, "now": NOW},
            )
    async with data.transaction() as tx:
        events = [_event("a", "ka", id="req_a"), _event("b", "kb", id="req_b")]
        await tx.execute(text("SELECT insert_usage(CAST(:e AS jsonb))"), {"e": json.dumps(events)})


async def _ask(database: Database, query: str, org: str | None = None, **values: object) -> list[object]:
    async with database.transaction(org) as tx:
        return list((await tx.execute(text(query), values)).scalars())


async def _refused(database: Database, statement: str, org: str | None = None) -> str:
    """The SQLSTATE it is refused with."""
    with pytest.raises(DBAPIError) as caught:
        async with database.transaction(org) as tx:
            await tx.execute(text(statement))
    return str(getattr(caught.value.orig, "sqlstate", None))


@pytest.mark.usefixtures("two_orgs")
@pytest.mark.parametrize(
    ("table", "column", "mine"),
    [
        ("organisations", "id", ["a"]),
        ("members", "user_id", ["ua", "uab"]),
        ("users", "id", ["ua", "uab"]),
        ("api_keys", "id", ["ka"]),
        ("usage_events", "id", ["req_a"]),
        ("usage_pending", "key_id", ["ka"]),
    ],
)
async def test_app_sees_one_organisation_and_none_without_a_name(
    app: Database, table: str, column: str, mine: list[str]
) -> None:
    query = f"SELECT {column} FROM {table} ORDER BY 1"
    assert await _ask(app, query, "a") == mine
    assert await _ask(app, query) == []
    assert await _ask(app, query, "nobody") == []
    assert await _ask(app, query, "a' OR true --") == []


@pytest.mark.usefixtures("two_orgs")
async def test_the_name_of_the_organisation_ends_with_its_transaction(app: Database) -> None:
    query = "SELECT id FROM api_keys"
    for _ in range(6):  # more than the pool's connections, so that one is used again
        assert await _ask(app, query, "a") == ["ka"]
        assert await _ask(app, query) == []


@pytest.mark.usefixtures("two_orgs")
async def test_app_cannot_write_into_another_organisation(app: Database, admin: Database) -> None:
    insert = (
        "INSERT INTO api_keys (id, org_id, name, test, prefix, last4, created_at) "
        "VALUES ('k2', 'b', 'n', false, 'p', 'l', now())"
    )
    assert await _refused(app, insert, "a") == "42501"
    assert await _refused(app, "UPDATE api_keys SET org_id = 'b' WHERE id = 'ka'", "a") == "42501"
    async with app.transaction("a") as tx:
        await tx.execute(text("UPDATE api_keys SET name = 'stolen' WHERE id = 'kb'"))
        await tx.execute(text("DELETE FROM members WHERE org_id = 'b'"))
    assert await _ask(admin, "SELECT name FROM api_keys WHERE id = 'kb'") == ["n"]
    assert len(await _ask(admin, "SELECT user_id FROM members WHERE org_id = 'b'")) == 2


@pytest.mark.usefixtures("two_orgs")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET operator = true",
        "INSERT INTO users (id, email, operator, created_at) VALUES ('x', 'x', true, now())",
        "DELETE FROM logins",
        "SELECT body FROM outbox",
        "UPDATE audit_events SET action = 'nothing'",
        "DELETE FROM audit_events",
        "SELECT secrets_used('{}')",
        "SELECT key_pepper FROM installations",
        "UPDATE organisations SET plan = 'enterprise'",
        "UPDATE usage_events SET cost_nanos = 0",
        "DELETE FROM usage_events",
        *(f"UPDATE {table} SET cost_nanos = 0" for table in SUMS),
        *(f"DELETE FROM {table}" for table in SUMS),
        "SELECT recount_usage('b', now(), now())",
        "SELECT * FROM usage_events_rest",
        "SELECT key_snapshot('\\xaa')",
        "SELECT insert_usage('[]')",
        "SELECT reprice_usage('a', now(), now(), '[]')",
        "SELECT ensure_usage_partitions()",
        "SELECT drop_usage_partitions()",
        "SELECT tell_health('me', '[]')",
        "SELECT * FROM provider_health",
        "DELETE FROM api_keys",
        "CREATE TABLE mine (id text)",
        "ALTER TABLE api_keys NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY app_own ON api_keys",
    ],
)
async def test_app_may_not(app: Database, statement: str) -> None:
    assert await _refused(app, statement, "a") == "42501"


@pytest.mark.usefixtures("two_orgs")
@pytest.mark.parametrize(
    "statement",
    [
        *(
            f"SELECT 1 FROM {table}"
            for table in (
                "installations",
                *TENANT_TABLES,
                *OWN_TABLES,
                "outbox",
                "audit_events",
                EVENTS,
                *SUMS,
                "usage_watchers",
                "provider_health",
                f"{EVENTS}_rest",
            )
        ),
        "INSERT INTO usage_events (id) VALUES ('x')",
        "DELETE FROM usage_events",
        "SELECT ensure_usage_partitions()",
    ],
)
async def test_data_reads_and_writes_no_table(data: Database, statement: str) -> None:
    assert await _refused(data, statement) == "42501"


@pytest.mark.usefixtures("two_orgs")
async def test_data_finds_a_key_by_its_hash_alone(data: Database) -> None:
    found = await _ask(data, "SELECT key_snapshot('\\xaa')")
    assert isinstance(found[0], dict)
    assert (found[0]["key"]["id"], found[0]["org"]["id"]) == ("ka", "a")
    assert "secret_hash" not in found[0]["key"]
    assert await _ask(data, "SELECT key_snapshot('\\xcc')") == [None]


@pytest.mark.usefixtures("two_orgs")
async def test_data_finds_an_event_only_with_the_key_that_made_it(data: Database) -> None:
    found = await _ask(data, "SELECT usage_event('ka', 'req_a')")
    assert isinstance(found[0], dict)
    assert found[0]["org_id"] == "a"
    assert await _ask(data, "SELECT usage_event('kb', 'req_a')") == [None]


@pytest.mark.usefixtures("two_orgs")
async def test_data_is_told_what_an_organisation_used_this_month_and_today(data: Database) -> None:
    now = datetime.now(UTC)
    events = [
        _event("a", "ka", id="req_1", created_at=now.isoformat(), cost_nanos=5, prompt_tokens=7),
        _event("a", "ka", id="req_2", created_at=now.isoformat(), cost_nanos=6),
        _event("a", "ka", id="req_3", created_at=now.isoformat(), cost_nanos=None),
        _event("a", "ka", id="req_4", created_at=now.isoformat(), cost_nanos=100, test=True),
        _event("a", "ka", id="req_5", created_at="2020-01-01T00:00:00Z", cost_nanos=1000),
        _event("b", "kb", id="req_6", created_at=now.isoformat(), cost_nanos=9),
    ]
    async with data.transaction() as tx:
        await tx.execute(text("SELECT insert_usage(CAST(:e AS jsonb))"), {"e": json.dumps(events)})
        rows = (await tx.execute(text("SELECT * FROM counters('a')"))).all()
    today = [row for row in rows if row.key_id == "ka"]
    assert [row.day_nanos for row in today] == [11]
    assert today[0].month_nanos == 11
    assert today[0].day_tokens == 8 + 2 + 2
    assert {row.key_id for row in rows} == {"ka"}


@pytest.mark.usefixtures("two_orgs")
async def test_worker_reads_all_and_writes_nothing(database_url: str) -> None:
    worker = Database(database_url, Role.WORKER)
    assert await _ask(worker, "SELECT id FROM api_keys ORDER BY 1") == ["ka", "kb"]
    assert await _refused(worker, "UPDATE api_keys SET name = 'x'") == "42501"
    assert await _refused(worker, "SELECT password_hash FROM logins") == "42501"
    await worker.close()


@pytest.mark.usefixtures("two_orgs")
async def test_admin_sees_all_and_cannot_touch_money(admin: Database) -> None:
    assert await _ask(admin, "SELECT id FROM usage_events ORDER BY 1") == ["req_a", "req_b"]
    assert await _refused(admin, "SELECT request FROM contents") == "42501"  # operators never see what was said
    assert await _refused(admin, "DELETE FROM usage_events") == "42501"
    assert await _refused(admin, "UPDATE usage_events SET cost_nanos = 0") == "42501"
    assert await _refused(admin, "DELETE FROM installations") == "42501"


@pytest.mark.usefixtures("two_orgs")
@pytest.mark.parametrize("table", SUMS)
async def test_sums_of_usage_are_their_organisations_own(app: Database, admin: Database, table: str) -> None:
    query = f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'id'"
    names = await _ask(admin, query)
    columns = ", ".join(map(str, names))
    async with admin.transaction() as tx:
        if table != "usage_pending":
            await tx.execute(text(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM usage_pending"))
    query = f"SELECT key_id FROM {table} ORDER BY 1"
    assert await _ask(admin, query) == ["ka", "kb"]
    assert await _ask(app, query, "a") == ["ka"]
    assert await _ask(app, query) == []


async def test_lookup_reads_what_its_functions_need_and_no_more(database_url: str) -> None:
    lookup = Database(database_url, Role.LOOKUP)
    for table in ("members", "installations", "outbox", "audit_events"):
        assert await _refused(lookup, f"SELECT 1 FROM {table}") == "42501"
    assert await _refused(lookup, "UPDATE api_keys SET name = 'x'") == "42501"
    assert await _refused(lookup, "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'") == "42501"
    await lookup.close()


async def test_definer_functions_are_the_listed_ones_and_nobodys_by_default(admin: Database) -> None:
    query = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
    assert set(await _ask(admin, query)) == DEFINERS
    assert await _ask(admin, f"{query} AND has_function_privilege('public', oid, 'EXECUTE')") == []
    assert await _ask(admin, f"{query} AND NOT proconfig::text LIKE '%search\\_path=%pg\\_temp%'") == []


async def test_every_table_with_tenants_is_walled_also_against_its_owner(admin: Database) -> None:
    query = (
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
        "AND NOT relispartition AND NOT (relrowsecurity AND relforcerowsecurity) ORDER BY 1"
    )
    assert await _ask(admin, query) == ["alembic_version", "installations"]


async def test_no_role_can_log_in_or_is_a_superuser(admin: Database) -> None:
    query = (
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'llmgateway\\_%' AND (rolcanlogin OR rolsuper OR rolbypassrls)"
    )
    assert await _ask(admin, query) == []
    assert await _ask(admin, "SELECT rolsuper FROM pg_roles WHERE rolname = session_user") == [False]


@pytest.mark.usefixtures("two_orgs")
async def test_app_sees_what_is_one_persons_own_and_nothing_of_others(app: Database) -> None:
    async with app.transaction(user_id="ua") as tx:
        assert list((await tx.execute(text("SELECT user_id FROM logins"))).scalars()) == ["ua"]
        assert list((await tx.execute(text("SELECT id FROM users"))).scalars()) == ["ua"]
        assert list((await tx.execute(text("SELECT id FROM organisations"))).scalars()) == ["a"]
        assert list((await tx.execute(text("SELECT id FROM api_keys"))).scalars()) == []
    async with app.transaction(user_id="uab") as tx:
        assert list((await tx.execute(text("SELECT id FROM organisations ORDER BY 1"))).scalars()) == ["a", "b"]
    async with app.transaction("a") as tx:  # an organisation's members are seen, never what proves who they are
        assert list((await tx.execute(text("SELECT id FROM users ORDER BY 1"))).scalars()) == ["ua", "uab"]
        assert list((await tx.execute(text("SELECT user_id FROM logins"))).scalars()) == []


@pytest.mark.usefixtures("two_orgs")
async def test_the_trail_cannot_be_changed_by_anybody(admin: Database, database_url: str) -> None:
    insert = (
        "INSERT INTO audit_events (id, org_id, actor_kind, action, created_at) VALUES ('e', 'a', 'user', 'x', now())"
    )
    async with admin.transaction() as tx:
        await tx.execute(text(insert))
    for role in (Role.ADMIN, Role.WORKER, Role.OWNER):
        database = Database(database_url, role)
        for statement in ("UPDATE audit_events SET action = 'y'", "DELETE FROM audit_events", "TRUNCATE audit_events"):
            assert await _refused(database, statement) == "42501"
        await database.close()
