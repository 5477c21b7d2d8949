"""API keys: how they look, what is kept of them, and what the data plane is told."""

import asyncio
import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from llmgateway.contract.channels import KeyChanged, SourceUnavailable
from llmgateway.contract.snapshot import Budget, Limits
from llmgateway.controlplane.keys import service
from llmgateway.controlplane.keys.announcements import KeyAnnouncements
from llmgateway.controlplane.keys.source import KeySource
from llmgateway.controlplane.reception.announcing import CHANNEL
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.errors import NotFound
from llmgateway.kit.clock import SystemClock
from tests.controlplane.records import PEPPER, SECRET, make_key, make_org
from tests.fixtures_database import run_sql

CLOCK = SystemClock()


@pytest.mark.parametrize(("test", "kind"), [(False, "live"), (True, "test")])
def test_a_secret_tells_its_kind_and_is_never_the_same(*, test: bool, kind: str) -> None:
    secrets = {service.new_secret(test=test) for _ in range(200)}
    assert len(secrets) == 200
    assert all(re.fullmatch(rf"lgw_{kind}_[A-Za-z0-9]{{32}}", secret) for secret in secrets)


async def test_the_secret_itself_is_nowhere_in_the_database(admin: Database) -> None:
    await make_key(admin, await make_org(admin))
    async with admin.transaction() as tx:
        row = str(await tx.scalar(text("SELECT api_keys::text FROM api_keys")))
    assert SECRET not in row
    assert SECRET.removeprefix("lgw_live_")[:8] not in row


async def test_a_snapshot_says_all_that_the_key_may_do(admin: Database, data: Database) -> None:
    org = await make_org(admin)
    limits = Limits(requests_per_minute=1, requests_per_hour=2, requests_per_day=3, tokens_per_minute=4, concurrency=5)
    wish = service.KeyWish(name="ci", test=True, limits=limits, monthly_budget_nanos=2**53 + 1)
    key = await make_key(admin, org, wish)
    expires = datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    async with admin.transaction() as tx:
        await tx.execute(
            text(
                "UPDATE api_keys SET scopes = '[\"chat\"]', models = '[\"m\"]', providers = '[\"openai\"]', "
                "networks = '[\"10.0.0.0/8\"]', tags = '[\"blue\"]', project_id = 'proj_1', expires_at = :expires"
            ),
            {"expires": expires},
        )
    found = await KeySource(data, PEPPER, SystemClock()).key_snapshot(SECRET)
    assert found is not None
    assert (found.id, found.name, found.test, found.project_id) == (key.id, "ci", True, "proj_1")
    assert (found.org.id, found.org.slug, found.org.plan) == (org.id, "acme", "self_hosted")
    assert (found.org.suspended, found.org.charged, found.revoked) == (False, False, False)
    assert found.limits == limits
    assert found.budgets == (Budget(nanos=2**53 + 1),)
    assert (found.scopes, found.models, found.providers) == ({"chat"}, {"m"}, {"openai"})
    assert (found.networks, found.tags, found.expires_at) == (("10.0.0.0/8",), ("blue",), expires)


async def test_an_empty_list_of_addresses_allows_none(admin: Database, data: Database) -> None:
    await make_key(admin, await make_org(admin))
    for written, networks in (("NULL", None), ("'[]'", ())):
        async with admin.transaction() as tx:
            await tx.execute(text(f"UPDATE api_keys SET networks = {written}"))
        found = await KeySource(data, PEPPER, SystemClock()).key_snapshot(SECRET)
        assert found is not None
        assert found.networks == networks


async def test_revoked_and_suspended_are_told(admin: Database, data: Database) -> None:
    org = await make_org(admin, plan="starter")
    key = await make_key(admin, org)
    async with admin.transaction() as tx:
        await service.revoke(tx, CLOCK, key.id)
        await tx.execute(text("UPDATE organisations SET suspended_at = now()"))
    found = await KeySource(data, PEPPER, SystemClock()).key_snapshot(SECRET)
    assert found is not None
    assert (found.revoked, found.org.suspended, found.org.charged) == (True, True, True)


@pytest.mark.parametrize("secret", ["", "lgw_live_unknown", "\udcff", "x" * 10_000, "a\0b"])
async def test_an_unknown_secret_is_none(data: Database, secret: str) -> None:
    assert await KeySource(data, PEPPER, SystemClock()).key_snapshot(secret) is None


async def test_another_pepper_finds_nothing(admin: Database, data: Database) -> None:
    await make_key(admin, await make_org(admin))
    assert await KeySource(data, b"q" * 32, SystemClock()).key_snapshot(SECRET) is None


