"""What requests cost: published price pages, genai-prices' own arithmetic, and the honesty of what is unpriced.

The published figures come from https://platform.claude.com/docs/en/about-claude/pricing,
https://developers.openai.com/api/docs/pricing and https://ai.google.dev/gemini-api/docs/pricing.
"""

import gc
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices
from genai_prices.types import Usage as TheirUsage
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from llmgateway.canon.usage import Usage
from llmgateway.catalog.catalog import Catalog, Model, load_catalog
from llmgateway.catalog.pricing import Custom, PriceOverride, TieredRates, prices_at, tiered_rates
from llmgateway.kit.money import nanos
from tests.catalog.asked import CATALOG, NOON, cost, lacking


def _model(provider: str, name: str) -> Model:
    return next(model for model in CATALOG.models(provider) if model.name == name)


PUBLISHED = {
    "input": ("openai/gpt-4.1", Usage(prompt_tokens=1_000), "0.002"),
    "output": ("openai/gpt-4.1", Usage(completion_tokens=1_000), "0.008"),
    "cached input": ("openai/gpt-4.1", Usage(prompt_tokens=1_000, cached_tokens=400), "0.0014"),
    "reasoning is output": ("openai/o3", Usage(completion_tokens=1_000, reasoning_tokens=900), "0.008"),
    "cache write": ("anthropic/claude-sonnet-4-5", Usage(prompt_tokens=1_000, cache_write_tokens=1_000), "0.00375"),
    "cache write for an hour": (
        "anthropic/claude-sonnet-4-5",
        Usage(prompt_tokens=1_000, cache_write_tokens=1_000, cache_write_1h_tokens=600),
        "0.0051",
    ),
    "cache read": ("anthropic/claude-sonnet-4-5", Usage(prompt_tokens=1_000, cached_tokens=1_000), "0.0003"),
    "searches": ("anthropic/claude-sonnet-4-5", Usage(prompt_tokens=100, searches=3), "0.0303"),
    "audio input": ("gemini/gemini-2.5-flash", Usage(prompt_tokens=1_000, audio_prompt_tokens=400), "0.00058"),
    "sound to a model of its own": ("openai/gpt-audio", Usage(prompt_tokens=1_000, audio_prompt_tokens=400), "0.0143"),
    "sound in the answer": ("openai/gpt-audio", Usage(completion_tokens=1_000, audio_completion_tokens=900), "0.0586"),
    "an image in the prompt": ("openai/gpt-image-1", Usage(prompt_tokens=1_000, image_prompt_tokens=800), "0.009"),
    "an image in the answer": (
        "gemini/gemini-2.5-flash-image",
        Usage(completion_tokens=1_300, image_completion_tokens=1_290),
        "0.038725",
    ),
    "a request": ("perplexity/sonar-pro", Usage(prompt_tokens=100, completion_tokens=100), "0.0158"),
    "reasoning of its own price": (
        "perplexity/sonar-deep-research",
        Usage(completion_tokens=1_000, reasoning_tokens=400),
        "0.006",
    ),
    "embeddings": ("openai/text-embedding-3-small", Usage(prompt_tokens=1_000_000), "0.02"),
    "below the tier": ("gemini/gemini-2.5-pro", Usage(prompt_tokens=200_000), "0.25"),
    "above the tier all tokens cost more": ("gemini/gemini-2.5-pro", Usage(prompt_tokens=200_001), "0.5000025"),
}


@pytest.mark.parametrize(("model", "usage", "dollars"), PUBLISHED.values(), ids=list(PUBLISHED))
def test_published_prices(model: str, usage: Usage, dollars: str) -> None:
    assert cost(model, usage) == nanos(dollars)


SOUND = Usage(prompt_tokens=1_000, completion_tokens=1_000, audio_prompt_tokens=800, audio_completion_tokens=900)


@pytest.mark.parametrize(
    ("model", "dollars"),
    [
        ("openai/gpt-4o-audio-preview", "0.1055"),
        ("azure/gpt-4o-audio-preview", "0.1055"),
        ("openai/gpt-4o-mini-audio-preview", "0.02609"),
        ("gemini/gemini-2.5-pro", "0.01125"),
    ],
)
def test_sound_costs_what_was_published_for_it(model: str, dollars: str) -> None:
    assert cost(model, SOUND) == nanos(dollars)


@pytest.mark.parametrize("model", ["openrouter/openai/gpt-audio", "openai/gpt-4.1", "groq/llama-3.3-70b-versatile"])
def test_sound_that_nobody_priced_is_named_and_the_rest_costs_what_it_does(model: str) -> None:
    both = Usage(prompt_tokens=1_000, completion_tokens=1_000)
    assert lacking(model, both) == ()
    heard = Usage(prompt_tokens=1_000, audio_prompt_tokens=800)
    assert (cost(model, heard), lacking(model, heard)) == (cost(model, Usage(prompt_tokens=200)), ("sound",))
    spoken = Usage(completion_tokens=1_000, audio_completion_tokens=800)
    wanted = (cost(model, Usage(completion_tokens=200)), ("spoken answers",))
    assert (cost(model, spoken), lacking(model, spoken)) == wanted


