"""`llmgateway keys`, `usage` and `migrate`, as a user or a script calls them."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from llmgateway.cli import cli
from llmgateway.contract.snapshot import Budget, KeySnapshot, Limits
from llmgateway.contract.usage import Outcome, UsageEvent
from llmgateway.controlplane.keys.source import KeySource
from llmgateway.controlplane.onboarding.service import install
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.errors import ConfigurationError
from llmgateway.kit.clock import SystemClock
from llmgateway.settings import Settings
from tests.controlplane.records import event, make_org

ENVIRONMENT = {"LLMGATEWAY_SECRET_KEY": "s" * 32, "JWT_SECRET_KEY": "j" * 32}

Call = Callable[..., str]


@pytest.fixture
def call(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run a command on the test's database and give back what it prints; raises what stops it."""
    for name, value in {
        "DATABASE_URL": database_url,
        "LLMGATEWAY_DATA_DIR": str(tmp_path / "data"),
        **ENVIRONMENT,
    }.items():
        monkeypatch.setenv(name, value)
    return _call


def _call(*arguments: str) -> str:
    result = CliRunner().invoke(cli, arguments)
    if isinstance(result.exception, ConfigurationError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


async def _snapshot(database_url: str, secret: str) -> KeySnapshot | None:
    settings = Settings.model_validate({"DATABASE_URL": database_url, **ENVIRONMENT})
    admin, data = Database(database_url, Role.ADMIN), Database(database_url, Role.DATA)
    pepper, _ = await install(admin, SystemClock(), settings)
    found = await KeySource(data, pepper, SystemClock()).key_snapshot(secret)
    await admin.close()
    await data.close()
    return found


def _create(call: Call, *options: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(call("keys", "create", "--name", "n", *options, "--json"))
    return made


def test_a_new_key_prints_its_id_and_secret_and_works(call: Call, database_url: str) -> None:
    made = _create(call)
    assert set(made) == {"id", "key"}
    assert made["key"].startswith("lgw_live_")
    found = asyncio.run(_snapshot(database_url, made["key"]))
    assert found is not None
    assert (found.id, found.limits, found.budgets, found.test) == (made["id"], Limits(), (), False)


def test_every_limit_reaches_the_key(call: Call, database_url: str) -> None:
    made = _create(call, *["--rpm", "1", "--rph", "2", "--rpd", "3", "--tpm", "4", "--concurrency", "5", "--test"])
    found = asyncio.run(_snapshot(database_url, made["key"]))
    assert found is not None
    assert found.limits == Limits(
        requests_per_minute=1, requests_per_hour=2, requests_per_day=3, tokens_per_minute=4, concurrency=5
    )
    assert found.test
    assert made["key"].startswith("lgw_test_")


def test_a_budget_is_kept_to_the_nano(call: Call, database_url: str) -> None:
    done = CliRunner().invoke(cli, ["keys", "create", "--name", "n", "--budget-usd", "12.345678901", "--json"])
    found = asyncio.run(_snapshot(database_url, json.loads(done.stdout)["key"]))
    assert found is not None
    assert found.budgets == (Budget(nanos=12_345_678_901),)


@pytest.mark.parametrize("by", ["id", "slug"])
def test_a_key_of_another_organisation_has_its_plans_defaults(call: Call, database_url: str, by: str) -> None:
    _create(call)

    async def make() -> tuple[str, str]:
        admin = Database(database_url, Role.ADMIN)
        org = await make_org(admin, plan="free", name="Second")
        await admin.close()
        return org.id, org.slug

    org_id, slug = asyncio.run(make())
    made = _create(call, "--org", org_id if by == "id" else slug)
    found = asyncio.run(_snapshot(database_url, made["key"]))
    assert found is not None
    assert found.org.id == org_id
    assert found.limits == Limits(requests_per_minute=60, requests_per_hour=1000, requests_per_day=10_000)


def test_an_unknown_organisation_or_key_is_one_sentence(call: Call) -> None:
    with pytest.raises(ConfigurationError, match="no organisation 'nobody'"):
        _create(call, "--org", "nobody")
    with pytest.raises(ConfigurationError, match=r"no API key 'key_nobody'.*keys list"):
        call("keys", "revoke", "key_nobody")


@pytest.mark.parametrize(
    "option",
    [
        ("--rpm", "0"),
        ("--rpd", "1000000000001"),
        ("--tpm", "99999999999999999999"),
        ("--concurrency", "-1"),
        ("--concurrency", "1000001"),
        ("--budget-usd", "0"),
        ("--budget-usd", "x"),
        ("--budget-usd", "1e999999999"),
        ("--budget-usd", "9000001"),
        ("--name", ""),
        ("--name", "n" * 101),
        ("--name", "a\u0001b"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(call: Call, option: tuple[str, str]) -> None:
    assert CliRunner().invoke(cli, ["keys", "create", "--name", "n", *option]).exit_code == 2
    with pytest.raises(ConfigurationError, match="no organisation yet"):
        call("keys", "list")  # nothing was made


def test_the_list_shows_keys_without_their_secrets_and_which_are_revoked(call: Call) -> None:
    first, second = _create(call), _create(call)
    call("keys", "revoke", second["id"])
    printed = call("keys", "list", "--json")
    rows = {row["id"]: row for row in json.loads(printed)}
    assert rows[first["id"]]["revoked_at"] is None
    assert rows[second["id"]]["revoked_at"] is not None
    assert rows[first["id"]]["last4"] == first["key"][-4:]
    assert first["key"] not in printed
    table = call("keys", "list")
    assert len([line for line in table.splitlines() if "revoked" in line]) == 1
    assert first["key"] not in table


def test_a_revoked_key_is_told_as_revoked(call: Call, database_url: str) -> None:
    made = _create(call)
    call("keys", "revoke", made["id"])
    found = asyncio.run(_snapshot(database_url, made["key"]))
    assert found is not None
    assert found.revoked


def _record(database_url: str, *events: UsageEvent) -> None:
    async def record() -> None:
        data = Database(database_url, Role.DATA)
        assert await UsageStore(data).insert(events) == ()
        await data.close()

    asyncio.run(record())


def test_usage_is_one_array_with_exactly_the_documented_fields(call: Call, database_url: str) -> None:
    first = event(cost_nanos=1_234_567_890, charge_nanos=0, list_cost_nanos=None)
    _record(database_url, first)
    rows = json.loads(call("usage", "list", "--json", "--request", first.id))
    assert len(rows) == 1
    row = rows[0]
    assert set(row) == {
        "id", "org_id", "key_id", "created_at", "model", "provider", "served_model", "outcome", "status",
        "prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens", "cost_usd", "charge_usd",
        "list_cost_usd", "price_version", "usage_source", "cache", "attempts",
    }  # fmt: skip
    assert (row["cost_usd"], row["charge_usd"], row["list_cost_usd"]) == ("1.234567890", "0.000000000", None)
    assert (row["id"], row["outcome"], row["status"], row["prompt_tokens"]) == (first.id, "finished", 200, 11)
    assert row["attempts"] == [msgspec.to_builtins(attempt) for attempt in first.attempts]


def test_usage_of_an_unknown_request_is_an_empty_array(call: Call, database_url: str) -> None:
    _record(database_url, event())
    assert json.loads(call("usage", "list", "--json", "--request", "req_unknown")) == []


def test_usage_is_limited_and_readable_without_json(call: Call, database_url: str) -> None:
    _record(database_url, *(event() for _ in range(3)), event(outcome=Outcome.FAILED, cost_nanos=None, status=502))
    assert len(json.loads(call("usage", "list", "--json", "--limit", "2"))) == 2
    table = call("usage", "list")
    assert len(table.splitlines()) == 4
    assert "unpriced" in table
    assert "$123.456789012" in table


def test_usage_of_one_organisation_between_two_moments(call: Call, database_url: str) -> None:
    async def acme() -> str:
        admin = Database(database_url, Role.ADMIN)
        org = await make_org(admin)
        await admin.close()
        return org.id

    mine, others = event(org_id=asyncio.run(acme())), event(org_id="org_2")  # at 12:30:15.123
    _record(database_url, mine, others)

    def ids(*wish: str) -> set[str]:
        return {row["id"] for row in json.loads(call("usage", "list", "--json", *wish))}

    assert ids("--org", "acme") == ids("--org", mine.org_id) == {mine.id}
    assert ids("--from", "2026-11-05", "--to", "2026-11-06") == {mine.id, others.id}
    assert ids("--org", "acme", "--from", "2026-11-05T12:31") == ids("--to", "2026-11-05T12:30:15") == set()
    unknown = CliRunner().invoke(cli, ("usage", "list", "--org", "nobody"))
    assert (unknown.exit_code, "no organisation 'nobody'" in unknown.output) == (2, True)
    backwards = CliRunner().invoke(cli, ("usage", "list", "--from", "2026-11-06", "--to", "2026-11-05"))
    assert (backwards.exit_code, "must lie before" in backwards.output) == (2, True)


def test_migrate_says_where_the_schema_is(call: Call) -> None:
    assert call("migrate").startswith("The schema is at ")


def test_commands_before_the_first_serve_own_a_database_for_their_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    data_dir = tmp_path / "data"
    monkeypatch.setenv("LLMGATEWAY_DATA_DIR", str(data_dir))
    made = _create(_call)
    listed = json.loads(_call("keys", "list", "--json"))
    assert made["id"] in {row["id"] for row in listed}
    # What `serve` would have kept at its first start is kept too.
    kept = (data_dir / "dev-key").read_text().strip()
    assert kept[-4:] in {row["last4"] for row in listed}
    assert json.loads(_call("usage", "list", "--json")) == []
