"""Where a host's credentials come from, for a provider with more than one kind of them."""

from typing import Any

import pytest

from llmgateway.contract.snapshot import OrgSnapshot, SealedCredential
from llmgateway.dataplane.plan.hosts import Credential, Host, brought, build_hosts, not_to_be_brought, own_hosts
from llmgateway.errors import ConfigurationError
from llmgateway.gateway_file import GatewayFile
from llmgateway.providers.bedrock.declaration import BEDROCK
from llmgateway.providers.hosts.databricks import DATABRICKS
from llmgateway.providers.hosts.openai import OPENAI
from llmgateway.providers.registry import PROVIDERS
from llmgateway.providers.vertex.declaration import VERTEX

PAIR = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "s3cr3t"}
REGION = {"AWS_REGION": "eu-central-1"}


def host(environ: dict[str, str], **entry: Any) -> Host:
    file = GatewayFile.model_validate({"providers": {"bedrock": entry}} if entry else {})
    return build_hosts([BEDROCK], file, environ)["bedrock"]


@pytest.mark.parametrize(
    ("environ", "secrets"),
    [
        ({"AWS_BEARER_TOKEN_BEDROCK": "b"}, {"api_key": "b"}),
        (PAIR, {"aws_access_key_id": "AK", "aws_secret_access_key": "s3cr3t"}),
        (
            {**PAIR, "AWS_SESSION_TOKEN": "t"},
            {"aws_access_key_id": "AK", "aws_secret_access_key": "s3cr3t", "aws_session_token": "t"},
        ),
        ({**PAIR, "AWS_BEARER_TOKEN_BEDROCK": "b"}, {"api_key": "b"}),
    ],
)
def test_any_complete_set_of_secrets_will_do(environ: dict[str, str], secrets: dict[str, str]) -> None:
    made = host({**environ, **REGION})
    assert [credential.secrets for credential in made.credentials] == [secrets]
    assert made.base_url == "https://bedrock-runtime.eu-central-1.amazonaws.com"
    assert made.options == {"region": "eu-central-1"}
    assert "s3cr3t" not in repr(made)


def test_half_a_credential_is_none_and_says_what_is_missing() -> None:
    made = host({"AWS_ACCESS_KEY_ID": "AK", **REGION})
    assert made.credentials == ()
    assert "AWS_BEARER_TOKEN_BEDROCK; or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY" in made.missing


def test_keys_of_the_file_are_not_mixed_with_a_session_of_the_environment() -> None:
    environ = {"AWS_SESSION_TOKEN": "t", "AWS_BEARER_TOKEN_BEDROCK": "b", **REGION}
    made = host(environ, aws_access_key_id="file", aws_secret_access_key="s")
    assert [c.secrets for c in made.credentials] == [{"aws_access_key_id": "file", "aws_secret_access_key": "s"}]


def test_without_a_region_there_is_no_address() -> None:
    assert "AWS_REGION" in host(PAIR).missing
    assert host(PAIR, region="us-west-2").base_url == "https://bedrock-runtime.us-west-2.amazonaws.com"
    assert host({}).base_url == "https://bedrock-runtime.{region}.amazonaws.com"


OWN = Credential("own", {"api_key": "k"})
"""What a tenant brings."""


def test_a_tenants_options_find_their_places_in_the_address_also_over_the_operators() -> None:
    for ours in ({}, {**PAIR, **REGION}):
        theirs = brought(host(ours), OWN, None, {"region": "us-west-2"})
        assert theirs.base_url == "https://bedrock-runtime.us-west-2.amazonaws.com"
        assert (theirs.options["region"], theirs.credentials, theirs.missing) == ("us-west-2", (OWN,), "")


def test_a_tenants_credential_without_what_the_address_needs_says_so() -> None:
    theirs = brought(host({}), OWN, None, {})
    assert theirs.credentials == ()
    assert "region" in theirs.missing
    assert brought(host({**PAIR, **REGION}), OWN, None, {}).missing == ""


