"""Log lines: one JSON object each, with the ids of what they are about, and never a secret."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from llmgateway.kit.log import configure_logs, speak_of

SECRETS = [
    "lgw_live_abcdefghijklmnop",
    "sk-proj-abcdefghijklmnop1234",
    "sk-ant-api03-abcdefghijkl",
    "sk_live_abcdefghijkl",
    "whsec_abcdefghijklmnop",
    "xai-abcdefghijklmnop",
    "gsk_abcdefghijklmnop",
    "AIzaSyABCDEFGHIJKLMNOP",
    "AKIAABCDEFGHIJKLMNOP",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
]


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs(json=True, stream=stream)
    yield stream
    speak_of({})
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def _only(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line_carries_the_ids_of_its_request(lines: io.StringIO) -> None:
    speak_of({"request_id": "req_1", "org_id": "org_1", "key_id": "key_1"})
    structlog.get_logger().warning("it happened", model="m")
    line = _only(lines)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "it happened",
        "level": "warning",
        "model": "m",
        "request_id": "req_1",
        "org_id": "org_1",
        "key_id": "key_1",
    }


def test_lines_of_libraries_carry_them_too(lines: io.StringIO) -> None:
    speak_of({"request_id": "req_1"})
    logging.getLogger("some.library").warning("said with %s", "lgw_test_abcdefghijkl")
    line = _only(lines)
    assert (line["request_id"], line["event"]) == ("req_1", "said with lgw_test_***")


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_struck_out_wherever_they_stand(lines: io.StringIO, secret: str) -> None:
    try:
        float(f"bad key {secret}")
    except ValueError:
        structlog.get_logger().exception(f"with {secret}", word=secret, nested={"a": ["b", secret]})
    assert secret not in lines.getvalue()
    assert "***" in _only(lines)["word"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("postgresql://ann:hunter22@db:5432/x", "postgresql://ann:***@db:5432/x"),
        ("postgresql://ann:hunt@r:2/2@db:5432/x", "postgresql://ann:***@db:5432/x"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"),
        ("api_key=abcdefgh&x=1", "api_key=***&x=1"),
        ("password: hunter22", "password: ***"),
        ("prompt_tokens=12 total_tokens=12", "prompt_tokens=12 total_tokens=12"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("model gpt-4.1 served", "model gpt-4.1 served"),
    ],
)
def test_what_is_no_secret_stays(lines: io.StringIO, text: str, kept: str) -> None:
    structlog.get_logger().warning(text)
    assert _only(lines)["event"] == kept
