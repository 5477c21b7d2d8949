"""Whether a credential works, asked with a call that costs nothing and that a bad one may not make."""

from datetime import UTC, datetime

from msgspec.structs import replace

from llmgateway.providers.base import Place, Provider
from llmgateway.providers.bedrock.declaration import BEDROCK
from llmgateway.providers.cohere.declaration import COHERE
from llmgateway.providers.hosts.nvidia import NVIDIA
from llmgateway.providers.hosts.openrouter import OPENROUTER
from llmgateway.providers.registry import PROVIDERS

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def place(provider: Provider, **secrets: str) -> Place:
    base_url = provider.base_url.replace("{region}", "eu-central-1")
    options = {"region": "eu-central-1"}
    return Place(model="", base_url=base_url, secrets=secrets, options=options, stream=False, now=NOW)


def test_a_list_that_everybody_may_read_proves_nothing() -> None:
    asked = OPENROUTER.probe(place(OPENROUTER, api_key="k"))
    assert asked is not None
    assert asked.url == "https://openrouter.ai/api/v1/key"
    assert NVIDIA.probe(place(NVIDIA, api_key="k")) is None


def test_bedrock_is_asked_for_its_models_by_key_or_signature() -> None:
    for secrets, begins in (
        ({"api_key": "k"}, "Bearer k"),
        ({"aws_access_key_id": "AK", "aws_secret_access_key": "s"}, "AWS4-HMAC-SHA256 Credential=AK/"),
    ):
        asked = BEDROCK.probe(place(BEDROCK, **secrets))
        assert asked is not None
        assert (asked.method, asked.url) == ("GET", "https://bedrock.eu-central-1.amazonaws.com/foundation-models")
        assert asked.headers["authorization"].startswith(begins)
    assert BEDROCK.probe(replace(place(BEDROCK, api_key="k"), base_url="http://localhost:9")) is None


def test_a_key_is_in_every_free_call() -> None:
    for provider in PROVIDERS:
        secrets = dict.fromkeys(provider.credential or ("api_key",), "a-secret")
        asked = provider.probe(place(provider, **secrets))
        if asked is not None and asked.url.startswith("https"):
            assert "a-secret" in str(dict(asked.headers)), provider.id
    assert COHERE.probe(place(COHERE, api_key="k")) is not None
