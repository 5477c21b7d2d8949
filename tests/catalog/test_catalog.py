"""What models exist, and where a bare name can be had."""

import subprocess
import sys

import pytest

from llmgateway.catalog.abilities import Ability
from llmgateway.catalog.catalog import load_catalog

CATALOG = load_catalog()


@pytest.mark.parametrize(
    ("name", "hosts"),
    [
        ("gpt-4.1", ["openai", "azure"]),
        ("claude-sonnet-4-5", ["anthropic", "vertex"]),
        ("gemini-2.5-flash", ["gemini", "vertex"]),
        ("deepseek-chat", ["deepseek"]),
        ("mistral-large-latest", ["mistral"]),
        ("command-r-plus", ["cohere"]),
        ("grok-4", ["xai"]),
        ("sonar", ["perplexity"]),
        ("kimi-k2", ["moonshot"]),
        ("glm-4.6", ["zhipu"]),
        ("llama-3.3-70b-versatile", ["groq"]),
        ("meta-llama/Llama-3.3-70B-Instruct-Turbo", ["together"]),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", ["bedrock"]),
        ("no-such-model", []),
        ("", []),
    ],
)
def test_a_bare_name_means_its_makers_own_host_first(name: str, hosts: list[str]) -> None:
    assert [model.provider for model in CATALOG.resolve(name)] == hosts
    assert {model.name for model in CATALOG.resolve(name)} <= {name}


def test_nobody_is_asked_for_a_name_that_it_would_not_take() -> None:
    """OpenAI made gpt-oss and does not host it; OpenRouter's and Together's names carry the maker."""
    assert "openai" not in [model.provider for model in CATALOG.resolve("gpt-oss-120b")]
    assert not {"openrouter", "together", "bedrock"} & {model.provider for model in CATALOG.resolve("claude-opus-4-1")}


@pytest.mark.parametrize("name", ["claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "CLAUDE-SONNET-4-5"])
def test_aliases_and_dated_names_are_one_model(name: str) -> None:
    model = CATALOG.find("anthropic", name)
    assert model is not None
    assert (model.name, model.context_window) == (name, 200_000)


def test_prices_are_shown_by_class() -> None:
    model = CATALOG.find("openai", "gpt-4.1")
    assert model is not None
    assert model.prices is not None
    assert {name: str(price) for name, price in model.prices.items() if name.endswith("_mtok")} == {
        "input_mtok": "2",
        "cache_read_mtok": "0.5",
        "output_mtok": "8",
    }


def test_the_gemini_api_has_no_guests() -> None:
    assert CATALOG.find("gemini", "claude-sonnet-4-5") is None
    assert CATALOG.find("vertex", "claude-sonnet-4-5") is not None
    assert not any(model.name.startswith("claude") for model in CATALOG.models("gemini"))


def test_the_sandbox_is_known() -> None:
    found = CATALOG.find("sandbox", "chat")
    assert found is not None
    assert (found.prices, found.abilities) == ({}, {Ability.CHAT, Ability.TOOLS})
    assert [model.name for model in CATALOG.models("sandbox")] == ["chat", "embed"]
    assert CATALOG.find("sandbox", "nothing") is None


def test_all_models_are_each_providers_models() -> None:
    everything = CATALOG.models()
    providers = list(dict.fromkeys(model.provider for model in everything))
    assert providers[:4] == ["sandbox", "openai", "anthropic", "gemini"]
    assert [model for name in providers for model in CATALOG.models(name)] == everything
    assert CATALOG.models("nobody") == []


def test_what_is_listed_can_be_found() -> None:
    assert [m for m in CATALOG.models("anthropic") if CATALOG.find("anthropic", m.name) is None] == []


def test_nothing_is_fetched() -> None:
    """genai-prices can update itself from the network in a thread; the gateway never starts it."""
    script = (
        "import sys, threading; from llmgateway.catalog.catalog import load_catalog; load_catalog().models();"
        "print(threading.active_count(), 'genai_prices.update_prices' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "1"
