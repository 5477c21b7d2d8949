"""What Prometheus is told of requests: each token once, money to the nano-dollar, and never more labels than are bounded."""

import re

import msgspec
import pytest

from llmgateway.catalog.catalog import load_catalog
from llmgateway.contract.usage import LACKING, Attempt, Outcome, UsageEvent
from llmgateway.dataplane.observe.counting import MOST_MODELS, Counting, admissions
from llmgateway.dataplane.observe.figures import ADMISSIONS, FIGURES, OWN_TIME, REQUESTS
from llmgateway.errors import FailureKind
from llmgateway.kit.metrics import Metrics
from tests.dataplane.usage_records import event

CATALOG = load_catalog()
TENANT = re.compile(r"org|key|project|user|tenant|address|ip|request_id|tag")


def _ended(*events: UsageEvent) -> dict[str, float]:
    """Sample -> value, after these requests."""
    metrics = Metrics(FIGURES)
    counting = Counting(metrics, CATALOG)
    for one in events:
        counting.ended(one)
    return _samples(metrics)


def _samples(metrics: Metrics) -> dict[str, float]:
    lines = [line for line in metrics.page().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def _served(**changes: object) -> UsageEvent:
    whole: dict[str, object] = {
        "provider": "openai",
        "served_model": "gpt-4.1",
        "cache": "miss",
        "duration_ms": 2500,
        "first_token_ms": 500,
        "stream": True,
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "attempts": (Attempt(provider="openai", model="gpt-4.1", status=200, outcome="ok", milliseconds=500),),
    }
    return msgspec.structs.replace(event(), **{**whole, **changes})


WHO = 'model="gpt-4.1",provider="openai"'


@pytest.mark.parametrize(("ended", "counted"), [(63, 0), (64, 64), (130, 128)])
def test_requests_that_are_over_are_counted_some_at_a_time(ended: int, counted: int) -> None:
    metrics = Metrics(FIGURES)
    counting = Counting(metrics, CATALOG)
    for _ in range(ended):
        counting.ended(_served())
    counter = metrics.counter(REQUESTS, "chat", "openai", "gpt-4.1", "finished")
    assert [sample.value for metric in counter.collect() for sample in metric.samples] == [counted]
    name = 'llmgateway_requests_total{model="gpt-4.1",operation="chat",outcome="finished",provider="openai"}'
    assert _samples(metrics)[name] == ended


def test_what_is_counted_some_at_a_time_is_on_the_page() -> None:
    metrics = Metrics(FIGURES)
    counting, admitted = Counting(metrics, CATALOG), admissions(metrics)
    for shared in (True, True, False):
        admitted(shared)
        counting.asks(0.5)
    for _ in range(2):  # once each
        samples = _samples(metrics)
        found = (samples[f'{ADMISSIONS.name}{{by="{who}"}}'] for who in ("redis", "process"))
        assert (*found, samples[f"{OWN_TIME.name}_count"], samples[f"{OWN_TIME.name}_sum"]) == (2, 1, 3, 1.5)


def test_each_token_is_in_one_class() -> None:
    samples = _ended(_served(cached_tokens=30, cache_write_tokens=20, reasoning_tokens=10))
    found = {
        name: samples[f'llmgateway_tokens_total{{class="{name}",{WHO}}}']
        for name in ("input", "cached_input", "cache_write", "output", "reasoning")
    }
    assert found == {"input": 50, "cached_input": 30, "cache_write": 20, "output": 40, "reasoning": 10}


def test_nano_dollars_add_up_to_dollars() -> None:
    samples = _ended(*(_served(cost_nanos=12_345, list_cost_nanos=22_345) for _ in range(1000)))
    assert samples[f"llmgateway_cost_usd_total{{{WHO}}}"] == pytest.approx(0.012345, rel=1e-9)
    assert samples['llmgateway_saved_usd_total{by="routing"}'] == pytest.approx(0.01, rel=1e-9)


def test_what_has_no_price_is_counted_apart() -> None:
    samples = _ended(_served(cost_nanos=None))
    assert samples[f"llmgateway_unpriced_requests_total{{{WHO}}}"] == 1
    assert samples[f"llmgateway_cost_usd_total{{{WHO}}}"] == 0


def test_what_has_no_price_for_a_part_is_counted_apart_and_costs_the_rest() -> None:
    samples = _ended(_served(cost_nanos=10**9, price_version=f"genai-prices 1{LACKING}searches"))
    assert samples[f"llmgateway_unpriced_requests_total{{{WHO}}}"] == 1
    assert samples[f"llmgateway_cost_usd_total{{{WHO}}}"] == 1


def test_latency_first_token_and_speed() -> None:
    samples = _ended(_served())
    assert (
        samples[f"llmgateway_request_seconds_sum{{{WHO.replace(',', f',outcome={chr(34)}finished{chr(34)},')}}}"] == 2.5
    )
    assert samples[f"llmgateway_first_token_seconds_sum{{{WHO}}}"] == 0.5
    assert samples[f"llmgateway_tokens_per_second_sum{{{WHO}}}"] == 25


def test_a_hit_buys_no_tokens_and_says_nothing_of_the_provider() -> None:
    samples = _ended(_served(cache="hit", cost_nanos=0, list_cost_nanos=5_000_000_000, attempts=()))
    assert samples['llmgateway_cache_lookups_total{result="hit"}'] == 1
    assert samples['llmgateway_saved_usd_total{by="cache"}'] == 5
    assert not [name for name in samples if name.startswith(("llmgateway_tokens_total", "llmgateway_request_seconds"))]


def test_test_keys_are_in_no_other_figure() -> None:
    samples = _ended(_served(test=True))
    assert samples['llmgateway_test_requests_total{outcome="finished"}'] == 1
    assert not any(value for name, value in samples.items() if "test_requests" not in name)


def test_a_failure_names_who_failed_last() -> None:
    attempts = tuple(
        Attempt(provider=name, model=model, status=503, outcome=FailureKind.OVERLOADED, milliseconds=9)
        for name, model in (("openai", "gpt-4.1"), ("anthropic", "claude-sonnet-4-5"))
    )
    failed = msgspec.structs.replace(
        event(), outcome=Outcome.FAILED, status=503, error_code="upstream_failed", attempts=attempts,
        provider="anthropic", served_model="claude-sonnet-4-5",
    )  # fmt: skip
    samples = _ended(failed)
    assert (
        samples[
            'llmgateway_requests_total{model="claude-sonnet-4-5",operation="chat",outcome="failed",provider="anthropic"}'
        ]
        == 1
    )
    assert samples['llmgateway_attempts_total{outcome="overloaded",provider="openai"}'] == 1
    assert samples['llmgateway_failures_total{code="upstream_failed",status="503"}'] == 1


def test_a_refusal_is_counted_by_its_code() -> None:
    refused = msgspec.structs.replace(event(), outcome=Outcome.REFUSED, status=429, error_code="rate_limit_exceeded")
    samples = _ended(refused)
    assert samples['llmgateway_refusals_total{code="rate_limit_exceeded"}'] == 1
    assert samples['llmgateway_requests_total{model="none",operation="chat",outcome="refused",provider="none"}'] == 1


def test_a_rescue_is_a_request_that_finished_after_a_failed_attempt() -> None:
    bad = Attempt(provider="openai", model="gpt-4.1", status=500, outcome=FailureKind.SERVER_ERROR, milliseconds=9)
    assert _ended(_served(attempts=(bad, *_served().attempts)))["llmgateway_rescues_total"] == 1
    assert _ended(_served())["llmgateway_rescues_total"] == 0


@pytest.mark.parametrize(
    ("model", "label"),
    [
        ("gpt-4.1", "gpt-4.1"),
        ("gpt-4.1-2025-04-14", "gpt-4.1"),
        ("made-up-by-a-caller", "other"),
    ],
)
def test_models_have_names_of_the_catalogue_or_are_other(model: str, label: str) -> None:
    samples = _ended(_served(served_model=model))
    assert (
        samples[f'llmgateway_requests_total{{model="{label}",operation="chat",outcome="finished",provider="openai"}}']
        == 1
    )


def test_the_number_of_series_is_bounded_whatever_callers_ask_for() -> None:
    """Thousands of models, known and made up, at every provider of the catalogue; a second round adds nothing."""
    metrics = Metrics(FIGURES)
    counting = Counting(metrics, CATALOG)
    models = [(model.provider, model.name) for model in CATALOG.models()]
    assert len(models) > 1000
    providers = sorted({provider for provider, _ in models})
    counts = list[int]()
    for round_ in range(2):
        for provider, model in [
            *models,
            *((provider, f"zz-{round_}-{n}") for provider in providers for n in range(200)),
        ]:
            counting.ended(_served(provider=provider, served_model=model))
        counts.append(len(_samples(metrics)))
    labels = set(re.findall(r'model="([^"]*)",[^}]*provider="([^"]*)"', metrics.page().decode()))
    assert len(labels) <= MOST_MODELS + len(providers)
    assert counts[0] == counts[1]


def test_no_label_names_a_tenant() -> None:
    assert [(one.name, label) for one in FIGURES for label in one.labels if TENANT.fullmatch(label.lower())] == []
    samples = _ended(_served())
    told = " ".join(samples)
    one = event()
    assert one.org_id not in told
    assert one.key_id not in told


def test_every_figure_has_a_name_and_a_unit_as_prometheus_wants_it() -> None:
    for one in FIGURES:
        assert re.fullmatch(r"llmgateway_[a-z_]+", one.name), one.name
        assert (one.kind == "counter") == one.name.endswith("_total"), one.name
        assert (one.kind == "histogram") == bool(one.buckets), one.name
        assert one.help.endswith("."), one.name
    assert len({one.name for one in FIGURES}) == len(FIGURES)
