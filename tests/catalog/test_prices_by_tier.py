"""What service tiers cost where they are priced in percent of the list, and what is said where nobody published it."""

import itertools
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmgateway.canon.call import Terms
from llmgateway.canon.usage import Round, Usage
from llmgateway.catalog.price_lists import load_price_lists
from llmgateway.catalog.pricing import PriceOverride
from llmgateway.kit.money import nanos
from tests.catalog.asked import CATALOG, NOON, cost, lacking

IN, OUT = Usage(prompt_tokens=1_000_000), Usage(completion_tokens=1_000_000)


@pytest.mark.parametrize(
    ("model", "usage", "standard", "flex", "priority"),
    [
        ("amazon.nova-pro-v1:0", IN, "0.8", "0.4", "1.4"),
        ("us.amazon.nova-pro-v1:0", OUT, "3.2", "1.6", "5.6"),
        ("global.amazon.nova-2-lite-v1:0", IN, "0.3", "0.15", "0.525"),
        ("openai.gpt-oss-120b-1:0", OUT, "0.6", "0.3", "1.05"),
        ("qwen.qwen3-32b-v1:0", IN, "0.15", "0.075", "0.2625"),
        ("qwen.qwen3-32b-v1:0", OUT, "0.6", "0.3", "1.05"),
    ],
)
def test_bedrocks_tiers_cost_what_its_price_list_says(
    model: str, usage: Usage, standard: str, flex: str, priority: str
) -> None:
    """https://aws.amazon.com/bedrock/pricing: half of the standard tier, and three quarters more."""
    wanted = {None: standard, "default": standard, "flex": flex, "priority": priority}
    assert {tier: cost(f"bedrock/{model}", usage, tier=tier) for tier in wanted} == {
        tier: nanos(dollars) for tier, dollars in wanted.items()
    }
    assert {lacking(f"bedrock/{model}", usage, tier) for tier in wanted} == {()}


@pytest.mark.parametrize(
    ("model", "dollars"),
    [("mistral.mistral-large-3-675b-instruct", "0.25"), ("global.moonshotai.kimi-k3", "1.5")],
)
def test_flex_may_have_a_price_where_priority_has_none_that_is_known(model: str, dollars: str) -> None:
    """The price list has $0.88 for Mistral Large 3 where three quarters more than $0.50 would be $0.875."""
    assert (cost(f"bedrock/{model}", IN, tier="flex"), lacking(f"bedrock/{model}", IN, "flex")) == (nanos(dollars), ())
    assert cost(f"bedrock/{model}", IN, tier="priority") == cost(f"bedrock/{model}", IN)
    assert lacking(f"bedrock/{model}", IN, "priority") == ("its service tier",)


@pytest.mark.parametrize(
    ("model", "tier"),
    [
        ("bedrock/us.anthropic.claude-opus-5-5", "reserved"),
        ("bedrock/amazon.nova-pro-v1:0", "reserved"),
        ("bedrock/us.amazon.nova-pro-v1:0", "optimized"),
        ("bedrock/deepseek.r1-v1:0", "flex"),
        ("bedrock/openai.gpt-5.5", "priority"),
        ("bedrock/global.moonshotai.kimi-k3.1", "flex"),
        ("openai/o1", "flex"),
        ("openai/gpt-4.1", "scale"),
        ("vertex/gemini-3.5-flash", "later"),
    ],
)
def test_a_tier_that_nobody_priced_is_named_and_costs_what_the_standard_one_does(model: str, tier: str) -> None:
    assert cost(model, IN) is not None
    assert (cost(model, IN, tier=tier), lacking(model, IN, tier)) == (cost(model, IN), ("its service tier",))
    assert lacking(model, IN) == ()


