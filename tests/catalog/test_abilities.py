"""What models can do, by their names."""

import re

import msgspec
import pytest

from llmgateway.catalog.abilities import Ability, bare_name
from llmgateway.catalog.catalog import load_catalog
from llmgateway.catalog.own_data import own_data

CATALOG = load_catalog()
CHAT, VISION, AUDIO, DOCUMENTS = Ability.CHAT, Ability.VISION, Ability.AUDIO, Ability.DOCUMENTS
TOOLS, SCHEMA, REASONING, PREFILL = Ability.TOOLS, Ability.JSON_SCHEMA, Ability.REASONING, Ability.PREFILL
CLAUDE = {CHAT, VISION, DOCUMENTS, TOOLS}


@pytest.mark.parametrize(
    ("model", "abilities", "max_output"),
    [
        ("anthropic/claude-3-haiku-20240307", {CHAT, VISION, TOOLS, PREFILL}, 4_096),
        ("anthropic/claude-3-5-sonnet-20241022", {*CLAUDE, PREFILL}, 8_192),
        ("anthropic/claude-opus-4-1-20250805", {*CLAUDE, REASONING, PREFILL}, 32_000),
        ("anthropic/claude-sonnet-4-20250514", {*CLAUDE, REASONING, PREFILL}, 64_000),
        ("anthropic/claude-sonnet-4-5", {*CLAUDE, SCHEMA, REASONING, PREFILL}, 64_000),
        ("bedrock/us.anthropic.claude-opus-4-6-v1:0", {*CLAUDE, SCHEMA, REASONING}, 128_000),
        ("vertex/claude-opus-4-1@20250805", {*CLAUDE, REASONING, PREFILL}, 32_000),
        ("openrouter/anthropic/claude-fable-5", {*CLAUDE, SCHEMA, REASONING}, 128_000),
        ("openai/gpt-4.1", {CHAT, VISION, DOCUMENTS, TOOLS, SCHEMA}, 32_768),
        ("openai/ft:gpt-4o-mini-2024-07-18:acme::x1", {CHAT, VISION, DOCUMENTS, TOOLS, SCHEMA}, 16_384),
        ("openai/o3-mini", {CHAT, TOOLS, SCHEMA, REASONING}, 100_000),
        ("azure/o4-mini", {CHAT, VISION, DOCUMENTS, TOOLS, SCHEMA, REASONING}, 100_000),
        ("openai/gpt-5.1", {CHAT, VISION, DOCUMENTS, TOOLS, SCHEMA, REASONING}, 128_000),
        ("openai/gpt-5-chat-latest", {CHAT, VISION, DOCUMENTS, TOOLS, SCHEMA}, 16_384),
        ("openai/gpt-4o-audio-preview", {CHAT, AUDIO, TOOLS}, 16_384),
        ("openai/text-embedding-3-small", {Ability.EMBEDDINGS}, None),
        ("openai/whisper-1", set[Ability](), None),
        ("gemini/gemini-2.0-flash", {CHAT, VISION, AUDIO, DOCUMENTS, TOOLS, SCHEMA}, 8_192),
        ("gemini/gemini-2.5-flash", {CHAT, VISION, AUDIO, DOCUMENTS, TOOLS, SCHEMA, REASONING}, 65_536),
        ("deepseek/deepseek-reasoner", {CHAT, TOOLS, REASONING}, 64_000),
        ("mistral/mistral-large-latest", {CHAT, VISION, TOOLS, SCHEMA, PREFILL}, None),
        ("cohere/rerank-v3.5", {Ability.RERANK}, None),
        ("xai/grok-4-fast-non-reasoning", {CHAT, VISION, TOOLS, SCHEMA}, None),
        ("xai/grok-4", {CHAT, VISION, TOOLS, SCHEMA, REASONING}, None),
        ("bedrock/amazon.nova-pro-v1:0", {CHAT, VISION, DOCUMENTS, TOOLS}, None),
        ("databricks/databricks-meta-llama-3-3-70b-instruct", {CHAT, TOOLS, SCHEMA}, None),
        ("nvidia/meta/llama-3.3-70b-instruct", {CHAT, TOOLS}, None),
        ("sandbox/chat", {CHAT, TOOLS}, None),
    ],
)
def test_what_a_name_tells(model: str, abilities: set[Ability], max_output: int | None) -> None:
    provider, _, name = model.partition("/")
    traits = CATALOG.traits(provider, name)
    assert (traits.abilities, traits.max_output) == (abilities, max_output)


