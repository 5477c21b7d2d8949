"""GET /orgs/{org}/health: how the providers are doing, to those who ask them and to nobody else."""

from pathlib import Path

from llmgateway.dataplane.plan.hosts import build_hosts
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.gateway_file import GatewayFile
from llmgateway.providers.registry import PROVIDERS
from tests.controlplane.api import open_api

OVERLOADED = ProviderError(FailureKind.OVERLOADED, "too much at once", status=503)
ENVIRONMENT = {"OPENAI_API_KEY": "sk-of-the-installation"}
OWN = {"provider": "bedrock", "name": "ours", "api_key": "sk-of-the-tenant", "options": {"region": "us-east-1"}}


async def test_circuits_of_the_installation_are_for_all_and_those_of_a_tenant_for_itself(
    database_url: str, tmp_path: Path
) -> None:
    hosts = build_hosts({provider.id: provider for provider in PROVIDERS}, GatewayFile(), ENVIRONMENT)
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
        tenants, installations = (await ada.get(f"/orgs/{ours}/health")).json()["data"]
        assert tenants == {
            "provider": "bedrock", "model": "anthropic.claude", "credential": f"bedrock/{own}", "state": "closed",
            "why": "", "first_token_ms": 250, "tokens_per_second": 50.0,
        }  # fmt: skip
        assert (installations["model"], installations["state"]) == ("gpt-4.1", "open")
        assert installations["why"] == "5 failures in a row (overloaded)"
        assert (await bob.get(f"/orgs/{others}/health")).json()["data"] == [installations]
        assert (await bob.get(f"/orgs/{ours}/health")).status_code == 404