@pytest.mark.parametrize(
    ("plan", "asked", "kept"),
    [
        ("self_hosted", Limits(), Limits()),
        ("starter", Limits(), Limits(requests_per_minute=60, requests_per_hour=1000, requests_per_day=10_000)),
        (
            "starter",
            Limits(requests_per_hour=5, concurrency=2),
            Limits(requests_per_minute=60, requests_per_hour=5, requests_per_day=10_000, concurrency=2),
        ),
    ],
)
async def test_a_limit_not_given_is_the_plans(
    admin: Database, data: Database, plan: str, asked: Limits, kept: Limits
) -> None:
    await make_key(admin, await make_org(admin, plan=plan), service.KeyWish(name="k", limits=asked))
    found = await KeySource(data, PEPPER, SystemClock()).key_snapshot(SECRET)
    assert found is not None
    assert found.limits == kept


async def test_an_organisations_list_has_its_own_keys_newest_first(admin: Database) -> None:
    ours, theirs = await make_org(admin), await make_org(admin, name="Other")
    first = await make_key(admin, ours)
    await make_key(admin, theirs, secret=SECRET + "b")
    second = await make_key(admin, ours, secret=SECRET + "c")
    async with admin.transaction() as tx:
        assert [key.id for key in await service.listed(tx, ours)] == [second.id, first.id]


async def test_revoking_twice_keeps_the_first_moment_and_a_stranger_is_not_found(admin: Database) -> None:
    key = await make_key(admin, await make_org(admin))
    moments = list[datetime | None]()
    for _ in range(2):
        async with admin.transaction() as tx:
            moments.append((await service.revoke(tx, CLOCK, key.id)).revoked_at)
    assert moments[0] is not None
    assert moments[0] == moments[1]
    async with admin.transaction() as tx:
        with pytest.raises(NotFound, match="llmgateway keys list"):
            await service.revoke(tx, CLOCK, "key_nobody")


async def test_a_database_that_refuses_is_unavailable_and_not_an_unknown_key(app: Database) -> None:
    with pytest.raises(SourceUnavailable):
        await KeySource(app, PEPPER, SystemClock()).key_snapshot(SECRET)


async def test_a_database_that_hangs_is_unavailable(admin: Database, database_url: str) -> None:
    impatient = Database(database_url, Role.DATA, seconds=0.3)
    async with admin.transaction() as tx:
        await tx.execute(text("SET LOCAL ROLE llmgateway_owner"))
        await tx.execute(text("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(SourceUnavailable):
            await KeySource(impatient, PEPPER, SystemClock()).key_snapshot(SECRET)
    assert await KeySource(impatient, PEPPER, SystemClock()).key_snapshot(SECRET) is None
    await impatient.close()


class _Ears:
    """Hears announcements, one after the other."""

    def __init__(self, database: Database) -> None:
        self._heard = asyncio.Queue[KeyChanged]()
        announcements = KeyAnnouncements(database)
        announcements.subscribe(self._heard.put_nowait)
        self._task = asyncio.create_task(announcements.listen())

    async def next(self) -> KeyChanged:
        return await asyncio.wait_for(self._heard.get(), 20)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_a_change_is_heard_when_it_is_committed(admin: Database, data: Database) -> None:
    ears = _Ears(data)
    assert await ears.next() == KeyChanged(None, None)
    key = await make_key(admin, await make_org(admin))
    assert await ears.next() == KeyChanged(key.id, None)
    async with admin.transaction() as tx:
        await service.revoke(tx, CLOCK, key.id)
        await service.announce(tx, KeyChanged(None, "org_1"))
    assert [await ears.next(), await ears.next()] == [KeyChanged(key.id, None), KeyChanged(None, "org_1")]
    await ears.close()


async def test_what_is_rolled_back_is_never_heard(admin: Database, data: Database) -> None:
    ears = _Ears(data)
    await ears.next()

    async def fail() -> None:
        async with admin.transaction() as tx:
            await service.announce(tx, KeyChanged("key_undone", None))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with admin.transaction() as tx:
        await service.announce(tx, KeyChanged("key_done", None))
    assert await ears.next() == KeyChanged("key_done", None)
    await ears.close()


async def test_a_lost_listener_revalidates_everything_and_hears_again(
    admin: Database, data: Database, database_url: str
) -> None:
    ears = _Ears(data)
    assert await ears.next() == KeyChanged(None, None)
    for _ in range(2):
        await run_sql(
            database_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        assert await ears.next() == KeyChanged(None, None)
        async with admin.transaction() as tx:
            await service.announce(tx, KeyChanged("key_1", None))
        assert await ears.next() == KeyChanged("key_1", None)
    await ears.close()


async def test_words_of_another_version_forget_everything(data: Database, database_url: str) -> None:
    ears = _Ears(data)
    await ears.next()
    await run_sql(database_url, f"NOTIFY {CHANNEL}, 'gibberish'")
    assert await ears.next() == KeyChanged(None, None)
    await run_sql(database_url, f"""NOTIFY {CHANNEL}, '{{"key_id": "k", "org_id": null}}'""")
    assert await ears.next() == KeyChanged("k", None)
    await ears.close()
