"""What a request cost: by the place where its target works, and in the words that its event keeps."""

import tracemalloc
from decimal import Decimal
from typing import Any, cast

import pytest
import yaml

from llmgateway.canon.call import Call
from llmgateway.canon.usage import Usage
from llmgateway.catalog.tokens import Tokenizer
from llmgateway.contract.snapshot import Budget, KeySnapshot, OrgSnapshot, SealedCredential, Tariff
from llmgateway.contract.usage import Attempt, OpenRecord, Outcome, UsageEvent
from llmgateway.dataplane.admit.bidding import needed
from llmgateway.dataplane.observe.counting import Counting
from llmgateway.dataplane.observe.figures import FIGURES
from llmgateway.dataplane.observe.tracing import NO_TRACE, NoTrace, Trace
from llmgateway.dataplane.plan.targets import RoutePlan, Target
from llmgateway.dataplane.watch.instruments import Instruments
from llmgateway.dataplane.watch.meter import Meter
from llmgateway.dataplane.watch.request_log import RequestLog
from llmgateway.kit.ids import new_id
from llmgateway.kit.metrics import Metrics
from llmgateway.kit.money import nanos
from llmgateway.providers.base import Answer, Step
from tests.dataplane.routing import CATALOG, KEYS, NOON, Routing, chat, key

VERTEX = {"VERTEX_ACCESS_TOKEN": "t", "GOOGLE_CLOUD_PROJECT": "p"}
USED = Usage(prompt_tokens=100_000, completion_tokens=10_000, region="global")
TOKENIZER = Tokenizer()
LIMIT = Budget(nanos=10**9)


class _Journal:
    """Keeps what a request wrote."""

    def __init__(self) -> None:
        self.opened = list[OpenRecord]()
        self.closed = list[UsageEvent]()

    def open(self, record: OpenRecord) -> None:
        self.opened.append(record)

    def close(self, event: UsageEvent) -> None:
        self.closed.append(event)


def _routing(location: str) -> Routing:
    targets = [{"provider": name, "model": "claude-opus-5-5"} for name in ("vertex", "anthropic")]
    file = yaml.safe_dump({"models": {"smart": {"targets": targets}}})
    return Routing(file, environment={**KEYS, **VERTEX, "GOOGLE_CLOUD_LOCATION": location})


async def _served(
    target: Target,
    plan: RoutePlan,
    usage: Usage | None,
    *,
    call: Call | None = None,
    left: bool = False,
    snapshot: KeySnapshot | None = None,
) -> tuple[OpenRecord, UsageEvent]:
    """The records of a request that the target answered, or whose caller left before it did."""
    journal = _Journal()
    meter = _meter(journal, snapshot=snapshot)
    meter.count_prompt(call or chat())
    meter.planned(plan)
    meter.opens(target)
    if left:
        return journal.opened[0], await meter.settle(Outcome.ABANDONED, 499)
    meter.attempted(
        Attempt(provider=target.host.id, model=target.model, status=200, outcome="ok", milliseconds=1),
    )
    meter.received(Answer(body={}, usage=usage))
    return journal.opened[0], await meter.settle(Outcome.FINISHED, 200)


class _Deaf(NoTrace):
    """Fails when it hears of an end."""

    def settled(self, event: UsageEvent) -> None:
        raise RuntimeError("nobody can be told")


async def test_what_fails_where_it_is_only_told_of_costs_no_record() -> None:
    journal = _Journal()
    meter = _meter(journal, _Deaf())
    meter.count_prompt(chat())
    with pytest.raises(RuntimeError):
        await meter.settle(Outcome.FAILED, 500)
    assert [event.outcome for event in journal.closed] == [Outcome.FAILED]


