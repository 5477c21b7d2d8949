"""Plans: every target is in them once, in the order that strategy, health and chance give, and each has its reason."""

import random
from collections import Counter
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgateway.dataplane.plan.targets import Target
from llmgateway.errors import FailureKind, Forbidden, NotFound, ProviderError
from llmgateway.gateway_file import Strategy
from tests.dataplane.routing import Routing, alias, chat, key, lab, reasons

GPT, CLAUDE, OSS = "openai/gpt-4.1", "anthropic/claude-sonnet-4-5", "groq/openai/gpt-oss-20b"
PICTURE = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]


def down(routing: Routing, target: Target) -> None:
    for _ in range(5):
        routing.health.failed(target.path, ProviderError(FailureKind.OVERLOADED, "busy"))


# Priority


def test_priority_is_the_declared_order_and_says_so() -> None:
    plan = Routing().plan()
    assert [(step.target, step.why) for step in plan.steps] == [
        (GPT, "first by priority"),
        (CLAUDE, "fallback 1"),
        (OSS, "fallback 2"),
    ]


def test_a_cooled_target_moves_to_the_end_and_says_why() -> None:
    routing = Routing()
    down(routing, routing.plan().targets[0])
    plan = routing.plan()
    assert [target.name for target in plan.targets] == [CLAUDE, OSS, GPT]
    assert reasons(plan)[GPT].startswith("cooled: 5 failures in a row (overloaded)")


def test_when_all_are_cooled_all_are_still_asked() -> None:
    routing = Routing()
    for target in routing.plan().targets:
        down(routing, target)
    assert routing.names() == [GPT, CLAUDE, OSS]


def test_a_recovered_target_takes_its_place_again_for_one_request() -> None:
    routing = Routing()
    target = routing.plan().targets[0]
    down(routing, target)
    routing.clock.advance(20)
    assert routing.names()[0] == GPT
    routing.health.asks(target.path)
    assert routing.names()[-1] == GPT


def test_a_target_without_a_credential_is_passed_over_and_says_what_would_help() -> None:
    routing = Routing(environment={"GROQ_API_KEY": "g"})
    assert routing.names() == [OSS]
    assert "OPENAI_API_KEY" in reasons(routing.plan())[GPT]
    with pytest.raises(NotFound, match="GROQ_API_KEY"):
        Routing(environment={}).plan()


# Weighted


def test_weights_are_the_shares_of_first_places() -> None:
    chance = random.Random(7)
    routing = Routing(alias(lab(0, weight=9), lab(1), strategy="weighted"), chance.random)
    firsts = Counter(routing.names()[0] for _ in range(4_000))
    assert 0.88 < firsts["lab0/m"] / 4_000 < 0.92


def test_who_is_not_drawn_first_is_the_fallback() -> None:
    routing = Routing(alias(lab(0, weight=99), lab(1), strategy="weighted"), random.Random(1).random)
    assert all(sorted(routing.names()) == ["lab0/m", "lab1/m"] for _ in range(50))
    assert reasons(routing.plan())["lab0/m"] == "drawn with weight 99 of 100"


# Cheapest


def test_the_cheapest_for_this_prompt_and_answer_comes_first() -> None:
    routing = Routing(
        alias(
            lab(0, price={"input": "1", "output": "10"}),
            lab(1, price={"input": "5", "output": "1"}),
            lab(2),
            strategy="cheapest",
        )
    )
    assert routing.names(chat(max_tokens=10_000), tokens=100) == ["lab1/m", "lab0/m", "lab2/m"]
    assert routing.names(chat(max_tokens=10), tokens=100_000) == ["lab0/m", "lab1/m", "lab2/m"]
    why = reasons(routing.plan(chat(max_tokens=1_000_000), tokens=1_000_000))
    assert why["lab0/m"] == "expected to cost $11.000000000"
    assert why["lab2/m"] == "unpriced, so last"


