"""Azure: which address, which credential, which language."""

from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.azure.declaration import AZURE
from llmgateway.providers.base import Place, UpstreamReply

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def _call(dialect: Dialect = Dialect.OPENAI, operation: Operation = Operation.CHAT) -> Call:
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}], "input": "Hi"}
    return Call(operation=operation, dialect=dialect, model="m", stream=False, body=body, canon=body)


def _place(model: str = "gpt", secrets: dict[str, str] | None = None, **options: str) -> Place:
    return Place(
        model=model,
        base_url="https://res.openai.azure.com",
        secrets={"api_key": "k"} if secrets is None else secrets,
        options=options,
        stream=False,
        now=NOW,
    )


@pytest.mark.parametrize(
    ("call", "options", "path"),
    [
        (_call(), {}, "/openai/v1/chat/completions"),
        (_call(), {"api_version": "2025-04-01"}, "/openai/deployments/gpt/chat/completions?api-version=2025-04-01"),
        (_call(operation=Operation.EMBEDDINGS), {}, "/openai/v1/embeddings"),
        (_call(Dialect.RESPONSES), {}, "/openai/v1/responses"),
        (_call(Dialect.RESPONSES), {"api_version": "2025-04-01"}, "/openai/responses?api-version=2025-04-01"),
    ],
)
def test_addresses(call: Call, options: dict[str, str], path: str) -> None:
    place = replace(_place(), options=options)
    request = AZURE.build(call, place)
    assert request.url == f"https://res.openai.azure.com{path}"
    assert request.headers["api-key"] == "k"


def test_a_token_goes_where_a_key_does_not() -> None:
    request = AZURE.build(_call(), _place(secrets={"token": "t"}))
    assert request.headers["authorization"] == "Bearer t"
    assert "api-key" not in request.headers


@pytest.mark.parametrize(
    ("secrets", "header", "value"),
    [({"api_key": "k"}, "x-api-key", "k"), ({"token": "t"}, "authorization", "Bearer t")],
)
def test_claude_is_asked_in_its_own_language(secrets: dict[str, str], header: str, value: str) -> None:
    claude = AZURE.language("claude-sonnet-4-5")
    assert claude.speaks(_call(Dialect.ANTHROPIC))
    request = claude.build(_call(), _place("claude-sonnet-4-5", secrets))
    assert request.url == "https://res.services.ai.azure.com/anthropic/v1/messages"
    assert request.headers[header] == value
    assert ("x-api-key" in request.headers) is (header == "x-api-key")
    assert request.headers["anthropic-version"]


def test_an_entra_application_gets_a_token() -> None:
    grant = AZURE.grant({"tenant_id": "t", "client_id": "c", "client_secret": "s"}, {})
    assert grant is not None
    request = grant.request(NOW)
    assert request.url == "https://login.microsoftonline.com/t/oauth2/v2.0/token"
    form = parse_qs(request.body.decode())
    assert form["scope"] == ["https://cognitiveservices.azure.com/.default"]
    token = grant.read(UpstreamReply(200, {}, b'{"access_token": "abc", "expires_in": 3600}'), NOW)
    assert token.value == "abc"
    assert (token.renew_at - NOW).total_seconds() == 3300
    with pytest.raises(ProviderError, match="AADSTS7000215") as refusal:
        grant.read(
            UpstreamReply(401, {}, b'{"error": "invalid_client", "error_description": "AADSTS7000215: wrong"}'), NOW
        )
    assert refusal.value.kind is FailureKind.AUTH
    assert AZURE.grant({"tenant_id": "t"}, {}) is None
