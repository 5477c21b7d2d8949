"""What a request may cost at most is reserved before anybody is asked."""

import pytest

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.contract.snapshot import Budget, KeySnapshot, OrgSnapshot, SealedCredential, Tariff
from llmgateway.dataplane.admit.bidding import needed
from llmgateway.dataplane.admit.scopes import Need
from llmgateway.errors import PaymentRequired
from tests.dataplane.routing import Routing, chat
from tests.dataplane.test_budgets import DOLLAR, QUOTA, key


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


def test_only_what_the_operator_pays_for_needs_credit() -> None:
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
    whose = KeySnapshot(id="key_1", name="k", org=org)
    router = Routing().router

    def charge(model: str) -> int:
        need = needed(router, chat(model, max_tokens=10), whose, 10)
        return need.prompt_charge + need.output_charge

    assert charge("openai/gpt-4.1") > 7
    assert charge("groq/openai/gpt-oss-20b") == 0, "on its own credential"
    assert charge("sandbox/chat") == 0, "whatever the fee"