def test_the_catalogue_has_the_prices_that_the_file_does_not_say() -> None:
    routing = Routing(
        alias(
            {"provider": "anthropic", "model": "claude-opus-4-5"},
            {"provider": "openai", "model": "gpt-4.1-nano"},
            strategy="cheapest",
        )
    )
    assert routing.names() == ["openai/gpt-4.1-nano", "anthropic/claude-opus-4-5"]


def test_a_region_that_costs_more_comes_later() -> None:
    """https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai: 10 % more than at the global endpoint."""
    targets = [{"provider": name, "model": "claude-opus-5-5"} for name in ("vertex", "anthropic")]
    environment = {"ANTHROPIC_API_KEY": "a", "VERTEX_ACCESS_TOKEN": "t", "GOOGLE_CLOUD_PROJECT": "p"}
    file = alias(*targets, strategy="cheapest")
    assert Routing(file, environment=environment).names()[0] == "vertex/claude-opus-5-5"
    there = Routing(file, environment={**environment, "GOOGLE_CLOUD_LOCATION": "eu"})
    assert there.names()[0] == "anthropic/claude-opus-5-5"


# Fastest


def test_who_was_not_measured_is_tried_then_the_fastest_comes_first() -> None:
    routing = Routing(alias(lab(0), lab(1), strategy="fastest"))
    slow, fast = routing.plan().targets
    routing.health.answered(slow.path, 2.0, 100, 5.0)
    assert routing.names()[0] == "lab1/m"
    assert reasons(routing.plan())["lab1/m"] == "not measured lately, so it is tried"
    routing.health.answered(fast.path, 0.2, 100, 1.0)
    assert routing.names() == ["lab1/m", "lab0/m"]
    assert reasons(routing.plan())["lab1/m"] == "expected to take 2.2 s"


def test_who_fails_before_it_was_measured_is_not_tried_again_by_every_request() -> None:
    routing = Routing(alias(lab(0), lab(1), strategy="fastest"))
    wrong, good = routing.plan().targets
    routing.health.failed(wrong.path, ProviderError(FailureKind.NOT_FOUND, "no such model"))
    routing.health.answered(good.path, 1.0, 100, 1.0)
    assert routing.names() == ["lab1/m", "lab0/m"]
    routing.clock.advance(61)
    assert routing.names() == ["lab0/m", "lab1/m"]


def test_an_old_measurement_is_renewed_by_one_request() -> None:
    routing = Routing(alias(lab(0), lab(1), strategy="fastest"))
    fast, slow = routing.plan().targets
    routing.health.answered(fast.path, 0.1, 100, 1.0)
    routing.health.answered(slow.path, 3.0, 100, 1.0)
    routing.clock.advance(500)
    routing.health.answered(fast.path, 0.1, 100, 1.0)
    routing.clock.advance(101)
    assert routing.names()[0] == "lab1/m"
    routing.health.asks(slow.path)
    assert routing.names()[0] == "lab0/m"


# Several credentials


def test_the_keys_of_a_provider_are_spread_and_stand_side_by_side() -> None:
    routing = Routing(alias(lab(5), lab(0)), random.Random(3).random)
    plans = [routing.plan().targets for _ in range(300)]
    assert all([target.name for target in plan] == ["lab5/m"] * 3 + ["lab0/m"] for plan in plans)
    firsts = Counter(plan[0].credential.id for plan in plans)
    assert set(firsts) == {"lab5/0", "lab5/1", "lab5/2"}
    assert min(firsts.values()) > 60


def test_a_cooled_key_lets_the_other_keys_and_then_the_other_targets_go_first() -> None:
    routing = Routing(alias(lab(5), lab(0)))
    cooled = routing.plan().targets[0]
    routing.health.failed(cooled.path, ProviderError(FailureKind.AUTH, "revoked"))
    order = [target.credential.id for target in routing.plan().targets]
    assert order[-1] == cooled.credential.id
    assert order[-2] == "lab0/none"


# Keys