def test_an_address_that_a_tenants_options_are_part_of_is_guarded() -> None:
    hosts = build_hosts((DATABRICKS, OPENAI, VERTEX), GatewayFile(), {})
    assert brought(hosts["databricks"], OWN, None, {"workspace": "127.0.0.1"}).guarded
    assert brought(hosts["vertex"], OWN, None, {"location": "127.0.0.1/"}).guarded
    assert brought(hosts["openai"], OWN, "https://example.com/v1", {}).guarded
    assert not brought(hosts["openai"], OWN, None, {}).guarded
    assert not brought(hosts["vertex"], OWN, None, {"project": "p"}).guarded


LAB = {"providers": {"lab": {"type": "openai_compatible", "base_url": "http://127.0.0.1:9/v1"}}}


@pytest.mark.parametrize(
    ("environ", "provider", "base_url", "words"),
    [
        ({}, "openai", None, ""),
        ({}, "bedrock", None, ""),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "openai", None, "the operator"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "openai", "https://example.com/v1", ""),
        ({"OPENAI_BASE_URL": OPENAI.base_url}, "openai", None, ""),
        ({}, "lab", None, "the operator"),
        ({}, "ollama", None, "takes no key"),
        ({}, "ollama", "https://ollama.com/v1", ""),
        ({}, "sandbox", None, "lives in the gateway"),
        ({}, "sandbox", "https://example.com/v1", "lives in the gateway"),
    ],
)
def test_a_tenant_brings_no_credential_for_what_the_operator_pays_for(
    environ: dict[str, str], provider: str, base_url: str | None, words: str
) -> None:
    made = build_hosts(PROVIDERS, GatewayFile.model_validate(LAB), environ)[provider]
    why_not = not_to_be_brought(made, base_url)
    assert words in why_not
    assert bool(words) == bool(why_not)
    sealed = SealedCredential(id="cred_1", provider=provider, sealed=b"s", base_url=base_url)
    org = OrgSnapshot(id="org_1", slug="a", plan="free", credentials=(sealed,), data_key=b"k")
    [asked] = own_hosts(made, org)
    assert (asked is made) == bool(words), "one that was kept before the operator set the address is not asked with"


def test_a_misspelt_setting_is_told_the_right_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"providers\.bedrock\.regoin: Amazon Bedrock has no such .* region"):
        host(REGION, api_key="k", regoin="eu-west-1")


@pytest.mark.parametrize(("location", "region"), [("", "global"), ("eu", "eu")])
def test_the_place_where_a_host_works_is_told_for_the_price(location: str, region: str) -> None:
    base = build_hosts([VERTEX], GatewayFile(), {"GOOGLE_CLOUD_LOCATION": location})["vertex"]
    assert base.region == region
    assert brought(base, Credential("c", {"token": "t"}), None, {"location": "us-east5"}).region == "us-east5"
    assert host({**PAIR, **REGION}).region is None, "there the model's name tells"


@pytest.mark.parametrize(
    ("address", "region"),
    [
        *(
            ("https://api.openai.com/v1", None),
            ("https://eu.api.openai.com/v1", "eu"),
            ("https://us.api.openai.com", "us"),
        ),
        *(("http://127.0.0.1:9/v1", None), ("https://eu.api.openai.com.example/v1", None)),
    ],
)
def test_openais_address_tells_where_it_works(address: str, region: str | None) -> None:
    file = GatewayFile.model_validate({"providers": {"openai": {"base_url": address, "api_key": "k"}}})
    made = build_hosts([OPENAI], file, {})["openai"]
    assert made.region == region
    theirs = brought(build_hosts([OPENAI], GatewayFile(), {})["openai"], Credential("c", {}), address, {})
    assert theirs.region == region


@pytest.mark.parametrize("url", ["https://example.com/v1?key=k", "https://example.com/v1#k"])
@pytest.mark.parametrize("in_file", [True, False])
def test_an_address_below_which_nothing_can_be_asked_is_refused_at_the_start(url: str, *, in_file: bool) -> None:
    place = "gateway.yaml: providers.bedrock.base_url" if in_file else "BEDROCK_BASE_URL"
    with pytest.raises(ConfigurationError, match=f"{place}: The address must end with its path") as caught:
        host({}, base_url=url) if in_file else host({"BEDROCK_BASE_URL": url})
    assert "key=k" not in str(caught.value)
