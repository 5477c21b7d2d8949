"""Signatures agree with AWS's published test suite for Signature Version 4 and with AWS's own SDK."""

from datetime import UTC, datetime

import pytest

from llmgateway.providers.bedrock.signing import Signer

MOMENT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "signature"),
    [
        ("GET", "/", {}, b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", {}, b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            {},
            b"",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        ("POST", "/", FORM, b"Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
    ],
    ids=["get-vanilla", "post-vanilla", "get-vanilla-query-order-key-case", "post-x-www-form-urlencoded"],
)
def test_the_published_test_suite(method: str, path: str, headers: dict[str, str], body: bytes, signature: str) -> None:
    signer = Signer(KEY, SECRET, "us-east-1", "service")
    signed = signer.sign(method, f"https://example.amazonaws.com{path}", headers, body, MOMENT)
    assert signed["authorization"].endswith(f"Signature={signature}")
    assert signed["x-amz-date"] == "20150830T123600Z"


@pytest.mark.parametrize(
    ("token", "signature"),
    [
        (None, "7548768bf468c6ed5234701bb986e96cd34165b014f1a4c99250d3f57555895c"),
        ("TOKEN", "3c55a996a763c94416eec310a77a4f7b0a834272b94092f6975395624c1a8175"),
    ],
)
def test_an_encoded_path_and_a_session_token_are_signed_as_by_the_sdk_of_aws(token: str | None, signature: str) -> None:
    """The expected values are botocore's for the same request."""
    url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse"
    signer = Signer(KEY, SECRET, "us-east-1", "bedrock", token)
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    signed = signer.sign("POST", url, {"content-type": "application/json"}, b'{"a":1}', moment)
    assert signed["authorization"].endswith(f"Signature={signature}")
    assert signed.get("x-amz-security-token") == token


def test_secrets_are_not_shown() -> None:
    assert SECRET not in repr(Signer(KEY, SECRET, "us-east-1", "bedrock", "TOKEN"))
    assert "TOKEN" not in repr(Signer(KEY, SECRET, "us-east-1", "bedrock", "TOKEN"))
