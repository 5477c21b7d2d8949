"""Whatever arrives: a 4xx in the caller's dialect that names the field, never a 500 or a hang, and nothing charged."""

import gzip
import json
import socket
import zlib
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.e2e.conftest import Stage

pytestmark = pytest.mark.slow

Json = dict[str, Any]
MESSAGES = [{"role": "user", "content": "Hi"}]
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
BODIES: dict[str, tuple[bytes, str | None]] = {
    "malformed JSON": (b'{"model": "smart", "messages": [', None),
    "no object": (b"[1, 2]", None),
    "empty body": (b"", None),
    "invalid UTF-8": (
        b'{"model": "smart", "max_tokens": 5, "messages": [{"role": "user", "content": "\xff\xfe"}]}',
        None,
    ),
    "100,000 nested brackets": (b'{"model": "smart", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
    "wrong type of messages": (b'{"model": "smart", "max_tokens": 5, "messages": "Hi"}', "messages"),
    "empty messages": (b'{"model": "smart", "max_tokens": 5, "messages": []}', "messages"),
    "wrong type of role": (b'{"model": "smart", "max_tokens": 5, "messages": [{"role": 7, "content": "Hi"}]}', "role"),
    "unknown role": (b'{"model": "smart", "max_tokens": 5, "messages": [{"role": "king", "content": "Hi"}]}', "role"),
    "missing model": (b'{"max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}', "model"),
    "control character in the model": (
        b'{"model": "lab/a\\u0000b", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}',
        "model",
    ),
    "wrong type of stream": (
        b'{"model": "smart", "max_tokens": 5, "stream": "yes", "messages": [{"role": "user", "content": "Hi"}]}',
        "stream",
    ),
    "temperature as text": (
        b'{"model": "smart", "max_tokens": 5, "temperature": "hot", "messages": [{"role": "user", "content": "Hi"}]}',
        "temperature",
    ),
}


def _post(stage: Stage, path: str, body: bytes, **headers: str) -> httpx2.Response:
    return httpx2.post(
        f"{stage.gateway.url}{path}",
        content=body,
        headers={"authorization": f"Bearer {stage.gateway.key}", "content-type": "application/json", **headers},
        timeout=30,
    )


def _error(response: httpx2.Response) -> Json:
    body: Json = response.json()
    error: Json = body["error"]
    return error


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/v1/chat/completions", "POST"), ("PUT", "/v1/messages", "POST"), ("POST", "/v1/models", "GET")],
)
def test_another_method_of_a_path_is_a_405_that_names_the_right_one(
    stage: Stage, method: str, path: str, allowed: str
) -> None:
    answer = httpx2.request(method, f"{stage.gateway.url}{path}", timeout=30)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert _error(answer)["code"] == "method_not_allowed"
    assert allowed in _error(answer)["message"]


def test_anthropics_sdk_finds_the_id_of_a_request_where_it_looks(stage: Stage) -> None:
    answer = _post(stage, "/v1/messages", b"{}")
    assert answer.headers["request-id"] == answer.headers["x-request-id"]
    assert "request-id" not in _post(stage, "/v1/chat/completions", b"{}").headers


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_a_400_that_names_the_field(stage: Stage, dialect: str, name: str) -> None:
    body, field = BODIES[name]
    before = len(stage.provider.bodies)
    response = _post(stage, PATHS[dialect], body)
    assert response.status_code == 400
    error = _error(response)
    assert error["code"] == "invalid_request"
    assert error["message"].endswith(".")
    if field is not None:
        assert field in error["param"]
    if dialect == "anthropic":
        assert response.json()["type"] == "error"
    assert len(stage.provider.bodies) == before


@pytest.mark.parametrize("dialect", PATHS)
def test_a_30_mb_body_is_a_413(stage: Stage, dialect: str) -> None:
    message = {"role": "user", "content": "x" * (30 * 1024 * 1024)}
    body = json.dumps({"model": "smart", "max_tokens": 5, "messages": [message]}).encode()
    response = _post(stage, PATHS[dialect], body)
    assert response.status_code == 413
    assert _error(response)["code"] == "body_too_large"


@pytest.mark.parametrize("dialect", PATHS)
def test_a_64_kb_header_is_a_431(stage: Stage, dialect: str) -> None:
    response = _post(stage, PATHS[dialect], b"{}", **{"x-large": "y" * 65_536})
    assert response.status_code == 431
    assert _error(response)["code"] == "headers_too_large"


@pytest.mark.parametrize("dialect", PATHS)
def test_an_unknown_model_is_a_404(stage: Stage, dialect: str) -> None:
    body = json.dumps({"model": "no/such", "max_tokens": 5, "messages": MESSAGES}).encode()
    response = _post(stage, PATHS[dialect], body)
    assert response.status_code == 404
    assert _error(response)["code"] == "model_not_found"
    assert _error(response)["param"] == "model"


def test_an_unknown_path_is_a_404(stage: Stage) -> None:
    assert _post(stage, "/v1/nothing", b"{}").status_code == 404


