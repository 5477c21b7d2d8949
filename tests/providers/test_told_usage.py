"""What the readers of usage make of halves, of zeros and of what is no number."""

from decimal import Decimal

import msgspec
import pytest

from llmgateway.canon.chat import Json
from llmgateway.canon.usage import MOST_TOKENS, Usage
from llmgateway.catalog.pricing import PriceOverride, override_rates
from llmgateway.kit.money import nanos
from llmgateway.providers.anthropic.answer import MessagesUsage
from llmgateway.providers.anthropic.answer import usage_of as anthropic
from llmgateway.providers.bedrock.answer import usage_of as bedrock
from llmgateway.providers.cohere.answer import usage_of as cohere
from llmgateway.providers.ollama_native.answer import usage_of as ollama
from llmgateway.providers.openai_wire.responses import responses_usage
from llmgateway.providers.openai_wire.usage import read_usage
from llmgateway.providers.rerank import rerank_usage

PROMPT_ALONE = Usage(prompt_tokens=100, completion_told=False)
COMPLETION_ALONE = Usage(completion_tokens=5, prompt_told=False)


def _responses(usage: Json) -> Usage | None:
    return responses_usage({"usage": usage})


def test_half_a_usage_says_which_half_it_is() -> None:
    assert read_usage({"prompt_tokens": 100}) == PROMPT_ALONE
    assert read_usage({"prompt_tokens": 100, "completion_tokens": None}) == PROMPT_ALONE
    assert read_usage({"completion_tokens": 5}) == COMPLETION_ALONE
    assert _responses({"input_tokens": 100}) == anthropic(MessagesUsage(input_tokens=100)) == PROMPT_ALONE
    assert _responses({"output_tokens": 5}) == anthropic(MessagesUsage(output_tokens=5)) == COMPLETION_ALONE
    assert bedrock({"inputTokens": 100}, {}) == cohere({"tokens": {"input_tokens": 100}}) == PROMPT_ALONE
    assert bedrock({"outputTokens": 5}, {}) == cohere({"tokens": {"output_tokens": 5}}) == COMPLETION_ALONE
    assert ollama({"prompt_eval_count": 100}) == PROMPT_ALONE
    assert ollama({"eval_count": 5}) == COMPLETION_ALONE


def test_a_zero_and_a_total_tell_the_other_half() -> None:
    assert read_usage({"prompt_tokens": 100, "completion_tokens": 0}) == Usage(prompt_tokens=100)
    assert read_usage({"prompt_tokens": 100, "total_tokens": 100}) == Usage(prompt_tokens=100)
    assert read_usage({"completion_tokens": 5, "total_tokens": 105}) == Usage(prompt_tokens=100, completion_tokens=5)
    assert _responses({"input_tokens": 100, "output_tokens": 0}) == Usage(prompt_tokens=100)


def test_true_and_texts_are_no_numbers() -> None:
    assert read_usage({"prompt_tokens": True, "completion_tokens": 5}) == COMPLETION_ALONE
    assert _responses({"input_tokens": 100, "output_tokens": "5"}) == PROMPT_ALONE
    assert ollama({"prompt_eval_count": 100, "eval_count": True}) == PROMPT_ALONE
    assert rerank_usage({"usage": {"prompt_tokens": True, "total_tokens": 6}}) == Usage(prompt_tokens=6)


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        ({"cost": 0.00020535}, "0.00020535"),
        ({"cost": 6e-08}, "0.00000006"),
        ({"cost": 0, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.0002265}}, "0.0002265"),
        ({"cost": 0.01, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.01}}, "0.01"),
        ({"cost": {"total_cost": 0.00502, "request_cost": 0.005}}, "0.00502"),
        ({"cost_in_usd_ticks": 55258500}, "0.00552585"),
    ],
)
def test_a_bill_that_is_told_is_read_to_the_nano(usage: Json, dollars: str) -> None:
    for read in (read_usage({"prompt_tokens": 1, **usage}), _responses({"input_tokens": 1, **usage})):
        assert read is not None
        assert read.told_nanos == nanos(dollars)


@pytest.mark.parametrize("cost", [0, -1, True, "0.5", None, [], {}, {"total_cost": "x"}, 1e12, 1e400, float("nan")])
def test_what_is_no_bill_is_none(cost: object) -> None:
    read = read_usage({"prompt_tokens": 1, "cost": cost, "cost_in_usd_ticks": None})
    assert read is not None
    assert read.told_nanos is None


