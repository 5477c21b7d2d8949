"""Tokens for Google Cloud: assertions that verify, answers that are read, refusals that say what to do."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from msgspec.structs import replace as _replace

from llmgateway.errors import ConfigurationError, FailureKind, ProviderError
from llmgateway.providers.base import UpstreamReply
from llmgateway.providers.vertex.credentials import (
    CredentialFile,
    GoogleGrant,
    read_credential_file,
    token_request,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = RSAKey.generate_key(2048)
REPLY = UpstreamReply(200, {}, b'{"access_token":"ya29.x","expires_in":3600,"token_type":"Bearer"}')


def service_account(**changes: str) -> bytes:
    return msgspec.json.encode(
        {
            "type": "service_account",
            "project_id": "p-1",
            "client_email": "robot@p-1.iam.gserviceaccount.com",
            "private_key": KEY.as_pem(private=True).decode(),
            "private_key_id": "k1",
            "token_uri": "https://oauth.example/token",
            **changes,
        }
    )


def test_a_service_account_signs_its_request() -> None:
    file = read_credential_file(service_account())
    request = token_request(file, NOW)
    form = parse_qs(request.body.decode())
    token = jwt.decode(form["assertion"][0], KEY, algorithms=["RS256"])

    assert request.url == "https://oauth.example/token"
    assert request.method == "POST"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert token.header == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert token.claims == {
        "iss": "robot@p-1.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": "https://oauth.example/token",
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 3600,
    }
    assert file.project_id == "p-1"


def test_a_person_refreshes_a_token() -> None:
    file = read_credential_file(
        b'{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r","quota_project_id":"q"}'
    )
    request = token_request(file, NOW)
    assert request.url == "https://oauth2.googleapis.com/token"
    assert parse_qs(request.body.decode()) == {
        "grant_type": ["refresh_token"],
        "client_id": ["c"],
        "client_secret": ["s"],
        "refresh_token": ["r"],
    }


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"nonsense", "cannot be read"),
        (b'{"type":"external_account"}', "external_account"),
        (b'{"type":"service_account","client_email":"a"}', "incomplete"),
        (b'{"type":"authorized_user","client_id":"a"}', "incomplete"),
    ],
)
def test_a_file_of_no_use_is_refused_in_one_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        read_credential_file(content)


def test_a_broken_key_is_refused_by_the_account_s_name() -> None:
    file = read_credential_file(service_account(private_key="no key"))
    with pytest.raises(ConfigurationError, match="robot@p-1"):
        token_request(file, NOW)


def _grant() -> GoogleGrant:
    return GoogleGrant(read_credential_file(service_account()))


def test_a_token_is_renewed_before_its_end() -> None:
    token = _grant().read(REPLY, NOW)
    assert token.value == "ya29.x"
    assert token.renew_at == NOW + timedelta(minutes=55)
    assert "ya29" not in repr(token)
    assert _grant().read(_replace(REPLY, body=b'{"access_token":"x","expires_in":10}'), NOW).renew_at == NOW


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (
            UpstreamReply(400, {}, b'{"error":"invalid_grant","error_description":"Bad JWT"}'),
            FailureKind.AUTH,
            "Bad JWT",
        ),
        (UpstreamReply(401, {}, b'{"error":"invalid_client"}'), FailureKind.AUTH, "invalid_client"),
        (UpstreamReply(503, {}, b"<html>"), FailureKind.SERVER_ERROR, "no reason"),
        (UpstreamReply(200, {}, b"{}"), FailureKind.SERVER_ERROR, "no reason"),
    ],
)
def test_a_refused_token_is_a_named_failure(reply: UpstreamReply, kind: FailureKind, words: str) -> None:
    with pytest.raises(ProviderError, match=words) as caught:
        _grant().read(reply, NOW)
    assert caught.value.kind is kind


def test_the_file_s_secrets_stay_out_of_sight() -> None:
    file = msgspec.json.decode(service_account(), type=CredentialFile)
    assert "PRIVATE KEY" not in repr(file)
