"""A request explained in words and figures."""

import msgspec
import pytest

from llmgateway.contract.usage import Attempt, Outcome, PlannedTarget, UsageEvent, saved_nanos
from llmgateway.dataplane.explanation import explain
from tests.dataplane.usage_records import event

FAILED = Attempt(
    provider="openai", model="gpt-4.1", status=503, outcome="overloaded", milliseconds=1_234, message="Try later."
)
SERVED = Attempt(provider="groq", model="llama", status=200, outcome="ok", milliseconds=80)
PLAN = (
    PlannedTarget(target="openai/gpt-4.1", why="first by priority"),
    PlannedTarget(target="groq/llama", why="fallback 1"),
    PlannedTarget(target="groq/llama", why="fallback 1"),
    PlannedTarget(target="lab/blind", why="is known to lack vision", passed_over=True),
)


def rescued(**changes: object) -> UsageEvent:
    """Asked of one, served by another, at a tenth of the price."""
    made = msgspec.structs.replace(
        event(),
        model="smart",
        provider="groq",
        served_model="llama",
        outcome=Outcome.FINISHED,
        status=200,
        error_code=None,
        prompt_tokens=100,
        completion_tokens=30,
        cached_tokens=20,
        cache_write_tokens=5,
        reasoning_tokens=10,
        cost_nanos=1_000,
        charge_nanos=0,
        list_cost_nanos=10_000,
        test=False,
        duration_ms=1_400,
        plan=PLAN,
        attempts=(FAILED, SERVED),
    )
    return msgspec.structs.replace(made, **changes)


def test_it_tells_the_plan_the_attempts_and_the_end_in_words() -> None:
    assert explain(rescued())["explanation"] == [
        "smart was planned as openai/gpt-4.1 (first by priority), then groq/llama (fallback 1).",
        "lab/blind was passed over: is known to lack vision.",
        "Attempt 1: openai/gpt-4.1 failed with 503 after 1,234 ms (overloaded: Try later).",
        "Attempt 2: groq/llama answered after 80 ms.",
        "The answer was given whole by groq/llama after 1,400 ms; it cost $0.000001000, instead of $0.000010000.",
    ]


def test_tokens_by_class_add_up() -> None:
    tokens = explain(rescued())["tokens"]
    assert tokens == {"input": 75, "cached_input": 20, "cache_write": 5, "output": 20, "reasoning": 10}
    assert sum(tokens.values()) == 130


def test_money_is_dollars_as_text_and_what_was_saved_is_their_difference() -> None:
    told = explain(rescued())
    assert (told["cost_usd"], told["list_cost_usd"], told["saved_usd"]) == ("0.000001000", "0.000010000", "0.000009000")
    assert told["charge_usd"] == "0.000000000"


@pytest.mark.parametrize(
    ("changes", "saved"),
    [
        ({"cost_nanos": 12_000}, -2_000),
        ({"cost_nanos": None}, None),
        ({"list_cost_nanos": None}, None),
        ({"test": True}, None),
    ],
)
def test_savings_may_be_negative_and_are_unknown_without_prices_and_none_in_tests(
    changes: dict[str, object], saved: int | None
) -> None:
    event = rescued(**changes)
    assert saved_nanos(event.cost_nanos, event.list_cost_nanos, test=event.test) == saved


def test_an_unpriced_answer_says_so() -> None:
    assert explain(rescued(cost_nanos=None))["explanation"][-1].endswith("; it has no price.")


def test_a_hit_of_the_cache_says_so() -> None:
    told = explain(rescued(cache="hit", cost_nanos=0, plan=(), attempts=()))["explanation"]
    assert told == [
        "The answer was given whole from the cache after 1,400 ms; it cost $0.000000000, instead of $0.000010000."
    ]


def test_a_failure_tells_its_code_and_a_refusal_has_no_attempts() -> None:
    failed = rescued(outcome=Outcome.FAILED, status=502, error_code="upstream_failed", attempts=(FAILED,), cost_nanos=0)
    assert explain(failed)["explanation"][-1].startswith("The request failed with 502 upstream_failed after ")
    refused = rescued(outcome=Outcome.REFUSED, status=404, error_code="model_not_found", attempts=(), plan=())
    [only] = explain(refused)["explanation"]
    assert only.startswith("The gateway refused the request with 404 model_not_found after ")


def test_what_the_caller_was_told_is_told_again() -> None:
    words = {"error_code": "model_not_found", "error_message": "There is no model 'smrt'. Did you mean 'smart'?"}
    told = explain(rescued(outcome=Outcome.REFUSED, status=404, attempts=(), plan=(), **words))
    assert told["error_message"] == words["error_message"]
    assert told["explanation"][-1] == f"The caller was told: {words['error_message']}"


def test_plan_and_attempts_are_there_as_data_too() -> None:
    told = explain(rescued())
    assert told["plan"][-1] == {"target": "lab/blind", "why": "is known to lack vision", "passed_over": True}
    assert [attempt["status"] for attempt in told["attempts"]] == [503, 200]
    msgspec.json.encode(told)
