"""What requests cost beside the tokens of one model: tools, fees, advisors, bills that are told; and what has no price."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from llmgateway.canon.usage import Round, Usage
from llmgateway.catalog.pricing import PriceOverride
from llmgateway.kit.money import nanos
from tests.catalog.asked import CATALOG, NOON, cost, lacking

CLASSES = ("input", "output", "cached_input", "cache_write", "audio_input", "audio_output", "request", "search")


@pytest.mark.parametrize(
    ("usage", "missing"),
    [
        (Usage(prompt_tokens=10**6, searches=1), "searches"),
        (Usage(prompt_tokens=10**6, file_searches=2), "searches in files"),
        (Usage(prompt_tokens=10**6, containers=1), "containers"),
        (Usage(prompt_tokens=10**6, images=3), "made images"),
    ],
)
def test_a_tool_that_nobody_priced_is_named_and_the_tokens_cost_what_they_do(usage: Usage, missing: str) -> None:
    model = "groq/llama-3.3-70b-versatile"
    assert (cost(model, usage), lacking(model, usage)) == (cost(model, Usage(prompt_tokens=10**6)), (missing,))


@pytest.mark.parametrize(
    ("model", "usage", "dollars"),
    [
        # https://developers.openai.com/api/docs/pricing, of November 2026
        ("openai/gpt-4o-search-preview", Usage(prompt_tokens=1_000, completion_tokens=100), "0.0285"),
        ("openai/gpt-4o-mini-search-preview", Usage(prompt_tokens=1_000, completion_tokens=100), "0.02521"),
        ("openai/gpt-5-search-api", Usage(prompt_tokens=1_000), "0.01125"),
        ("openai/gpt-4o", Usage(prompt_tokens=1_000, file_searches=2, containers=1), "0.0375"),
        # https://ai.google.dev/gemini-api/docs/google-search: a prompt before Gemini 3, a query since
        ("gemini/gemini-2.5-flash", Usage(searches=3), "0.035"),
        ("vertex/gemini-2.5-flash", Usage(searches=3), "0.035"),
        ("gemini/gemini-3.5-flash", Usage(searches=3), "0.042"),
        # https://cohere.com/pricing
        ("cohere/rerank-v3.5", Usage(searches=3), "0.006"),
        ("cohere/command-a-03-2025", Usage(prompt_tokens=1_490, completion_tokens=94, billed_prompt_tokens=57,
                                           billed_completion_tokens=20), "0.0003425"),
        ("voyage/voyage-3.5", Usage(prompt_tokens=1_000_000), "0.06"),
    ],
)  # fmt: skip
def test_what_is_billed_beside_or_instead_of_tokens(model: str, usage: Usage, dollars: str) -> None:
    assert cost(model, usage) == nanos(dollars)
    assert lacking(model, usage) == ()


@pytest.mark.parametrize(
    ("tier", "dollars"), [(None, "1.25"), ("standard", "1.25"), ("flex", "0.625"), ("priority", "2.25")]
)
@pytest.mark.parametrize("host", ["gemini", "vertex"])
def test_a_service_tier_that_is_priced_in_percent(host: str, tier: str | None, dollars: str) -> None:
    assert cost(f"{host}/gemini-2.5-pro", Usage(prompt_tokens=100_000), tier=tier) == nanos(dollars) // 10


def test_what_was_cached_is_told_by_kind() -> None:
    usage = Usage(prompt_tokens=1_000, cached_tokens=500, audio_prompt_tokens=500)
    assert cost("gemini/gemini-2.5-flash", usage) == nanos("0.000515")
    told = replace(usage, cached_audio_tokens=500)
    assert cost("gemini/gemini-2.5-flash", told) == nanos("0.0002")
    more = replace(usage, audio_prompt_tokens=300, cached_audio_tokens=500)
    assert cost("gemini/gemini-2.5-flash", more) == nanos("0.000186"), "300 of sound and 200 of text were cached"


def test_each_round_is_priced_by_its_own_model_and_length() -> None:
    """An advisor is another model; two short prompts are no long one."""
    advised = Round(None, Usage(prompt_tokens=2_411, completion_tokens=145))
    advisor = Round("claude-opus-4-8", Usage(prompt_tokens=2_543, completion_tokens=18))
    whole = Usage(prompt_tokens=4_954, completion_tokens=163, rounds=(advised, advisor))
    assert cost("anthropic/claude-sonnet-5", whole) == nanos("0.019437")
    short = Round(None, Usage(prompt_tokens=150_000))
    assert cost("anthropic/claude-sonnet-4-5", Usage(prompt_tokens=300_000, rounds=(short, short))) == nanos("0.9")
    searched = replace(whole, searches=1, region="us")
    assert cost("anthropic/claude-sonnet-5", searched) == nanos("0.0213807") + nanos("0.01")
    cut = replace(whole, completion_tokens=500)
    assert cost("anthropic/claude-sonnet-5", cut) == cost("anthropic/claude-sonnet-5", replace(cut, rounds=()))


def test_what_a_provider_tells_that_it_bills_is_the_price_where_it_is_known_to() -> None:
    usage = Usage(prompt_tokens=10**6, told_nanos=123)
    for host in ("openrouter", "perplexity", "xai"):
        priced = CATALOG.price(host, "whatever", usage, NOON)
        assert (priced and priced.nanos, priced and priced.version) == (123, f"told by {host}")
    assert cost("openai/gpt-4.1", usage) == nanos("2")
    own = CATALOG.price("openrouter", "x", usage, NOON, override=PriceOverride(input=Decimal(1), output=Decimal(1)))
    assert own is not None
    assert own.nanos == nanos("1"), "what the operator agreed on goes before"


def test_the_operators_price_may_name_every_class() -> None:
    given: dict[str, Any] = {name: Decimal(price) for name, price in zip(CLASSES, "12345678", strict=True)}
    usage = Usage(
        prompt_tokens=10, completion_tokens=5, cached_tokens=1, cache_write_tokens=2, audio_prompt_tokens=3,
        audio_completion_tokens=4, searches=5,
    )  # fmt: skip
    priced = CATALOG.price("lab", "x", usage, NOON, override=PriceOverride(**given))
    assert priced is not None
    tokens = 4 * 1 + 1 * 2 + 1 * 3 + 2 * 4 + 3 * 5 + 4 * 6
    assert priced.nanos == tokens * 1_000 + 7_000_000 + 5 * 8_000_000
    assert priced.version.startswith("gateway.yaml: input 1 output 2 cached 3 cache_write 4 audio_input 5")