def test_a_key_reaches_only_its_providers_and_the_others_are_named() -> None:
    plan = Routing().plan(snapshot=key(providers=frozenset({"anthropic"})))
    assert [target.name for target in plan.targets] == [CLAUDE]
    assert reasons(plan) == {
        CLAUDE: "first by priority",
        GPT: "this key may not use it",
        OSS: "this key may not use it",
    }


@pytest.mark.parametrize(
    "models", [{"smart"}, {GPT, CLAUDE, OSS}, {"gpt-4.1", "claude-sonnet-4-5", "openai/gpt-oss-20b"}]
)
def test_a_key_may_be_given_an_alias_or_models(models: set[str]) -> None:
    assert Routing().names(snapshot=key(models=frozenset(models))) == [GPT, CLAUDE, OSS]


def test_a_key_may_be_given_all_that_a_provider_has() -> None:
    assert Routing().names(snapshot=key(models=frozenset({"anthropic/*"}))) == [CLAUDE]


def test_a_key_that_may_use_none_of_them_is_refused() -> None:
    with pytest.raises(Forbidden, match="may not use the model") as refused:
        Routing().plan(snapshot=key(models=frozenset({"other"})))
    assert refused.value.code == "model_not_allowed"


def test_a_test_key_names_any_model_and_the_sandbox_answers() -> None:
    plan = Routing().plan(chat("anything/at-all", PICTURE), key(test=True))
    assert [(target.host.id, target.model) for target in plan.targets] == [("sandbox", "anything/at-all")]
    assert not plan.watched


# Patience


@pytest.mark.parametrize(
    ("target", "seconds"),
    [
        ({"provider": "openai", "model": "gpt-4.1"}, 10),
        ({"provider": "openai", "model": "o3"}, 120),
        ({"provider": "openai", "model": "o3", "reasoning": False}, 10),
        (lab(0), 10),
        (lab(0, reasoning=True), 120),
    ],
)
def test_who_thinks_first_is_given_time(target: dict[str, Any], seconds: float) -> None:
    [planned] = Routing(alias(target)).plan().targets
    assert planned.timeouts.first_token == seconds


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ({}, 10),
        ({"reasoning_effort": "none"}, 10),
        ({"thinking": {"type": "disabled"}}, 10),
        ({"reasoning_effort": "low"}, 120),
        ({"thinking": {"type": "enabled", "budget_tokens": 2_000}}, 120),
    ],
)
def test_who_thinks_only_when_asked_is_given_time_only_then(asked: dict[str, Any], seconds: float) -> None:
    [planned] = Routing().plan(chat(CLAUDE, **asked)).targets
    assert planned.timeouts.first_token == seconds


@pytest.mark.parametrize(
    ("target", "prefill"),
    [
        ({"provider": "anthropic", "model": "claude-3-5-haiku-latest"}, True),
        ({"provider": "openai", "model": "gpt-4.1"}, False),
        ({"provider": "openai", "model": "ft:of-our-own"}, False),
        (lab(0), None),
        (lab(0, prefill=False), False),
        ({"provider": "openai", "model": "ft:of-our-own", "prefill": True}, True),
    ],
)
def test_who_goes_on_behind_a_prefill_is_told_by_the_operator_the_api_and_the_model(
    target: dict[str, Any], *, prefill: bool | None
) -> None:
    [planned] = Routing(alias(target)).plan().targets
    assert planned.prefill is prefill


def test_retries_and_timeouts_of_the_alias_win_over_the_defaults() -> None:
    file = yaml.safe_load(alias(lab(0), retries=1, timeouts={"idle": 3}))
    file["defaults"] = {"retries": 4, "timeouts": {"idle": 7, "connect": 2}}
    [target] = Routing(yaml.safe_dump(file)).plan().targets
    assert (target.retries, target.timeouts.idle, target.timeouts.connect, target.timeouts.total) == (1, 3, 2, 600)
    [other] = Routing(yaml.safe_dump(file)).plan(chat("lab1/m")).targets
    assert (other.retries, other.timeouts.idle) == (4, 7)


# Whatever the file, the health and the chance