def _meter(journal: _Journal, trace: Trace = NO_TRACE, snapshot: KeySnapshot | None = None) -> Meter:
    routing, nobody = Routing(), cast("Any", None)
    instruments = Instruments(
        limiter=nobody, recorder=cast("Any", journal), catalog=CATALOG, tokenizer=TOKENIZER, clock=routing.clock,
        health=routing.health, counting=Counting(Metrics(FIGURES), CATALOG), request_log=RequestLog("none"),
        contents=nobody,
    )  # fmt: skip
    return Meter(instruments, trace, new_id("req", NOON), snapshot or key(), "chat", "openai")


@pytest.mark.parametrize(
    ("location", "region", "dollars"),
    [
        ("", "global", "0.6"),
        ("global", "global", "0.6"),
        ("europe-west1", "europe-west1", "0.66"),
        ("us", "us", "0.66"),
    ],
)
async def test_claude_on_vertex_ai_costs_what_its_location_does(location: str, region: str, dollars: str) -> None:
    plan = _routing(location).plan()
    vertex = plan.targets[0]
    opened, event = await _served(vertex, plan, USED)
    assert event.cost_nanos == nanos(dollars)
    assert event.list_cost_nanos == nanos(dollars)
    assert event.usage_details == {"region": region}
    assert opened.cost_nanos == nanos(dollars) * opened.prompt_tokens * 4 // 600_000


async def test_what_the_asked_for_model_would_have_cost_is_counted_where_it_would_have_worked() -> None:
    plan = _routing("europe-west1").plan()
    _, event = await _served(plan.targets[1], plan, USED)
    assert (event.provider, event.cost_nanos, event.list_cost_nanos) == ("anthropic", nanos("0.6"), nanos("0.66"))
    assert event.usage_details == {"region": "global"}


async def test_the_place_of_who_served_is_not_that_of_who_was_asked_for() -> None:
    there = _routing("europe-west1").plan()
    here = _routing("europe-west1").plan(chat("anthropic/claude-opus-5-5"))
    _, event = await _served(there.targets[0], here, USED)
    assert (event.provider, event.cost_nanos, event.list_cost_nanos) == ("vertex", nanos("0.66"), nanos("0.6"))


async def test_a_tenants_own_credential_is_named_before_it_is_asked_with_and_after() -> None:
    own = SealedCredential(id="cred_1", provider="anthropic", sealed=b"s")
    org = OrgSnapshot(id="org_1", slug="acme", plan="free", credentials=(own,), data_key=b"k")
    plan = _routing("").plan(snapshot=key(org=org))
    (opened, event), (own_opened, own_event) = [await _served(target, plan, USED) for target in plan.targets]
    assert (opened.provider, opened.credential, event.usage_details) == ("vertex", None, {"region": "global"})
    assert (own_opened.provider, own_opened.credential) == ("anthropic", "cred_1")
    assert own_event.usage_details == {"region": "global", "credential": "cred_1"}
    _, left = await _served(plan.targets[1], plan, USED, left=True)
    assert (left.provider, left.attempts, left.usage_details) == ("anthropic", (), {"credential": "cred_1"})


@pytest.mark.parametrize(
    ("model", "wished", "times", "words"),
    [
        ("openai/gpt-4.1", {}, "1", None),
        ("openai/gpt-4.1", {"service_tier": "auto"}, "1", None),
        ("openai/gpt-4.1", {"service_tier": "x" * 65}, "1", None),
        ("openai/gpt-4.1", {"service_tier": "priority"}, "1.75", {"tier": "priority"}),
        ("openai/gpt-4.1", {"service_tier": "default"}, "1", {"tier": "default"}),
        ("anthropic/claude-opus-5-5", {"speed": "fast"}, "2", {"speed": "fast"}),
        ("anthropic/claude-opus-5-5", {"inference_geo": "us"}, "1.1", {"region": "us"}),
    ],
)
async def test_who_is_not_told_what_was_served_counts_what_was_wished(
    model: str, wished: dict[str, Any], times: str, words: dict[str, str] | None
) -> None:
    """Before the end, for an estimate should there be none, and where the caller left or the provider told no figures."""
    call = chat(model, "word " * 1_000, **wished)
    target = _routing("").plan(chat(model)).targets[0]
    plan = RoutePlan(targets=(target,), asked=target)
    usual = CATALOG.price(
        target.host.id, target.model, Usage(prompt_tokens=TOKENIZER.count_prompt(call.canon, model)), NOON
    )
    assert usual is not None
    for usage, left in ((None, True), (None, False)):
        opened, event = await _served(target, plan, usage, call=call, left=left)
        assert opened.cost_nanos == event.cost_nanos == int(usual.nanos * Decimal(times))
        assert (opened.wished, event.usage_details) == (words, words)


