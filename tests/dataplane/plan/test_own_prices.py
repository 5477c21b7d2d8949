"""A tenant says what a model on its own credential costs, and nothing about the gateway's."""

import pytest

from llmgateway.contract.snapshot import Budget, KeySnapshot, OrgSnapshot, SealedCredential
from llmgateway.dataplane.admit.bidding import needed
from llmgateway.dataplane.model_list import model_entry, names_for
from llmgateway.errors import PaymentRequired
from llmgateway.gateway_file import AliasEntry
from tests.dataplane.routing import CATALOG, Routing, chat

DOLLAR = 10**9


def _org(price: str, *, own: bool) -> OrgSnapshot:
    """Its route `mine` says what its model costs; with a credential of its own, or with the gateway's alone."""
    priced = {"provider": "groq", "model": "fine-tuned", "price": {"input": price, "output": "10"}}
    return OrgSnapshot(
        id="org_1",
        slug="a",
        plan="starter",
        budgets=(Budget(nanos=DOLLAR),),
        routes={"mine": AliasEntry.model_validate({"targets": [priced]})},
        credentials=(SealedCredential(id="cred_1", provider="groq", sealed=b"s"),) if own else (),
        data_key=b"k",
        charged=True,
    )


def _key(org: OrgSnapshot) -> KeySnapshot:
    return KeySnapshot(id="key_1", name="k", org=org)


def test_a_tenant_says_what_a_model_on_its_own_credential_costs() -> None:
    router, org = Routing().router, _org("2.5", own=True)
    bid = needed(router, chat("mine", max_tokens=10), _key(org), 1_000)
    assert (bid.prompt_nanos, bid.output_nanos) == (2_500_000, 100_000)
    [target] = router.resolve("mine", org)
    assert target.price is not None
    assert target.price.version == "route mine: input 2.5 output 10"
    assert not target.charged


def test_who_has_no_price_for_its_own_model_is_told_where_to_say_it() -> None:
    with pytest.raises(PaymentRequired, match="give it a `price` in a route of your own"):
        needed(Routing().router, chat("groq/fine-tuned"), _key(_org("2.5", own=True)), 1_000)


def test_no_tenant_says_what_the_gateways_own_credential_costs() -> None:
    router, org = Routing().router, _org("0", own=False)
    [target] = router.resolve("mine", org)
    assert (target.price, target.charged) == (None, True)
    with pytest.raises(PaymentRequired, match="have the operator give it a price"):
        needed(router, chat("mine"), _key(org), 1_000)


def test_the_operators_price_holds_on_a_tenants_credential_too() -> None:
    file = "models: {house: {targets: [{provider: groq, model: fine-tuned, price: {input: '3'}}]}}"
    router = Routing(file).router
    [target] = router.resolve("house", _org("0", own=True))
    assert target.price is not None
    assert target.price.version == "gateway.yaml: input 3 output 0"


@pytest.mark.parametrize("name", ["house", "groq/fine-tuned", "mine"])
def test_whatever_name_leads_to_the_gateways_credential_the_operators_price_holds(name: str) -> None:
    file = """
models:
  plain: {targets: [{provider: groq, model: fine-tuned}]}
  house: {targets: [{provider: groq, model: fine-tuned, price: {input: '3'}}]}
  later: {targets: [{provider: groq, model: fine-tuned, price: {input: '4'}}]}
"""
    [target] = Routing(file).router.resolve(name, _org("0", own=False))
    assert target.price is not None
    assert target.price.version == "gateway.yaml: input 3 output 0"


def test_what_a_tenants_own_credential_costs_is_not_what_the_operator_pays() -> None:
    file = "models: {house: {targets: [{provider: groq, model: fine-tuned, price: {input: '3'}}]}}"
    [target] = Routing(file).router.resolve("groq/fine-tuned", _org("2.5", own=True))
    assert target.price is None


def test_a_price_that_an_alias_gives_the_sandbox_is_the_aliases_alone() -> None:
    file = "models: {dear: {targets: [{provider: sandbox, model: chat, price: {input: '3'}}]}}"
    router, org = Routing(file).router, _org("0", own=False)
    [dear], [free] = router.resolve("dear", org), router.resolve("sandbox/chat", org)
    assert (dear.charged, free.charged, free.price) == (True, False, None)


def _told(file: str, org: OrgSnapshot) -> dict[str, dict[str, str] | None]:
    """What `GET /v1/models` says that names cost."""
    entries = [model_entry(name, model) for name, model in names_for(Routing(file).router, CATALOG, _key(org))]
    return {entry["id"]: entry["llmgateway"]["prices_usd"] for entry in entries}


def test_a_price_of_gateway_yaml_is_told_under_every_name_that_it_holds_for() -> None:
    nobody = OrgSnapshot(id="org_1", slug="a", plan="starter")
    file = """
models:
  house: {targets: [{provider: groq, model: llama-3.3-70b-versatile, price: {input: '3', request: '1'}}]}
  either: {targets: [{provider: openai, model: gpt-4.1}, {provider: groq, model: llama-3.3-70b-versatile}]}
  plain: {targets: [{provider: openai, model: gpt-4.1}]}
"""
    told = _told(file, nobody)
    ours = {"input_mtok": "3", "output_mtok": "0", "requests_kcount": "1"}
    assert told["house"] == told["groq/llama-3.3-70b-versatile"] == ours
    assert told["plain"] == told["openai/gpt-4.1"]
    assert told["either"] is None
    own = SealedCredential(id="cred_1", provider="groq", sealed=b"s")
    theirs = _told(file, OrgSnapshot(id="org_1", slug="a", plan="starter", credentials=(own,), data_key=b"k"))
    assert theirs["groq/llama-3.3-70b-versatile"] not in (None, ours), "what they pay the provider themselves"


def test_a_tenants_own_price_is_told_under_its_route() -> None:
    assert _told("{}", _org("2.5", own=True))["mine"] == {"input_mtok": "2.5", "output_mtok": "10"}
    assert _told("{}", _org("2.5", own=False))["mine"] is None
    assert _told("{}", _org("0.0000001", own=True))["mine"] == {"input_mtok": "0.0000001", "output_mtok": "10"}