def test_openais_own_tools_are_counted() -> None:
    output: list[Json] = [
        {"type": "file_search_call"},
        {"type": "file_search_call"},
        {"type": "code_interpreter_call", "container_id": "cntr_1"},
        {"type": "code_interpreter_call", "container_id": "cntr_1"},
        {"type": "shell_call", "container_id": "cntr_2"},
        {"type": "shell_call"},
        {"type": "image_generation_call"},
        {"type": "message"},
        {"type": ["shell_call"]},
        {"type": "shell_call", "container_id": ["cntr_3"]},
    ]
    read = responses_usage({"usage": {"input_tokens": 1, "output_tokens": 1}, "output": output})
    assert read is not None
    assert (read.file_searches, read.containers, read.images) == (2, 2, 1)


def test_cohere_tells_what_the_model_saw_and_what_is_billed() -> None:
    read = cohere(
        {
            "billed_units": {"input_tokens": 5, "output_tokens": 10},
            "tokens": {"input_tokens": 607, "output_tokens": 13},
            "cached_tokens": 480,
        }
    )
    assert read is not None
    assert (read.prompt_tokens, read.completion_tokens, read.cached_tokens) == (607, 13, 480)
    billed = read.as_billed()
    assert (billed.prompt_tokens, billed.completion_tokens, billed.cached_tokens) == (5, 10, 5)


@pytest.mark.parametrize(
    ("told", "tier"),
    [
        ({"serviceTier": {"type": "flex"}}, "flex"),
        ({"serviceTier": {"type": "default"}, "performanceConfig": {"latency": "standard"}}, "default"),
        ({"serviceTier": {"type": "default"}, "performanceConfig": {"latency": "optimized"}}, "optimized"),
        ({"performanceConfig": {"latency": "optimized"}}, "optimized"),
        ({"serviceTier": {"type": ""}}, None),
        ({"serviceTier": "flex", "performanceConfig": "optimized"}, None),
        ({}, None),
    ],
)
def test_bedrock_tells_how_it_served(told: Json, tier: str | None) -> None:
    read = bedrock({"inputTokens": 1, "outputTokens": 1}, told)
    assert read is not None
    assert read.tier == tier


def test_claudes_advisor_is_told_apart() -> None:
    said: Json = {
        "input_tokens": 2411,
        "output_tokens": 145,
        "iterations": [
            {"input_tokens": 1128, "output_tokens": 135, "type": "message"},
            {"input_tokens": 2543, "output_tokens": 18, "type": "advisor_message", "model": "claude-opus-4-8"},
            {"input_tokens": 1283, "output_tokens": 10, "type": "message"},
        ],
    }
    read = anthropic(msgspec.convert(said, MessagesUsage))
    assert read is not None
    assert (read.prompt_tokens, read.completion_tokens) == (4954, 163)
    assert [(one.model, one.usage.prompt_tokens) for one in read.rounds] == [
        (None, 1128), ("claude-opus-4-8", 2543), (None, 1283),
    ]  # fmt: skip


def test_a_tier_without_end_is_none() -> None:
    endless, usage = "t" * 5_000_000, {"prompt_tokens": 5, "completion_tokens": 5}
    for told in (
        read_usage(usage, endless),
        responses_usage({"usage": {"input_tokens": 5, "output_tokens": 5}, "service_tier": endless}),
        anthropic(MessagesUsage(input_tokens=5, output_tokens=5, speed=endless, inference_geo=endless)),
        bedrock({"inputTokens": 5, "outputTokens": 5}, {"serviceTier": {"type": endless}}),
    ):
        assert told is not None
        assert told.details() is None
    assert read_usage(usage, "flex") == Usage(prompt_tokens=5, completion_tokens=5, tier="flex")


def test_more_searches_than_anybody_makes_are_a_mistake_of_the_providers() -> None:
    """At a price of a tenant's own they would cost more than the database has a number for."""
    usage = {"prompt_tokens": 5, "completion_tokens": 5}
    for searches, credible in ((10_000, True), (10_001, False)):
        told = read_usage({**usage, "num_search_queries": searches})
        assert told is not None
        assert told.credible is credible
    dear = Decimal(999_999)
    dearest = PriceOverride(
        dear, dear, cached_input=dear, audio_input=dear, audio_output=dear, request=dear, search=dear
    )
    most = Usage(prompt_tokens=MOST_TOKENS, completion_tokens=MOST_TOKENS, searches=10_000)
    assert override_rates(dearest).bill(most).nanos < 2**63
