"""What tokens cost where they are worked on: regions of clouds and of Anthropic's own API, and profiles of Bedrock."""

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from llmgateway.canon.call import Terms
from llmgateway.canon.usage import Round, Usage
from llmgateway.catalog.pricing import PriceOverride
from llmgateway.kit.money import nanos
from tests.catalog.asked import CATALOG, NOON, cost

WHOLE = Usage(
    prompt_tokens=100_000, cached_tokens=40_000, cache_write_tokens=20_000, cache_write_1h_tokens=10_000,
    completion_tokens=10_000,
)  # fmt: skip


@pytest.mark.parametrize(
    ("model", "anywhere", "there"),
    [
        # 40,000 new, 40,000 read, 10,000 written for 5 minutes and 10,000 for an hour, 10,000 answered
        ("claude-sonnet-4-5@20250929", "0.3795", "0.41745"),
        ("claude-haiku-4-5@20251001", "0.1265", "0.13915"),
        ("claude-opus-4-5@20251101", "0.6325", "0.69575"),
        ("claude-opus-4-8", "0.6325", "0.69575"),
        ("claude-sonnet-5", "0.253", "0.2783"),
        ("claude-sonnet-5-5@default", "0.249", "0.2739"),
        ("claude-opus-5-5", "0.498", "0.5478"),
        ("claude-fable-5-2", "0.988", "1.0868"),
        ("anthropic/claude-opus-5-5", "0.498", "0.5478"),
    ],
)
@pytest.mark.parametrize("region", ["us-east5", "europe-west1", "us", "eu"])
def test_claude_from_sonnet_4_5_on_costs_a_tenth_more_in_a_region_of_vertex_ai(
    model: str, region: str, anywhere: str, there: str
) -> None:
    """https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai: a premium of 10 % over the global endpoint."""
    assert cost(f"vertex/{model}", replace(WHOLE, region=region)) == nanos(there)
    assert cost(f"vertex/{model}", replace(WHOLE, region="global")) == cost(f"vertex/{model}", WHOLE) == nanos(anywhere)


@pytest.mark.parametrize(
    "model",
    [
        *("claude-3-haiku@20240307", "claude-3-5-sonnet-v2@20241022", "claude-3-7-sonnet@20250219"),
        *("claude-sonnet-4@20250514", "claude-sonnet-4", "claude-opus-4@20250514", "claude-opus-4-1@20250805"),
        *("claude-opus-4-1", "claude-sonnet-4-0", "gemini-2.5-pro", "gemini-2.5-flash", "gemini-embedding-001"),
    ],
)
def test_earlier_models_cost_the_same_in_all_regions_of_vertex_ai(model: str) -> None:
    """Sonnet 4, Opus 4 and before keep their prices, and Gemini 2.5 has one price list for all endpoints."""
    anywhere = cost(f"vertex/{model}", WHOLE)
    assert anywhere is not None
    assert [cost(f"vertex/{model}", replace(WHOLE, region=region)) for region in ("global", "us-east5", "eu")] == [
        anywhere, anywhere, anywhere,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "usage", "dollars"),
    [
        ("gemini-3.5-flash", Usage(prompt_tokens=1_000_000), "1.65"),
        ("gemini-3.5-flash", Usage(completion_tokens=1_000_000), "9.9"),
        ("gemini-3.1-flash-lite", Usage(prompt_tokens=10**6, audio_prompt_tokens=10**6), "0.55"),
        ("gemini-3.1-flash-lite", Usage(prompt_tokens=10**6, audio_prompt_tokens=10**6, cached_tokens=10**6), "0.055"),
        ("gemini-3.1-flash-lite", Usage(completion_tokens=1_000_000, reasoning_tokens=500_000), "1.65"),
        ("gemini-3.5-flash", Usage(searches=1), "0.014"),
    ],
)
def test_gemini_from_3_on_costs_a_tenth_more_in_a_region(model: str, usage: Usage, dollars: str) -> None:
    """https://cloud.google.com/vertex-ai/generative-ai/pricing: Global and Non-global, for all classes of tokens."""
    assert cost(f"vertex/{model}", replace(usage, region="eu")) == nanos(dollars)
    assert cost(f"vertex/{model}", replace(usage, region="global")) == cost(f"gemini/{model}", usage)
    assert cost(f"gemini/{model}", replace(usage, region="eu")) == cost(f"gemini/{model}", usage)