@pytest.mark.parametrize(
    ("path", "version", "anthropic"),
    [
        ("/v1/images/generations", None, False),
        ("/v1/audio/speech", None, False),
        ("/v1/moderations", None, False),
        ("/v1/batches", None, False),
        ("/v1/files", None, False),
        ("/v1/files", "2023-06-01", True),
        ("/v1/messages/batches", None, True),
        ("/v1/responses/input_tokens", None, False),
        ("/v1/responses/compact", None, False),
    ],
)
def test_an_endpoint_that_is_not_served_names_those_that_are(
    stage: Stage, path: str, version: str | None, *, anthropic: bool
) -> None:
    answer = _post(stage, path, b"{}", **({"anthropic-version": version} if version else {}))
    assert answer.status_code == 404
    assert (answer.json().get("type") == "error") is anthropic
    assert path in _error(answer)["message"]
    assert "/v1/chat/completions" in _error(answer)["message"]


HELLO = json.dumps({"model": "smart", "max_tokens": 5, "messages": MESSAGES}).encode()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(HELLO)),
        ("deflate", zlib.compress(HELLO)),
        ("deflate", zlib.compress(HELLO, wbits=-15)),
        ("identity", HELLO),
    ],
    ids=["gzip", "deflate", "bare deflate", "identity"],
)
def test_a_packed_body_is_unpacked(stage: Stage, encoding: str, packed: bytes) -> None:
    assert _post(stage, PATHS["openai"], packed, **{"content-encoding": encoding}).status_code == 200


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("encoding", ["zstd", "br", "gzip, gzip"])
def test_another_encoding_is_a_415_that_names_those_that_are_taken(stage: Stage, dialect: str, encoding: str) -> None:
    answer = _post(stage, PATHS[dialect], HELLO, **{"content-encoding": encoding})
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "gzip, deflate")
    assert "gzip or deflate" in _error(answer)["message"]


@pytest.mark.parametrize("dialect", PATHS)
def test_who_has_no_key_has_nothing_unpacked(stage: Stage, dialect: str) -> None:
    packed = {"content-encoding": "gzip", "authorization": "Bearer lgw_live_of_nobody_at_all"}
    answer = _post(stage, PATHS[dialect], b"not gzip", **packed)
    assert answer.status_code == 401


def test_a_bomb_is_a_413(stage: Stage) -> None:
    bomb = gzip.compress(b" " * (200 * 1024 * 1024), 1)
    assert _post(stage, PATHS["openai"], bomb, **{"content-encoding": "gzip"}).status_code == 413


@pytest.mark.parametrize(
    "packed",
    [b"{}", gzip.compress(HELLO)[:-9], gzip.compress(HELLO) + b"x"],
    ids=["not packed", "cut", "with a tail"],
)
def test_what_cannot_be_unpacked_is_a_400(stage: Stage, packed: bytes) -> None:
    answer = _post(stage, PATHS["openai"], packed, **{"content-encoding": "gzip"})
    assert (answer.status_code, _error(answer)["param"]) == (400, "content-encoding")


@pytest.mark.parametrize("dialect", PATHS)
def test_two_different_keys_are_refused(stage: Stage, dialect: str) -> None:
    key = stage.gateway.key
    for same in (key, "sk-of-a-provider"):
        assert _post(stage, PATHS[dialect], HELLO, **{"x-api-key": same}).status_code == 200
    answer = _post(stage, PATHS[dialect], HELLO, **{"x-api-key": f"{key}x"})
    assert answer.status_code == 401
    assert "two different keys" in _error(answer)["message"]


def test_a_bad_wish_in_a_header_is_named(stage: Stage) -> None:
    body = json.dumps({"model": "smart", "messages": MESSAGES}).encode()
    for name, value in (
        ("x-llmgateway-cache", "soon"),
        ("x-llmgateway-unsupported", "ignore"),
        ("x-llmgateway-retention", "all"),
        ("x-llmgateway-fault", "500"),
    ):
        response = _post(stage, PATHS["openai"], body, **{name: value})
        assert response.status_code == 400
        assert _error(response)["param"] == name


def test_refused_input_is_recorded_and_charged_nothing(stage: Stage) -> None:
    response = _post(stage, PATHS["openai"], b'{"model": 7}')
    event = stage.gateway.usage(response.headers["x-request-id"])
    assert (event["outcome"], event["status"]) == ("refused", 400)
    assert (event["cost_usd"], event["charge_usd"]) == ("0.000000000", "0.000000000")
    assert event["prompt_tokens"] == event["completion_tokens"] == 0
    told = httpx2.get(
        f"{stage.gateway.url}/v1/requests/{event['id']}",
        headers={"authorization": f"Bearer {stage.gateway.key}"},
        timeout=10,
    ).json()
    assert told["error_message"] == _error(response)["message"]


def test_bytes_that_are_no_http_do_not_hurt(stage: Stage) -> None:
    where = urlsplit(stage.gateway.url)
    with socket.create_connection((str(where.hostname), int(where.port or 0)), timeout=10) as raw:
        raw.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 nonsense\r\n\r\n")
        raw.recv(1024)
    assert httpx2.get(f"{stage.gateway.url}/healthz", timeout=10).status_code == 200


@pytest.mark.parametrize("stream", [True, False])
def test_what_models_say_is_taken_for_a_page_by_no_browser(stage: Stage, stream: bool) -> None:
    body = {"model": "sandbox/chat", "stream": stream, "messages": [{"role": "user", "content": "<script>1</script>"}]}
    answers = [_post(stage, PATHS["openai"], json.dumps(body).encode()), _post(stage, PATHS["openai"], b"<html>")]
    assert [answer.status_code for answer in answers] == [200, 400]
    assert {answer.headers["x-content-type-options"] for answer in answers} == {"nosniff"}
