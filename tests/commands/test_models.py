"""`llmgateway models`."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from llmgateway.commands.models import app
from tests.e2e.gateway import run_gateway


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output


def read(*words: str) -> list[dict[str, Any]]:
    code, output = run(*words, "--json")
    assert code == 0, output
    return json.loads(output)


def test_show_tells_size_abilities_prices_and_sources() -> None:
    [model] = read("show", "anthropic/claude-sonnet-4-5")
    assert (model["maker"], model["context_window"], model["max_output"]) == ("Anthropic", 200_000, 64_000)
    assert {"chat", "tools", "prefill"} <= set(model["abilities"])
    assert (model["prices"]["input_mtok"], model["prices"]["output_mtok"]) == ("3", "15")
    assert model["price_version"].startswith("genai-prices ")
    assert all(page.startswith("https://") for page in model["sources"])


def test_show_finds_a_bare_name_wherever_it_can_be_had() -> None:
    assert [model["provider"] for model in read("show", "gpt-4.1")] == ["openai", "azure"]


def test_show_tells_the_tiers() -> None:
    [model] = read("show", "gemini/gemini-2.5-pro")
    assert (model["prices"]["input_mtok"], model["tiers"]["200000"]["input_mtok"]) == ("1.25", "2.5")
    assert "over 200,000    input_mtok $2.5" in run("show", "gemini/gemini-2.5-pro")[1]


def test_show_in_words() -> None:
    code, output = run("show", "openai/gpt-4.1")
    assert code == 0
    assert "context window  1,000,000 tokens" in output
    assert "input_mtok $2" in output


@pytest.mark.parametrize(("name", "words"), [("sandbox/chat", "free"), ("cerebras/qwen-3-coder-480b", "unpriced")])
def test_free_and_unpriced_are_told_apart(name: str, words: str) -> None:
    code, output = run("show", name)
    assert code == 0
    assert f"prices          {words}\n" in output


def test_an_unknown_name_is_one_sentence() -> None:
    code, output = run("show", "no-such-model")
    assert code == 2
    assert "llmgateway models list" in " ".join(output.replace("│", " ").split())


def test_list_of_one_provider() -> None:
    models = read("list", "--provider", "anthropic")
    assert {model["provider"] for model in models} == {"anthropic"}
    code, output = run("list", "--provider", "anthropic")
    assert (code, len(output.splitlines())) == (0, len(models))


def test_list_of_everything_begins_with_the_sandbox() -> None:
    models = read("list")
    assert [model["name"] for model in models if model["provider"] == "sandbox"] == ["chat", "embed"]
    assert len(models) > 1_000


def test_a_provider_without_a_price_list_says_what_to_do() -> None:
    code, output = run("list", "--provider", "nvidia")
    assert code == 2
    assert "gateway.yaml" in output


def test_a_list_tells_size_and_price() -> None:
    code, output = run("list", "--provider", "anthropic")
    assert code == 0
    [line] = [line for line in output.splitlines() if line.startswith("anthropic/claude-sonnet-4-5 ")]
    assert line.split(maxsplit=1)[1].strip() == "200,000  in $3, out $15"
    assert "free" in run("list", "--provider", "sandbox")[1]


def test_every_version_of_the_prices_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMGATEWAY_DATA_DIR", str(tmp_path))
    with run_gateway(tmp_path):
        [noted] = json.loads(run("versions", "--json")[1])
        version = noted["version"]
        [prices] = json.loads(run("show", "openai/gpt-4.1", "--version", version, "--json")[1])[:1]
        assert (prices["prices"]["input_mtok"], prices["prices"]["output_mtok"]) == ("2", "8")
        assert "input_mtok $2" in run("show", "openai/gpt-4.1", "--version", version)[1]
        assert version in run("versions")[1]
        assert "models versions" in " ".join(
            run("show", "openai/gpt-4.1", "--version", "v0")[1].replace("│", " ").split()
        )
        assert "provider/model" in run("show", "gpt-4.1", "--version", version)[1]