@pytest.mark.parametrize(
    ("model", "anywhere", "there"),
    [
        *(("gpt-5.4", "2.5", "2.75"), ("gpt-5.4-mini", "0.75", "0.825"), ("gpt-5.5-2026-04-23", "5", "5.5")),
        *(("gpt-5.2", "1.75", "1.75"), ("gpt-5.3-codex", "1.75", "1.75"), ("gpt-4.1", "2", "2")),
        *(("o3", "2", "2"), ("gpt-5", "1.25", "1.25"), ("text-embedding-3-small", "0.02", "0.02")),
    ],
)
def test_openais_models_since_march_2026_cost_a_tenth_more_where_data_stays(
    model: str, anywhere: str, there: str
) -> None:
    """https://developers.openai.com/api/docs/guides/data-residency: released on or after 2026-03-05, as gpt-5.4 was."""
    usage = Usage(prompt_tokens=100_000)
    assert cost(f"openai/{model}", usage) == nanos(anywhere) // 10
    assert cost(f"openai/{model}", replace(usage, region="eu")) == nanos(there) // 10


def test_regions_and_tiers_are_counted_together() -> None:
    usage = Usage(prompt_tokens=1_000_000, region="europe-west4")
    assert cost("vertex/gemini-3.5-flash", usage, tier="flex") == nanos("0.825")


def test_the_region_holds_for_each_round() -> None:
    rounds = Round(None, Usage(prompt_tokens=1_000)), Round("claude-opus-4-8", Usage(prompt_tokens=1_000))
    usage = Usage(prompt_tokens=2_000, rounds=rounds, region="eu")
    assert cost("vertex/claude-sonnet-5", usage) == nanos("0.0022") + nanos("0.0055")


@pytest.mark.parametrize("profile", ["us", "eu", "jp", "au"])
@pytest.mark.parametrize(
    ("model", "anywhere", "there"),
    [
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "0.3", "0.33"),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", "0.1", "0.11"),
        ("anthropic.claude-opus-4-6-v1", "0.5", "0.55"),
        ("anthropic.claude-opus-5-5", "0.4", "0.44"),
        ("anthropic.claude-sonnet-5-5", "0.2", "0.22"),
    ],
)
def test_claude_costs_a_tenth_more_by_a_geographic_profile_of_bedrock_than_by_the_global_one(
    model: str, profile: str, anywhere: str, there: str
) -> None:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/global-cross-region-inference.html, https://aws.amazon.com/bedrock/pricing."""
    usage = Usage(prompt_tokens=100_000)
    assert cost(f"bedrock/global.{model}", usage) == nanos(anywhere)
    assert cost(f"bedrock/{profile}.{model}", usage) == cost(f"bedrock/{model}", usage) == nanos(there)


def test_claude_before_sonnet_4_5_costs_the_same_by_every_profile_of_bedrock() -> None:
    names = [f"bedrock/{place}anthropic.claude-sonnet-4-20250514-v1:0" for place in ("global.", "us.", "apac.", "")]
    assert {cost(name, Usage(prompt_tokens=1_000_000)) for name in names} == {nanos(3)}


def test_the_operators_price_is_the_same_in_all_regions() -> None:
    own = PriceOverride(input=Decimal(1), output=Decimal(1))
    priced = CATALOG.price("vertex", "claude-opus-5-5", replace(WHOLE, region="eu"), NOON, override=own)
    assert priced is not None
    assert priced.nanos == nanos("0.11")
    bid = CATALOG.bid("vertex", "claude-opus-5-5", (100_000, 10_000), NOON, override=own, terms=Terms(region="eu"))
    assert bid == (nanos("0.1"), nanos("0.11"))


PLACED = [
    ("vertex", "claude-opus-5-5", "eu"),
    ("vertex", "gemini-3.5-flash", "us-central1"),
    ("vertex", "claude-opus-4-1", "us-east5"),
    ("anthropic", "claude-opus-5-5", "us"),
    ("openai", "gpt-5.4", "eu"),
]


@example(place=PLACED[0], prompt=1, answer=1)
@given(place=st.sampled_from(PLACED), prompt=st.integers(0, 2_000_000), answer=st.integers(0, 200_000))
def test_a_bid_is_what_words_would_cost_there(place: tuple[str, str, str], prompt: int, answer: int) -> None:
    host, model, region = place
    asked = Usage(prompt_tokens=prompt, region=region)
    costs = cost(f"{host}/{model}", asked), cost(f"{host}/{model}", replace(asked, completion_tokens=answer))
    assert CATALOG.bid(host, model, (prompt, answer), NOON, terms=Terms(region=region)) == costs


def test_a_bid_where_nobody_published_a_price_is_none() -> None:
    assert CATALOG.bid("anthropic", "claude-opus-5-5", (1, 1), NOON, terms=Terms(region="moon")) is None
