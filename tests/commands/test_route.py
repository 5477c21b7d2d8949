"""`llmgateway route explain`: the plan with its reasons, without sending anything."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from llmgateway.cli import cli
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.errors import ConfigurationError
from tests.controlplane.records import make_key, make_org

CONFIG = """
providers:
  openai: {api_key: a}
  anthropic: {api_key: b}
  lab: {type: openai_compatible, base_url: http://127.0.0.1:9/v1, api_keys: [one, two]}
models:
  smart:
    strategy: cheapest
    targets:
      - {provider: anthropic, model: claude-sonnet-4-5}
      - {provider: openai, model: gpt-4.1}
      - {provider: openai, model: gpt-3.5-turbo}
      - {provider: lab, model: unheard-of}
"""
PICTURE = [
    {"type": "text", "text": "what is this?"},
    {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LLMGATEWAY_DATA_DIR", str(tmp_path / "data"))
    file = tmp_path / "gateway.yaml"
    file.write_text(CONFIG)
    return str(file)


def run(config: str, *words: str, stdin: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["route", "explain", "--config", config, *words], input=stdin)
    if isinstance(result.exception, ConfigurationError):
        raise result.exception
    return result.exit_code, result.output


def explained(config: str, *words: str, stdin: str | None = None) -> dict[str, Any]:
    code, output = run(config, *words, "--json", stdin=stdin)
    assert code == 0, output
    return json.loads(output)


def test_it_says_who_is_asked_in_which_order_and_at_what_price(config: str) -> None:
    found = explained(config, "--model", "smart")
    assert found["strategy"] == "cheapest"
    assert [entry["target"] for entry in found["plan"]][:3] == [
        "openai/gpt-3.5-turbo",
        "openai/gpt-4.1",
        "anthropic/claude-sonnet-4-5",
    ]
    prices = [entry["expected_cost_usd"] for entry in found["plan"]]
    assert prices[:3] == sorted(prices[:3])
    assert prices[3:] == [None, None]
    assert {entry["credential"] for entry in found["plan"][3:]} == {"lab/0", "lab/1"}
    assert {entry["health"] for entry in found["plan"]} == {"unknown here"}
    assert all(entry["why"] for entry in found["plan"])


def test_a_target_that_cannot_serve_the_body_is_passed_over_with_its_reason(config: str, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"model": "smart", "messages": [{"role": "user", "content": PICTURE}]}))
    found = explained(config, "--body", str(body))
    assert found["needs"] == ["vision"]
    [passed] = found["passed_over"]
    assert passed["target"] == "openai/gpt-3.5-turbo"
    assert "vision" in passed["why"]
    assert "openai/gpt-3.5-turbo" not in {entry["target"] for entry in found["plan"]}


def test_a_body_may_come_from_stdin_and_in_anthropics_words(config: str) -> None:
    body = {"max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}
    found = explained(config, "--model", "smart", "--endpoint", "/v1/messages", "--body", "-", stdin=json.dumps(body))
    assert found["max_output_tokens"] == 10


def test_in_words_each_target_has_a_line_with_its_reason(config: str) -> None:
    code, output = run(config, "--model", "smart")
    assert code == 0
    assert "smart: cheapest" in output
    assert "  1. openai/gpt-3.5-turbo  (openai/0)  expected to cost $0.00" in output
    assert "unpriced" in output
    assert "health unknown here" in output


def test_a_name_that_nobody_serves_is_a_refusal_and_exit_code_1(config: str) -> None:
    code, output = run(config, "--model", "no-such-model")
    assert (code, output.startswith("refused with 404: ")) == (1, True)
    code, output = run(config, "--model", "groq/llama", "--json")
    assert code == 1
    refused = json.loads(output)["refused"]
    assert (refused["status"], refused["code"]) == (404, "model_not_found")
    assert "GROQ_API_KEY" in refused["message"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Which model"),
        (("--model", "smart", "--body", "/no/such/file"), "cannot be read"),
        (("--model", "smart", "--endpoint", "/v2/chat"), "/v1/chat/completions"),
    ],
)
def test_a_question_that_cannot_be_answered_is_one_sentence(config: str, words: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        run(config, *words)


@pytest.mark.parametrize("content", ["[1]", "nonsense"])
def test_a_body_that_is_no_object_is_one_sentence(config: str, content: str) -> None:
    with pytest.raises(ConfigurationError, match="JSON"):
        run(config, "--model", "smart", "--body", "-", stdin=content)


@pytest.fixture
def key_id(database_url: str, config: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A key that may use OpenAI only."""
    del config

    async def make() -> str:
        admin = Database(database_url, Role.ADMIN)
        key = await make_key(admin, await make_org(admin))
        async with admin.transaction() as tx:
            await tx.execute(text("UPDATE api_keys SET providers = '[\"openai\"]'"))
        await admin.close()
        return key.id

    for name, value in {
        "DATABASE_URL": database_url,
        "LLMGATEWAY_SECRET_KEY": "s" * 32,
        "JWT_SECRET_KEY": "j" * 32,
    }.items():
        monkeypatch.setenv(name, value)
    return asyncio.run(make())


def test_a_key_sees_only_the_targets_that_it_may_use(config: str, key_id: str) -> None:
    found = explained(config, "--model", "smart", "--key", key_id)
    assert {entry["target"].partition("/")[0] for entry in found["plan"]} == {"openai"}
    code, output = run(config, "--model", "lab/x", "--key", key_id)
    assert code == 1
    assert "may not use" in output


@pytest.mark.usefixtures("key_id")
def test_an_unknown_key_is_one_sentence(config: str) -> None:
    with pytest.raises(ConfigurationError, match="llmgateway keys list"):
        run(config, "--model", "smart", "--key", "key_none")
