"""What a request may cost at most is reserved before anybody is asked."""

from decimal import Decimal

import msgspec
import pytest

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.contract.snapshot import Budget, KeySnapshot, OrgSnapshot, SealedCredential, Tariff
from llmgateway.dataplane.admit.bidding import needed
from llmgateway.dataplane.admit.scopes import Need
from llmgateway.errors import Forbidden, PaymentRequired
from tests.dataplane.budgeted import DOLLAR, QUOTA, key
from tests.dataplane.routing import FILE, Routing, alias, chat, lab


@pytest.mark.parametrize("model", ["anthropic/claude-sonnet-4-5", "anthropic/nobody-knows-its-price"])
def test_counting_tokens_reserves_nothing_whatever_the_model_costs(model: str) -> None:
    limited = key(Budget(nanos=DOLLAR), quota=QUOTA)
    body = chat(model).body
    count = Call(
        operation=Operation.COUNT_TOKENS, dialect=Dialect.ANTHROPIC, model=model, stream=False, body=body, canon=body
    )
    assert needed(Routing().router, count, limited, 1_000) == Need(0, 0)


def test_asking_a_model_reserves_what_it_may_cost() -> None:
    bid = needed(Routing().router, chat("openai/gpt-4.1", max_tokens=10), key(Budget(nanos=DOLLAR)), 1_000)
    assert (bid.prompt_nanos, bid.output_nanos) == (2_000_000, 80_000)


def _bid(model: str, *, file: str = FILE, **fields: object) -> tuple[int, int]:
    """For a prompt of a thousand tokens and an answer of ten."""
    bid = needed(Routing(file).router, chat(model, max_tokens=10, **fields), key(Budget(nanos=DOLLAR)), 1_000)
    return bid.prompt_nanos, bid.output_nanos


STANDARD, PRIORITY = (2_000_000, 80_000), (3_500_000, 140_000)


@pytest.mark.parametrize(
    ("tier", "reserved"),
    [
        ("priority", PRIORITY),
        ("fast", PRIORITY),
        ("auto", STANDARD),
        ("default", STANDARD),
        ("flex", STANDARD),
        ("scale", STANDARD),
        (None, STANDARD),
        (7, STANDARD),
    ],
)
def test_a_dearer_service_tier_reserves_what_it_may_cost_and_a_cheaper_one_no_less(
    tier: object, reserved: tuple[int, int]
) -> None:
    assert _bid("openai/gpt-4.1", service_tier=tier) == reserved


def test_among_several_targets_the_dearest_in_its_tier_is_reserved() -> None:
    """Claude costs 3 dollars and 15, whatever tier is asked for; gpt-4.1 costs 3.50 and 14 by priority."""
    assert _bid("smart") == (3_000_000, 150_000)
    assert _bid("smart", service_tier="priority") == (3_500_000, 150_000)


@pytest.mark.parametrize("rule", [{"models": frozenset({"openai/gpt-4.1"})}, {"providers": frozenset({"openai"})}])
def test_what_the_key_may_not_use_is_not_reserved_and_needs_no_price(rule: dict[str, frozenset[str]]) -> None:
    limited = msgspec.structs.replace(key(Budget(nanos=DOLLAR)), **rule)
    unpriced = alias({"provider": "openai", "model": "gpt-4.1"}, lab(0))
    for file in (FILE, unpriced):
        bid = needed(Routing(file).router, chat("smart", max_tokens=10), limited, 1_000)
        assert (bid.prompt_nanos, bid.output_nanos) == STANDARD


def test_who_may_use_none_of_them_is_told_that_and_not_the_price_of_one() -> None:
    limited = msgspec.structs.replace(key(Budget(nanos=DOLLAR)), models=frozenset({"gpt-4.1"}))
    routing, call = Routing(), chat("anthropic/nobody-knows-its-price")
    assert needed(routing.router, call, limited, 10) == Need(10, 4_096)
    with pytest.raises(Forbidden, match="may not use the model 'anthropic/nobody-knows-its-price'"):
        routing.router.plan(call, limited, 10)


