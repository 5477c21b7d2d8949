"""GET /orgs/{org}/health: how the providers are doing, to those who ask them and to nobody else."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import text

from llmgateway.controlplane.keys.fleet import HealthBook
from llmgateway.dataplane.observe.bulletin import Bulletin
from llmgateway.dataplane.plan.health import Health
from llmgateway.dataplane.plan.hosts import build_hosts
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.gateway_file import GatewayFile
from llmgateway.providers.registry import PROVIDERS
from tests.controlplane.api import Api, open_api

OVERLOADED = ProviderError(FailureKind.OVERLOADED, "too much at once", status=503)
ENVIRONMENT = {"OPENAI_API_KEY": "sk-of-the-installation"}
OWN = {"provider": "bedrock", "name": "ours", "api_key": "sk-of-the-tenant", "options": {"region": "us-east-1"}}


async def test_circuits_of_the_installation_are_for_all_and_those_of_a_tenant_for_itself(
    database_url: str, data: Database, tmp_path: Path
) -> None:
    hosts = build_hosts(PROVIDERS, GatewayFile(), ENVIRONMENT)
    shared = hosts["openai"].credentials[0].id
    async with open_api(database_url, tmp_path, None, **ENVIRONMENT) as api:
        people = [await api.person(f"{name}@a.test") for name in ("ada", "bob")]
        ours, others = [await api.org(name, person) for name, person in zip(("Acme", "Other"), people, strict=True)]
        ada, bob = [await api.as_(person) for person in people]
        own = (await ada.post(f"/orgs/{ours}/credentials", json=OWN)).json()["id"]
        for _ in range(5):
            api.health.failed((shared, "gpt-4.1"), OVERLOADED)
        api.health.failed((shared, "ft:gpt-4.1:of-somebody"), OVERLOADED)
        api.health.answered((f"bedrock/{own}", "anthropic.claude"), 0.25, 100, 2.0)
        assert (await ada.get(f"/orgs/{ours}/health")).json()["data"] == []  # nobody told anything yet
        await Bulletin(api.health, HealthBook(data), "one").tell()
        tenants, installations = (await ada.get(f"/orgs/{ours}/health")).json()["data"]
        assert tenants == {
            "provider": "bedrock", "model": "anthropic.claude", "credential": f"bedrock/{own}", "state": "closed",
            "why": "", "first_token_ms": 250, "tokens_per_second": 50.0, "processes": 1, "troubled": 0,
        }  # fmt: skip
        assert (installations["model"], installations["state"]) == ("gpt-4.1", "open")
        assert installations["why"] == "5 failures in a row (overloaded)"
        assert (await bob.get(f"/orgs/{others}/health")).json()["data"] == [installations]
        assert (await bob.get(f"/orgs/{ours}/health")).status_code == 404


async def test_what_several_processes_tell_is_read_together_and_what_is_old_is_forgotten(
    database_url: str, data: Database, tmp_path: Path
) -> None:
    hosts = build_hosts(PROVIDERS, GatewayFile(), ENVIRONMENT)
    path = (hosts["openai"].credentials[0].id, "gpt-4.1")
    async with open_api(database_url, tmp_path, None, **ENVIRONMENT) as api:
        org, owner = await api.owner_of("Acme")
        well, ill, book = Health(api.clock), Health(api.clock), HealthBook(data)
        well.answered(path, 0.2, 100, 2.0)
        ill.answered(path, 0.4, 100, 1.0)
        for _ in range(5):
            ill.failed(path, OVERLOADED)
        for name, health in (("one", well), ("two", ill)):
            await Bulletin(health, book, name).tell()
        [shown] = (await owner.get(f"/orgs/{org}/health")).json()["data"]
        assert (shown["state"], shown["troubled"], shown["processes"]) == ("open", 1, 2)
        assert (shown["first_token_ms"], shown["tokens_per_second"]) == (300, 75.0)
        explained = await owner.post(f"/orgs/{org}/routes/explain", json={"model": "openai/gpt-4.1"})
        [step] = explained.json()["plan"]
        assert step["health"] == "open in 1 of 2 processes: 5 failures in a row (overloaded)"
        await _told(
            database_url, "UPDATE provider_health SET told_at = now() - interval '1 minute' WHERE process = 'two'"
        )
        [shown] = (await owner.get(f"/orgs/{org}/health")).json()["data"]
        assert (shown["state"], shown["processes"]) == ("closed", 1)
        explained = await owner.post(f"/orgs/{org}/routes/explain", json={"model": "openai/gpt-4.1-mini"})
        assert explained.json()["plan"][0]["health"] == "not asked lately"


async def test_only_news_are_told(api: Api, data: Database, database_url: str) -> None:
    health = Health(api.clock)
    bulletin = Bulletin(health, HealthBook(data), "one")
    await bulletin.tell()
    assert await _told(database_url) == []
    health.answered(("openai/1", "gpt-4.1"), 0.2, 100, 2.0)
    await bulletin.tell()
    [first] = await _told(database_url)
    await bulletin.tell()
    assert await _told(database_url) == [first]
    health.answered(("openai/1", "gpt-4.1"), 0.3, 100, 2.0)
    await bulletin.tell()
    [second] = await _told(database_url)
    assert second > first


async def _told(database_url: str, change: str | None = None) -> list[datetime]:
    """When each process told something, after the change."""
    database = Database(database_url, Role.LOOKUP)
    async with database.transaction() as tx:
        if change is not None:
            await tx.execute(text(change))
        times = list((await tx.scalars(text("SELECT told_at FROM provider_health ORDER BY process"))).all())
    await database.close()
    return times