async def test_what_the_provider_tells_counts_whatever_was_wished() -> None:
    call = chat("openai/gpt-4.1", service_tier="priority")
    target = _routing("").plan(call).targets[0]
    _, event = await _served(target, RoutePlan(targets=(target,), asked=target), Usage(prompt_tokens=1_000), call=call)
    assert (event.cost_nanos, event.usage_details) == (2_000_000, None)


async def test_what_has_no_price_yet_keeps_the_tariff_that_it_will_be_charged_by() -> None:
    tariff = Tariff(markup_ppm=100_000, request_fee_nanos=7)
    org = OrgSnapshot(id="org_1", slug="acme", plan="starter", charged=True, tariff=tariff)
    call = chat("openai/nobody-knows-it", service_tier="priority")
    target = _routing("").plan(call).targets[0]
    plan, noted = RoutePlan(targets=(target,), asked=target), {"markup_ppm": 100_000, "request_fee_nanos": 7}
    opened, event = await _served(target, plan, Usage(prompt_tokens=9), call=call, snapshot=key(org=org))
    assert (opened.cost_nanos, event.cost_nanos) == (None, None)
    assert (opened.wished, event.usage_details) == ({"tier": "priority", **noted}, noted)
    assert Tariff.read(event.usage_details) == tariff
    opened, event = await _served(target, plan, Usage(prompt_tokens=9), call=call)
    assert (opened.wished, event.usage_details) == ({"tier": "priority"}, None), "who is charged nothing"
    priced = _routing("").plan(chat("openai/gpt-4.1")).targets[0]
    opened, event = await _served(priced, RoutePlan(targets=(priced,), asked=priced), USED, snapshot=key(org=org))
    assert (opened.wished, event.usage_details) == (None, {"region": "global"})


async def test_a_failure_is_that_of_the_provider_that_was_asked_last() -> None:
    first, last = _routing("").plan().targets[:2]
    journal = _Journal()
    meter = _meter(journal)
    meter.count_prompt(chat())
    for target in (first, last):
        meter.opens(target)
        meter.attempted(
            Attempt(provider=target.host.id, model=target.model, status=500, outcome="server_error", milliseconds=1),
        )
    failed = await meter.settle(Outcome.FAILED, 502)
    assert (failed.provider, failed.served_model) == (last.host.id, last.model)
    assert (failed.prompt_tokens, failed.cost_nanos, failed.charge_nanos, failed.list_cost_nanos) == (0, 0, 0, 0)
    unasked = await _meter(_Journal()).settle(Outcome.REFUSED, 429)
    assert (unasked.provider, unasked.served_model) == (None, None)


def test_asking_a_region_reserves_what_it_costs_there() -> None:
    bid = needed(_routing("eu").router, chat("vertex/claude-opus-5-5", max_tokens=10), key(budgets=(LIMIT,)), 1_000)
    assert (bid.prompt_nanos, bid.output_nanos) == (4_400_000, 220_000)


def test_what_was_said_takes_the_room_of_its_letters_however_small_the_pieces() -> None:
    meter = _meter(_Journal())
    tracemalloc.start()
    try:
        for number in range(200_000):
            meter.observe(Step(text=f"{number % 90 + 10}"))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 2_000_000