@pytest.mark.parametrize(
    ("tier", "reserved"), [(None, PRIORITY), ("auto", PRIORITY), ("default", STANDARD), ("flex", STANDARD)]
)
def test_a_project_that_is_served_by_priority_reserves_it_for_who_names_no_tier(
    tier: str | None, reserved: tuple[int, int]
) -> None:
    asked = {} if tier is None else {"service_tier": tier}
    assert _bid("openai/gpt-4.1", file="providers: {openai: {service_tier: priority}}", **asked) == reserved


@pytest.mark.parametrize(
    ("wished", "dollars"),
    [
        ({}, 4),
        ({"speed": "standard"}, 4),
        ({"speed": "fast"}, 8),
        ({"inference_geo": "us"}, Decimal("4.4")),
        ({"inference_geo": "us", "speed": "fast"}, Decimal("8.8")),
    ],
)
def test_claudes_fast_mode_and_its_place_reserve_what_they_cost(wished: dict[str, str], dollars: Decimal) -> None:
    assert _bid("anthropic/claude-opus-5-5", **wished)[0] == int(dollars * 1_000_000)


def test_who_wishes_what_has_no_price_is_told_which_wish_that_is() -> None:
    with pytest.raises(PaymentRequired, match=r"claude-sonnet-4-5 with speed `fast` is not known"):
        _bid("anthropic/claude-sonnet-4-5", speed="fast")


def test_prepaid_credit_is_held_for_the_wished_service_tier() -> None:
    whose, router = key(charged=True, charge_limit=DOLLAR), Routing().router
    held = [
        needed(router, chat("openai/gpt-4.1", max_tokens=10, service_tier=tier), whose, 1_000)
        for tier in ("default", "priority")
    ]
    assert [one.prompt_charge for one in held] == [2_000_000, 3_500_000]


@pytest.mark.parametrize(
    ("whose", "limit"),
    [
        (key(Budget(nanos=DOLLAR), org=(Budget(nanos=DOLLAR),)), "This key's budget"),
        (key(Budget(nanos=DOLLAR, hard=False), org=(Budget(nanos=DOLLAR),)), "This organisation's budget"),
        (key(charged=True, charge_limit=DOLLAR), "This organisation's prepaid credit"),
    ],
)
def test_an_unpriced_model_is_refused_by_what_cannot_hold_it(whose: KeySnapshot, limit: str) -> None:
    with pytest.raises(PaymentRequired) as caught:
        needed(Routing().router, chat("anthropic/nobody-knows-its-price"), whose, 10)
    assert caught.value.code == "unpriced_model"
    assert f"is not known. {limit} is for models with a known price alone." in caught.value.message


def _without_credit() -> KeySnapshot:
    """Of an organisation that has a key of Groq's own."""
    sealed = SealedCredential(id="cred_1", provider="groq", sealed=b"s")
    tariff = Tariff(markup_ppm=100_000, request_fee_nanos=7, in_advance=True)
    org = OrgSnapshot(
        id="org_1",
        slug="a",
        plan="free",
        charged=True,
        charge_limit=0,
        tariff=tariff,
        credentials=(sealed,),
        data_key=b"k",
    )
    return KeySnapshot(id="key_1", name="k", org=org)


def test_only_what_the_operator_pays_for_needs_credit() -> None:
    whose, router = _without_credit(), Routing().router

    def charge(model: str) -> int:
        need = needed(router, chat(model, max_tokens=10), whose, 10)
        return need.prompt_charge + need.output_charge

    assert charge("openai/gpt-4.1") > 7
    assert charge("groq/openai/gpt-oss-20b") == 0, "on its own credential"
    assert charge("sandbox/chat") == 0, "whatever the fee"


def test_without_credit_an_alias_is_served_by_whom_nobody_pays_for() -> None:
    whose, router, call = _without_credit(), Routing().router, chat("smart", max_tokens=10)
    assert needed(router, call, whose, 10).prompt_charge > 0
    assert router.serves_uncharged(call, whose)
    assert not router.serves_uncharged(chat("openai/gpt-4.1"), whose)
    assert not router.serves_uncharged(call, msgspec.structs.replace(whose, providers=frozenset({"openai"})))
    assert needed(router, call, whose, 10, uncharged=True).prompt_charge == 0
    plan = router.plan(call, whose, 10, uncharged=True)
    assert [target.name for target in plan.targets] == ["groq/openai/gpt-oss-20b"]
    why = {step.why for step in plan.steps if step.passed_over}
    assert why == {"the organisation's prepaid credit has no room for it"}