FAST = Usage(prompt_tokens=1_000, cached_tokens=400, completion_tokens=1_000, searches=1, speed="fast")


def test_a_fast_answer_has_its_own_prices() -> None:
    """https://platform.claude.com/docs/en/build-with-claude/fast-mode: twice the list, searches as ever."""
    assert cost("anthropic/claude-opus-5-5", FAST) == nanos("0.05496")
    assert cost("anthropic/claude-opus-5-5", replace(FAST, speed=None)) == nanos("0.03248")


def test_a_fast_answer_of_a_model_without_published_prices_for_it_is_unpriced() -> None:
    assert cost("anthropic/claude-sonnet-4-6", FAST) is None


@pytest.mark.parametrize(
    ("region", "dollars"),
    [(None, "0.03248"), ("global", "0.03248"), ("not_available", "0.03248"), ("us", "0.034728")],
)
def test_tokens_cost_more_where_the_caller_keeps_them_in_a_region(region: str | None, dollars: str) -> None:
    assert cost("anthropic/claude-opus-5-5", replace(FAST, speed=None, region=region)) == nanos(dollars)


def test_a_region_that_nobody_priced_makes_a_request_unpriced() -> None:
    assert cost("anthropic/claude-opus-5-5", replace(FAST, speed=None, region="moon")) is None


def test_regions_and_speeds_are_counted_together() -> None:
    assert cost("anthropic/claude-opus-5-5", replace(FAST, region="us")) == nanos("0.059456")


def test_sound_from_the_cache_has_its_own_price() -> None:
    """Gemini reports what was cached and what was sound, not their overlap: it is as small as the figures allow."""
    usage = Usage(prompt_tokens=1_000, cached_tokens=900, audio_prompt_tokens=800)
    expected = 100 * Decimal("1.00") + 700 * Decimal("0.10") + 200 * Decimal("0.03")
    assert cost("gemini/gemini-2.5-flash", usage) == nanos(expected / 1_000_000)


def test_prices_of_the_time_of_day() -> None:
    """DeepSeek's nights were cheaper (00:30 to 16:30 UTC was the day)."""
    usage = Usage(prompt_tokens=1_000_000)
    night = datetime(2026, 11, 20, 20, tzinfo=UTC)
    assert (cost("deepseek/deepseek-chat", usage), cost("deepseek/deepseek-chat", usage, night)) == (
        nanos("0.27"),
        nanos("0.135"),
    )


@pytest.mark.parametrize(
    ("tier", "dollars"), [(None, "2"), ("default", "2"), ("auto", "2"), ("priority", "3.5"), ("unheard-of", "2")]
)
def test_service_tiers(tier: str | None, dollars: str) -> None:
    assert cost("openai/gpt-4.1", Usage(prompt_tokens=1_000_000), tier=tier) == nanos(dollars)


@pytest.mark.parametrize(
    ("model", "tier", "dollars"),
    [
        ("openai/gpt-5", "flex", "5.34375"),
        ("openai/gpt-5", "priority", "21.375"),
        ("openai/gpt-5", None, "10.6875"),
        ("openai/o3", "flex", "4.625"),
        ("openai/gpt-5-mini", "priority", "3.8475"),
    ],
)
def test_a_tier_holds_for_input_cached_input_and_output(model: str, tier: str | None, dollars: str) -> None:
    usage = Usage(prompt_tokens=1_000_000, cached_tokens=500_000, completion_tokens=1_000_000)
    assert cost(model, usage, tier=tier) == nanos(dollars)


def test_a_tier_that_names_only_some_classes_leaves_the_others() -> None:
    usage = Usage(prompt_tokens=1_000, searches=1)
    assert cost("openai/gpt-4.1", usage, tier="priority") == nanos("0.0135")


def test_a_tier_does_not_hold_before_it_was_published() -> None:
    before = datetime(2026, 1, 1, tzinfo=UTC)
    assert cost("openai/gpt-4.1", Usage(prompt_tokens=1_000_000), before, tier="priority") == nanos(2)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [(1, 0), (3, 2), (5, 2), (7, 4)],
    ids=["half to even: 0.5", "half to even: 1.5", "half to even: 2.5", "half to even: 3.5"],
)
def test_one_rounding_half_to_even(prompt: int, expected: int) -> None:
    priced = CATALOG.price(
        "lab", "x", Usage(prompt_tokens=prompt), NOON, override=PriceOverride(Decimal("0.0005"), Decimal(0))
    )
    assert priced is not None
    assert (priced.nanos, priced.version) == (expected, "gateway.yaml: input 0.0005 output 0")