def test_the_unknown_is_not_the_impossible() -> None:
    traits = CATALOG.traits("lab", "our-own-model")
    assert (traits.can(TOOLS), CATALOG.traits("openai", "gpt-4").can(VISION)) == (None, False)
    assert CATALOG.traits("openai", "gpt-4").can(TOOLS) is True


def test_groq_continues_a_message_where_the_model_does_not_think() -> None:
    """https://console.groq.com/docs/prefilling."""
    assert CATALOG.traits("groq", "llama-3.3-70b-versatile").can(PREFILL)
    assert not CATALOG.traits("groq", "openai/gpt-oss-120b").can(PREFILL)
    assert not CATALOG.traits("groq", "meta-llama/llama-guard-4-12b").can(PREFILL)
    assert not CATALOG.traits("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo").can(PREFILL)


def test_a_listed_model_carries_its_traits() -> None:
    model = CATALOG.find("anthropic", "claude-sonnet-4-5")
    assert model is not None
    assert (model.maker, model.max_output) == ("Anthropic", 64_000)
    assert model.abilities is not None
    assert PREFILL in model.abilities
    assert all(page.startswith("https://") for page in model.sources)


@pytest.mark.parametrize("provider", ["anthropic", "openai", "gemini", "mistral", "xai", "deepseek", "cohere"])
def test_the_makers_own_models_are_known(provider: str) -> None:
    listed = CATALOG.models(provider)
    unknown = [model.name for model in listed if model.abilities is None]
    assert len(unknown) <= len(listed) // 10, unknown


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5-20251001-v1:0"),
        ("global.amazon.nova-2-lite-v1:0", "nova-2-lite-v1:0"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama-3.3-70b-instruct"),
        ("@cf/meta/llama-3.1-8b-instruct", "llama-3.1-8b-instruct"),
        ("gpt-4.1", "gpt-4.1"),
        ("llama3.2:1b", "llama3.2:1b"),
        ("", ""),
    ],
)
def test_bare_names(name: str, bare: str) -> None:
    assert bare_name(name) == bare


def test_every_entry_has_its_page_and_some_model() -> None:
    """An entry that an earlier one hides, or that fits nothing any more, is dead."""
    entries = msgspec.convert(own_data("families.yaml").content["families"], list[dict[str, object]])
    patterns = [re.compile(str(entry["match"])) for entry in entries]
    names = {bare_name(model.name) for model in CATALOG.models()} | ALSO
    reached = {next((number for number, each in enumerate(patterns) if each.match(name)), None) for name in names}
    assert [entries[number]["match"] for number in range(len(entries)) if number not in reached] == []
    assert [entry["match"] for entry in entries if not str(entry["source"]).startswith("https://")] == []


ALSO = {
    "claude-3-5-sonnet-20241022",
    "claude-3-haiku-20240307",
    "claude-3-7-sonnet-20250219",
    "claude-instant-1.2",
    "claude-opus-4-20250514",
    "claude-sonnet-4-20250514",
    "command-a-reasoning-08-2025",
    "command-a-vision-07-2025",
    "command-light",
    "gemini-1.5-pro",
    "gemma-2b",
    "gpt-4o-2024-05-13",
    "gpt-4o-search-preview",
    "gpt-4.5-preview",
    "gpt-5-chat-latest",
    "grok-2-vision-1212",
    "grok-3-mini",
    "grok-4-fast-non-reasoning",
    "kimi-k2-thinking",
    "moonshot-v1-8k-vision-preview",
    "o1-preview",
    "phi-3.5-vision-instruct",
    "rerank-2.5",
    "rerank-v3.5",
    "voyage-3.5",
    "voxtral-small-24b-2507",
}
"""Names that are in use and not listed: older ones, and those that nobody priced."""


@pytest.mark.parametrize(
    ("model", "window"),
    [
        ("gemini/gemini-2.5-pro", 1_048_576),
        ("openrouter/anthropic/claude-3.5-sonnet", 200_000),
        ("cohere/command-a", 256_000),
        ("openai/gpt-4.1", 1_000_000),
        ("cloudflare/@cf/qwen/qwq-32b", None),
    ],
    ids=str,
)
def test_the_makers_window_counts_where_the_price_list_has_none(model: str, window: int | None) -> None:
    provider, _, name = model.partition("/")
    found = CATALOG.find(provider, name)
    assert found is not None
    assert found.context_window == window


def test_an_embedding_model_of_a_family_that_chats_does_not_chat() -> None:
    assert CATALOG.traits("bedrock", "amazon.nova-2-multimodal-embeddings-v1:0").abilities == {Ability.EMBEDDINGS}