@pytest.mark.parametrize(
    ("model", "tier"),
    [
        ("bedrock/us.anthropic.claude-opus-5-5", "default"),
        ("bedrock/openai.gpt-oss-120b-1:0", "default"),
        ("openai/gpt-4.1", "priority"),
        ("openai/o1", "default"),
        ("openai/gpt-4.1", "auto"),
        ("gemini/gemini-3.5-flash", "standard"),
        ("groq/llama-3.3-70b-versatile", "on_demand"),
    ],
)
def test_a_tier_that_is_known_lacks_nothing(model: str, tier: str) -> None:
    assert lacking(model, IN, tier) == ()


def test_a_tier_lacks_its_price_once_beside_what_else_does() -> None:
    rounds = Round(None, Usage(prompt_tokens=10)), Round(None, Usage(prompt_tokens=10))
    usage = Usage(prompt_tokens=20, rounds=rounds, searches=1)
    assert lacking("bedrock/us.anthropic.claude-opus-5-5", usage, "reserved") == ("searches", "its service tier")


def test_the_operators_price_covers_all_tiers() -> None:
    own = PriceOverride(input=Decimal(1), output=Decimal(1))
    priced = CATALOG.price("bedrock", "deepseek.r1-v1:0", IN, NOON, override=own, tier="flex")
    assert priced is not None
    assert (priced.nanos, priced.lacking) == (nanos(1), ())


TIERED = [
    ("openai", "gpt-4.1", "priority"),
    ("openai", "gpt-5", "fast"),
    ("openai", "gpt-5", "flex"),
    ("gemini", "gemini-2.5-pro", "priority"),
    ("bedrock", "amazon.nova-pro-v1:0", "priority"),
    ("bedrock", "amazon.nova-pro-v1:0", "flex"),
    ("groq", "llama-3.3-70b-versatile", "performance"),
    ("openai", "gpt-4.1", "ultrafast"),
]


@example(wish=TIERED[0], prompt=1, answer=1)
@given(wish=st.sampled_from(TIERED), prompt=st.integers(0, 2_000_000), answer=st.integers(0, 200_000))
def test_a_bid_is_the_dearer_of_what_is_wished_and_the_standard(
    wish: tuple[str, str, str], prompt: int, answer: int
) -> None:
    host, model, tier = wish
    asked, answered = Usage(prompt_tokens=prompt), Usage(prompt_tokens=prompt, completion_tokens=answer)
    costs = [[cost(f"{host}/{model}", usage, tier=one) for one in (None, tier)] for usage in (asked, answered)]
    bid = CATALOG.bid(host, model, (prompt, answer), NOON, terms=Terms(tier))
    assert bid == tuple(max(both, key=lambda nanos: nanos or 0) for both in costs)


@pytest.mark.parametrize(
    ("model", "region", "dollars"), [("claude-opus-5-5", None, "8"), ("claude-opus-5-5", "us", "8.8")]
)
def test_a_bid_for_a_faster_mode_is_what_it_costs(model: str, region: str | None, dollars: str) -> None:
    bid = CATALOG.bid("anthropic", model, (1_000_000, 0), NOON, terms=Terms(speed="fast", region=region))
    assert bid == (nanos(dollars), nanos(dollars))


def test_a_faster_mode_without_a_published_price_is_not_bid_for() -> None:
    assert CATALOG.bid("anthropic", "claude-sonnet-4-5", (1, 1), NOON, terms=Terms(speed="fast")) is None


def test_a_bid_at_the_operators_price_is_the_same_in_all_tiers() -> None:
    own = PriceOverride(input=Decimal(1), output=Decimal(1))
    assert CATALOG.bid("openai", "gpt-4.1", (1_000_000, 0), NOON, override=own, terms=Terms("priority")) == (
        nanos(1),
        nanos(1),
    )


def test_shares_of_regions_and_tiers_multiply_to_a_whole_percent() -> None:
    lists = load_price_lists()
    for (owner, _, region), (other, _, tier) in itertools.product(lists.regions, lists.tiers):
        if owner == other:
            percents = itertools.product((*region.percent.values(), region.elsewhere or 100), tier.percent.values())
            assert all(one * share % 100 == 0 for one, share in percents)