def test_the_operators_price() -> None:
    price = PriceOverride(input=Decimal("0.10"), output=Decimal("0.40"), cached_input=Decimal("0.05"))
    usage = Usage(prompt_tokens=1_000, cached_tokens=200, completion_tokens=10, searches=5)
    priced = CATALOG.price("openai", "gpt-4.1", usage, NOON, override=price)
    assert priced is not None
    assert priced.nanos == nanos("0.000094")


def test_the_operators_cached_input_is_priced_as_input_where_it_is_not_given() -> None:
    price = PriceOverride(input=Decimal(1), output=Decimal(0))
    priced = CATALOG.price("lab", "x", Usage(prompt_tokens=10, cached_tokens=10), NOON, override=price)
    assert priced is not None
    assert priced.nanos == 10_000


@pytest.mark.parametrize(
    "model",
    [
        "openai/no-such-model",
        "nobody/gpt-4.1",
        "nvidia/meta/llama-3.3-70b-instruct",
        "cerebras/qwen-3-coder-480b",
        "mistral/mistral-ocr-2505",
        "vertex/gemma-3-27b-it",
        "huggingface/meta-llama/Llama-3.3-70B-Instruct",
    ],
    ids=[
        "unknown model",
        "unknown provider",
        "nothing published",
        "listed without a price",
        "priced by the page",
        "free elsewhere only",
        "router without a host",
    ],
)
def test_unpriced_is_not_free(model: str) -> None:
    assert cost(model, Usage(prompt_tokens=100, completion_tokens=100)) is None


@pytest.mark.parametrize(
    "model", ["sandbox/chat", "ollama/llama3.2", "openrouter/deepseek/deepseek-chat:free", "gemini/gemma-3-27b-it"]
)
def test_free_is_free(model: str) -> None:
    provider, _, name = model.partition("/")
    priced = CATALOG.price(provider, name, Usage(prompt_tokens=100, searches=1), NOON)
    assert priced is not None
    assert (priced.nanos, priced.version) == (0, "free")


def test_hugging_faces_router_charges_what_the_host_charges() -> None:
    usage = Usage(prompt_tokens=1_000_000)
    assert cost("huggingface/meta-llama/Llama-3.3-70B-Instruct:novita", usage) is not None
    assert cost("huggingface/meta-llama/Llama-3.3-70B-Instruct:no-such-host", usage) is None


def test_clouds_offer_the_makers_models_at_the_makers_price() -> None:
    usage = Usage(prompt_tokens=1_000)
    assert cost("azure/gpt-4.1", usage) == cost("openai/gpt-4.1", usage)
    assert cost("vertex/claude-sonnet-4-5", usage) == cost("anthropic/claude-sonnet-4-5", usage)


def test_our_own_additions_are_priced() -> None:
    """https://developers.openai.com/api/docs/models/gpt-6.2-sol."""
    short = Usage(prompt_tokens=272_000, cached_tokens=2_000, cache_write_tokens=10_000, completion_tokens=1_000)
    long = Usage(prompt_tokens=272_001, cached_tokens=2_000, cache_write_tokens=10_000, completion_tokens=1_000)
    assert cost("openai/gpt-6.2-sol", short) == nanos("0.5552")
    assert cost("openai/gpt-6.2-sol", long) == nanos("1.105404")
    assert cost("sambanova/Meta-Llama-3.3-70B-Instruct", Usage(prompt_tokens=1_000_000)) == nanos("0.6")


def test_the_version_names_all_of_the_data_and_is_stable() -> None:
    assert CATALOG.version == load_catalog().version
    name, _, digest = CATALOG.version.partition("+")
    assert name.startswith("genai-prices ")
    assert len(digest) == 8


def _priced_models() -> list[ModelInfo]:
    return [info for house in get_snapshot().providers for info in house.models if _has_tokens(info)]


def _has_tokens(info: ModelInfo) -> bool:
    return tiered_rates(prices_at(info, NOON, None)) is not None


MODELS = _priced_models()


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    fresh, cached = draw(st.integers(0, 300_000)), draw(st.integers(0, 300_000))
    written, hour = draw(st.integers(0, 50_000)), draw(st.integers(0, 50_000))
    output, reasoning = draw(st.integers(0, 50_000)), draw(st.integers(0, 50_000))
    audio = draw(st.integers(0, 5_000))
    return Usage(
        prompt_tokens=fresh + cached + written + hour + audio,
        completion_tokens=output + reasoning,
        cached_tokens=cached,
        cache_write_tokens=written + hour,
        cache_write_1h_tokens=hour,
        reasoning_tokens=reasoning,
        audio_prompt_tokens=audio,
    )


