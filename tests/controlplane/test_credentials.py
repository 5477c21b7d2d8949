"""Provider keys that tenants bring: checked, sealed, used by dispatch alone, erased for good."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from llmgateway.contract.channels import CachePurged, CheckedCredential
from llmgateway.controlplane.admin.rotation import rotate
from llmgateway.controlplane.keys.announcements import KeyAnnouncements
from llmgateway.controlplane.keys.source import KeySource
from llmgateway.controlplane.policies.schemas import TargetPrice
from llmgateway.db.session import Database
from llmgateway.kit.clock import SystemClock
from llmgateway.kit.crypto import CannotOpen, MasterKeys
from llmgateway.kit.vault import Vault
from tests.controlplane.api import Api, Json, error_of, open_api

SECRET = "sk-of-the-tenant-abcd"
WISH = {"provider": "bedrock", "name": "ours", "api_key": SECRET, "options": {"region": "us-east-1"}}


async def test_a_credential_is_sealed_and_only_its_own_organisation_opens_it(api: Api, data: Database) -> None:
    org, owner = await api.owner_of("Acme")
    made = await owner.post(f"/orgs/{org}/credentials", json=WISH)
    assert made.status_code == 201, made.text
    assert SECRET not in made.text
    assert made.json()["last4"] == "abcd"
    key = (await owner.post(f"/orgs/{org}/keys", json={"name": "k"})).json()["key"]
    snapshot = await KeySource(data, api.deps.pepper, SystemClock()).key_snapshot(key)
    assert snapshot is not None
    [sealed] = snapshot.org.credentials
    wrapped = snapshot.org.data_key
    assert wrapped is not None
    assert SECRET.encode() not in sealed.sealed
    vault, about = Vault(api.deps.masters), f"credentials.sealed:{sealed.id}"
    assert msgspec.json.decode(vault.open(wrapped, org, about, sealed.sealed)) == {"api_key": SECRET}
    for owner_of_it, place in (("org_other", about), (org, "credentials.sealed:cred_other")):
        with pytest.raises(CannotOpen):
            vault.open(wrapped, owner_of_it, place, sealed.sealed)


@pytest.mark.parametrize(
    "address",
    [
        "http://api.example.com/v1",
        "https://127.0.0.1/v1",
        "https://localhost/v1",
        "https://10.0.0.8/v1",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/v1",
        "https://[::ffff:10.0.0.1]/v1",
        "https://[fd00::1]/",
        "https://0.0.0.0/",
        "https://100.64.0.1/",
        "https://user:pass@example.com/",
        "file:///etc/passwd",
        "ftp://example.com/",
        "https://example.com/v1?key=k",
        "https://example.com/v1#k",
    ],
)
async def test_an_address_that_leads_inside_is_refused(api: Api, address: str) -> None:
    org, owner = await api.owner_of("Acme")
    wish = {"provider": "openai", "name": "n", "api_key": "k", "base_url": address}
    refused = await owner.post(f"/orgs/{org}/credentials", json=wish)
    assert (refused.status_code, error_of(refused)["param"]) == (400, "base_url")


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"provider": "openai", "secrets": {"key": "k"}}, "api_key"),
        ({"provider": "sandbox", "api_key": "anything"}, "provider"),
        ({"provider": "ollama", "api_key": "anything"}, "provider"),
        ({"provider": "bedrock", "secrets": {"aws_access_key_id": "k"}, "options": {"region": "us-east-1"}}, "api_key"),
        ({"provider": "bedrock", "api_key": "k"}, "options"),
        ({"provider": "databricks", "api_key": "k", "options": {"region": "x"}}, "options"),
        ({"provider": "openai", "api_key": "k", "options": {"api_key": "k"}}, "options"),
        ({"provider": "openai", "api_key": "k", "options": {"organisation": "k"}}, "options"),
        (
            {"provider": "ollama", "base_url": "https://example.com", "options": {"api_key": "k"}, "api_key": "k"},
            "options",
        ),
        ({"provider": "vertex", "secrets": {"token": "t"}, "options": {"service_account_file": "k"}}, "options"),
        ({"provider": "openai", "api_key": "two\nlines"}, "api_key"),
        ({"provider": "bedrock", "secrets": {"aws_access_key_id": "k\r\nx: y"}}, "secrets.aws_access_key_id"),
    ],
)
async def test_what_is_wrong_with_a_credential_is_said_when_it_is_entered(api: Api, wish: Json, param: str) -> None:
    org, owner = await api.owner_of("Acme")
    refused = await owner.post(f"/orgs/{org}/credentials", json={"name": "n", **wish})
    assert (refused.status_code, error_of(refused)["param"]) == (400, param)


@pytest.mark.parametrize(
    ("secret", "shown"), [("sk-12345-abcd", "abcd"), (" sk-12345-abcd\n", "abcd"), ("sk-short", "")]
)
async def test_a_secret_is_recognised_by_its_end_where_it_has_some_to_spare(api: Api, secret: str, shown: str) -> None:
    org, owner = await api.owner_of("Acme")
    made = await owner.post(f"/orgs/{org}/credentials", json={**WISH, "api_key": secret})
    assert made.json()["last4"] == shown


@pytest.mark.parametrize("value", ["x@127.0.0.1/", "127.0.0.1:443/?", "evil.test/#", "a\\b", "a b", "", ".", "ä"])
async def test_an_option_cannot_lead_to_another_address(api: Api, value: str) -> None:
    org, owner = await api.owner_of("Acme")
    for provider, name in (("vertex", "location"), ("bedrock", "region"), ("databricks", "workspace")):
        secrets = {"token": "t", "api_key": "k"}
        wish = {"provider": provider, "name": "n", "secrets": secrets, "options": {name: value}}
        assert (await owner.post(f"/orgs/{org}/credentials", json=wish)).status_code == 400, provider


async def test_a_credential_that_the_provider_refuses_is_not_kept(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    org, owner = await api.owner_of("Acme")

    async def refuses(*_: object) -> CheckedCredential:
        return CheckedCredential(accepted=False, message="401: Incorrect API key provided")

    monkeypatch.setattr(api.deps.check, "check", refuses)
    refused = await owner.post(f"/orgs/{org}/credentials", json=WISH)
    assert (refused.status_code, error_of(refused)["code"]) == (400, "credential_refused")
    assert "Incorrect API key" in error_of(refused)["message"]
    assert (await owner.get(f"/orgs/{org}/credentials")).json()["data"] == []


async def test_erasure_destroys_the_data_key(api: Api) -> None:
    org, owner = await api.owner_of("Acme")
    await owner.post(f"/orgs/{org}/credentials", json=WISH)
    assert (await owner.post(f"/orgs/{org}/erase")).status_code == 204
    assert await api.rows("SELECT data_key FROM organisations WHERE id = :o", o=org) == [None]
    assert (await owner.get(f"/orgs/{org}/credentials")).json()["data"] == []
    assert (await owner.post(f"/orgs/{org}/credentials", json=WISH)).status_code == 201  # under a new key


async def test_erasure_forgets_cached_answers_in_every_process(api: Api) -> None:
    org, owner = await api.owner_of("Acme")
    heard, purged, began = KeyAnnouncements(api.admin), asyncio.Queue[CachePurged](), asyncio.Event()
    heard.subscribe_purges(purged.put_nowait)
    heard.subscribe(lambda _: began.set())
    listening = asyncio.create_task(heard.listen())
    await asyncio.wait_for(began.wait(), 10)
    await owner.post(f"/orgs/{org}/erase")
    assert await asyncio.wait_for(purged.get(), 10) == CachePurged(org)
    listening.cancel()


async def test_master_keys_are_rotated_and_the_old_one_can_go(database_url: str, tmp_path: Path) -> None:
    old, new = "o" * 32, "n" * 32
    async with open_api(database_url, tmp_path, LLMGATEWAY_SECRET_KEY=old) as api:
        org, owner = await api.owner_of("Acme")
        await owner.post(f"/orgs/{org}/credentials", json=WISH)
        await owner.post("/me/mfa")
        done = await rotate(api.admin, MasterKeys([new, old]))
        assert (done.peppers, done.data_keys, done.second_factors) == (1, 1, 1)
        again = await rotate(api.admin, MasterKeys([new]))  # the old one is not needed any more
        assert (again.peppers, again.data_keys, again.second_factors) == (0, 0, 0)
        with pytest.raises(CannotOpen):
            await rotate(api.admin, MasterKeys(["x" * 32]))


def _route(**price: object) -> Json:
    return {"targets": [{"provider": "bedrock", "model": "our-model", "price": price}]}


async def test_a_price_of_its_own_is_for_a_credential_of_its_own(api: Api) -> None:
    org, owner = await api.owner_of("Acme")
    refused = await owner.put(f"/orgs/{org}/routes/mine", json=_route(input="2.50", output=10))
    assert (refused.status_code, error_of(refused)["param"]) == (400, "targets.0.price")
    assert "Add the credential first" in error_of(refused)["message"]
    assert (await owner.post(f"/orgs/{org}/credentials", json=WISH)).status_code == 201
    made = await owner.put(f"/orgs/{org}/routes/mine", json=_route(input="2.50", output=10))
    assert made.status_code == 201, made.text
    kept = (await owner.get(f"/orgs/{org}/routes/mine")).json()["targets"][0]["price"]
    assert (kept["input"], kept["output"], kept["search"]) == ("2.50", "10", None)
    again = await owner.put(f"/orgs/{org}/routes/mine", json={"targets": made.json()["targets"]})
    assert again.json()["targets"] == made.json()["targets"]


async def test_a_price_reaches_requests_as_it_was_given_in_every_class(api: Api, data: Database) -> None:
    """One class that the control plane takes and requests do not would silence the whole route."""
    org, owner = await api.owner_of("Acme")
    given = {name: f"{place}.25" for place, name in enumerate(TargetPrice.model_fields, start=1)}
    assert (await owner.post(f"/orgs/{org}/credentials", json=WISH)).status_code == 201
    assert (await owner.put(f"/orgs/{org}/routes/mine", json=_route(**given))).status_code == 201
    key = (await owner.post(f"/orgs/{org}/keys", json={"name": "k"})).json()["key"]
    snapshot = await KeySource(data, api.deps.pepper, SystemClock()).key_snapshot(key)
    assert snapshot is not None
    price = snapshot.org.routes["mine"].targets[0].price
    assert price is not None
    assert {name: str(value) for name, value in price} == given


@pytest.mark.parametrize(
    "price", [{}, {"output": "1"}, {"input": "-1"}, {"input": "NaN"}, {"input": 10**9}, {"input": 2.5}, {"in": 1}]
)
async def test_a_price_that_cannot_be_one_is_refused(api: Api, price: Json) -> None:
    org, owner = await api.owner_of("Acme")
    assert (await owner.post(f"/orgs/{org}/credentials", json=WISH)).status_code == 201
    refused = await owner.put(f"/orgs/{org}/routes/mine", json=_route(**price))
    assert refused.status_code == 400, refused.text
    assert error_of(refused)["param"].startswith("targets.0.price")


async def test_a_route_of_a_newer_release_is_shown_as_far_as_it_is_known_and_written_anew(api: Api) -> None:
    org, owner = await api.owner_of("Acme")
    for alias in ("mine", "other"):
        route = {"targets": [{"provider": "sandbox", "model": "chat"}]}
        assert (await owner.put(f"/orgs/{org}/routes/{alias}", json=route)).status_code == 201
    newer = """{"targets": [{"provider": "sandbox", "model": "chat", "tempo": 3}], "shadow": {"percent": 5}}"""
    async with api.admin.transaction() as tx:
        await tx.execute(
            text("UPDATE routes SET definition = CAST(:newer AS jsonb) WHERE alias = 'mine'"), {"newer": newer}
        )
    shown = (await owner.get(f"/orgs/{org}/routes")).json()["data"]
    assert [(route["alias"], route["targets"][0]["model"]) for route in shown] == [("other", "chat"), ("mine", "chat")]
    assert "tempo" not in shown[1]["targets"][0]
    assert (await owner.put(f"/orgs/{org}/routes/mine", json={"targets": shown[1]["targets"]})).status_code == 200