_TARGETS = st.lists(
    st.builds(
        lab,
        st.integers(0, 5),
        weight=st.floats(0.001, 1_000),
        context=st.none() | st.integers(1, 2_000),
        price=st.none() | st.fixed_dictionaries({"input": st.sampled_from(["0", "0.1", "7"]), "output": st.just("1")}),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda entry: entry["provider"],
)
_STRATEGIES = st.sampled_from(["priority", "weighted", "cheapest", "fastest"])
_HEALTH = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(["down", "limited", "denied", "fast", "slow"])), max_size=12
)


def _afflict(routing: Routing, afflictions: list[tuple[int, str]]) -> None:
    targets = routing.router.resolve("smart", key().org)
    for number, what in afflictions:
        target = targets[number % len(targets)]
        if what == "down":
            down(routing, target)
        elif what == "limited":
            routing.health.failed(target.path, ProviderError(FailureKind.RATE_LIMITED, "slow", retry_after=5))
        elif what == "denied":
            routing.health.failed(target.path, ProviderError(FailureKind.AUTH, "no"))
        else:
            routing.health.answered(target.path, 0.1, 100, 1.0 if what == "fast" else 20.0)


@settings(deadline=None, max_examples=60)
@given(_TARGETS, _STRATEGIES, _HEALTH, st.integers(0, 2**32), st.integers(0, 3_000), st.sets(st.integers(0, 5)))
def test_a_plan_loses_nobody_asks_the_well_first_and_gives_each_a_reason(
    targets: list[dict[str, Any]],
    strategy: Strategy,
    afflictions: list[tuple[int, str]],
    seed: int,
    tokens: int,
    allowed: set[int],
) -> None:
    routing = Routing(alias(*targets, strategy=strategy), random.Random(seed).random)
    _afflict(routing, afflictions)
    providers = frozenset(f"lab{number}" for number in allowed)
    everybody = routing.router.resolve("smart", key().org)
    if not providers & {target.host.id for target in everybody}:
        with pytest.raises(Forbidden):
            routing.plan(snapshot=key(providers=providers), tokens=tokens)
        return
    plan = routing.plan(snapshot=key(providers=providers), tokens=tokens)
    planned = [target.path for target in plan.targets]
    passed = [step.target for step in plan.steps if step.passed_over]
    assert len(planned) == len(set(planned)) > 0, "nobody is asked twice, and somebody is asked"
    assert {target.host.id for target in plan.targets} <= providers, "only whom the key may use"
    assert {target.name for target in plan.targets} | set(passed) == {target.name for target in everybody}
    assert not {target.name for target in plan.targets} & set(passed)
    cooled = [routing.health.cooled(path) is not None for path in planned]
    assert cooled == sorted(cooled), "the cooled come last"
    assert [step.target for step in plan.steps if not step.passed_over] == [target.name for target in plan.targets]
    assert all(step.why for step in plan.steps)
    assert plan.asked.name == everybody[0].name


@settings(deadline=None, max_examples=40)
@given(_TARGETS, _STRATEGIES, _HEALTH, st.integers(0, 2**32))
def test_the_same_world_and_the_same_chance_give_the_same_plan(
    targets: list[dict[str, Any]], strategy: Strategy, afflictions: list[tuple[int, str]], seed: int
) -> None:
    plans = list[object]()
    for _ in range(2):
        routing = Routing(alias(*targets, strategy=strategy), random.Random(seed).random)
        _afflict(routing, afflictions)
        plans.append(routing.plan().steps)
    assert plans[0] == plans[1]


def test_a_reason_holds_the_beginning_of_what_the_caller_made_up() -> None:
    """It stands with the request for two years."""
    file = alias({"provider": "openai", "model": "gpt-4.1"}, {"provider": "anthropic", "model": "claude-sonnet-4-5"})
    made_up: dict[str, Any] = {"z" * 2_000_000: 1}
    why = reasons(Routing(file).plan(chat(**made_up)))["anthropic/claude-sonnet-4-5"]
    assert why.startswith("cannot honour zzz")
    assert len(why) == 500