def _theirs(usage: Usage) -> TheirUsage:
    return TheirUsage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        cache_read_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        output_reasoning_tokens=usage.reasoning_tokens,
        input_audio_tokens=usage.audio_prompt_tokens,
        cache_audio_read_tokens=0,
    )


@given(info=st.sampled_from(MODELS), usage=usages())
def test_agrees_with_genai_prices(info: ModelInfo, usage: Usage) -> None:
    compiled = tiered_rates(prices_at(info, NOON, None), Custom(sound_as_text=True))
    assert compiled is not None
    assert compiled.bill(usage).nanos == nanos(info.get_prices(NOON).calc_price(_theirs(usage))["total_price"])


def test_every_price_is_a_whole_number_of_the_units_it_is_compiled_to() -> None:
    """1e-24 dollars a token, so that compiling loses nothing."""
    for info in MODELS:
        lists = [info.prices] if isinstance(info.prices, ModelPrice) else [each.prices for each in info.prices]
        for price in (price for prices in lists for price in vars(prices).values() if price is not None):
            levels = [price.base, *(t.price for t in price.tiers)] if isinstance(price, TieredPrices) else [price]
            assert all((level * 10**18) % 1 == 0 for level in levels), info.id


def test_names_from_callers_do_not_grow_memory() -> None:
    catalog = load_catalog()
    for number in range(5_000):
        catalog.price("groq", f"nobody-{number}", Usage(), NOON)
    assert _remembered(catalog) == 4_096


def test_a_name_that_nobody_would_give_is_not_looked_up() -> None:
    catalog = load_catalog()
    name = "gpt-4.1" + "x" * 1_000_000
    assert catalog.price("openai", name, Usage(), NOON) is None
    assert (catalog.find("openai", name), list(catalog.resolve(name)), _remembered(catalog)) == (None, [], 0)


def _remembered(catalog: Catalog) -> int:
    return len(catalog._offers)


@example(model=_model("perplexity", "sonar-deep-research"), prompt=1_000, answer=1_000)  # thinks at a price of its own
@example(model=_model("perplexity", "sonar-pro"), prompt=100, answer=100)  # each request costs, too
@example(model=_model("gemini", "gemini-2.5-pro"), prompt=200_001, answer=1_000)  # beyond its first tier
@example(
    model=_model("gemini", "gemini-3-pro-image-preview"), prompt=1_000, answer=1_000
)  # answers in pictures, unasked
@given(model=st.sampled_from(CATALOG.models()), prompt=st.integers(0, 2_000_000), answer=st.integers(0, 200_000))
def test_a_bid_is_what_words_would_cost_and_the_dearest_kind_of_answer(model: Model, prompt: int, answer: int) -> None:
    name = f"{model.provider}/{model.name}"
    words = Usage(prompt_tokens=prompt, completion_tokens=answer)
    thoughts, pictures = replace(words, reasoning_tokens=answer), replace(words, image_completion_tokens=answer)
    answers = [cost(name, usage) for usage in (words, thoughts, pictures)]
    asked, known = cost(name, Usage(prompt_tokens=prompt)), [nanos for nanos in answers if nanos is not None]
    expected = None if asked is None or len(known) < len(answers) else (asked, max(known))
    assert CATALOG.bid(model.provider, model.name, (prompt, answer), NOON) == expected


@given(prompt=st.integers(0, 2_000_000), answer=st.integers(0, 200_000), dollars=st.decimals("0.001", 100, places=4))
def test_a_bid_at_the_operators_price(prompt: int, answer: int, dollars: Decimal) -> None:
    own = PriceOverride(input=dollars, output=dollars * 3)
    usages = Usage(prompt_tokens=prompt), Usage(prompt_tokens=prompt, completion_tokens=answer)
    priced = [CATALOG.price("nobody", "m", usage, NOON, override=own) for usage in usages]
    assert CATALOG.bid("nobody", "m", (prompt, answer), NOON, override=own) == tuple(
        one and one.nanos for one in priced
    )


def test_prices_that_tenants_change_all_day_are_forgotten_again() -> None:
    catalog, noon = load_catalog(), datetime(2026, 11, 20, 12, tzinfo=UTC)
    usage, before = Usage(prompt_tokens=1_000_000), sum(isinstance(one, TieredRates) for one in gc.get_objects())
    for dollars in range(5_000):
        priced = catalog.price("groq", "m", usage, noon, override=PriceOverride(Decimal(dollars), Decimal(0)))
        assert priced is not None
        assert priced.nanos == dollars * 10**9
    assert sum(isinstance(one, TieredRates) for one in gc.get_objects()) - before < 4_200
