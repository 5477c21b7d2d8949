"""What a request may cost at most, before anybody is asked: what money must have room for."""

from llmgateway.canon.call import Call, Operation, Terms
from llmgateway.contract.refusals import KEY, ORGANISATION, PROJECT
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.dataplane.admit.scopes import Need, counts_money
from llmgateway.dataplane.plan.fitness import longest_asked
from llmgateway.dataplane.plan.router import Router
from llmgateway.dataplane.plan.targets import Target
from llmgateway.errors import NotFound, PaymentRequired

_UNSTATED_OUTPUT = 4096


def needed(router: Router, call: Call, key: KeySnapshot, prompt_tokens: int) -> Need:
    """The counted prompt and the longest answer; with money where it is limited, at the dearest target's price for what is wished.

    Nothing where tokens are only counted: no model reads them. Raises PaymentRequired for a model whose price nobody knows.
    """
    if call.operation is Operation.COUNT_TOKENS:
        return Need(0, 0)
    output, in_advance = _longest(call), key.org.charge_limit is not None and not key.test
    limited = counts_money(key)
    if not limited and not in_advance:
        return Need(prompt_tokens, output)
    prompt_nanos = output_nanos = prompt_charge = output_charge = 0
    for target in _targets(router, call, key):
        charged = in_advance and target.charged
        if not charged and not limited:
            continue
        terms = target.provider.terms(call).at(target.host.terms)
        prices = router.catalog.bid(
            target.host.id,
            target.model,
            (prompt_tokens, output),
            router.clock.now(),
            override=target.price,
            terms=terms,
        )
        if prices is None:
            raise _unpriced(target, terms, key)
        prompt, whole = prices
        prompt_nanos, output_nanos = max(prompt_nanos, prompt), max(output_nanos, whole - prompt)
        if charged:
            first, both = key.org.tariff.charge(prompt), key.org.tariff.charge(whole)
            prompt_charge, output_charge = max(prompt_charge, first), max(output_charge, both - first)
    return Need(prompt_tokens, output, prompt_nanos, output_nanos, prompt_charge, output_charge)


def _targets(router: Router, call: Call, key: KeySnapshot) -> list[Target]:
    try:
        return list(router.resolve(call.model, key.org))
    except NotFound:
        return []  # the plan will say so


def _unpriced(target: Target, terms: Terms, key: KeySnapshot) -> PaymentRequired:
    budgets = ((KEY, key.budgets), (PROJECT, key.project_budgets), (ORGANISATION, key.org.budgets))
    limiting = [f"{whose}'s budget" for whose, ones in budgets if any(one.hard for one in ones)]
    limit = limiting[0] if limiting else f"{ORGANISATION}'s prepaid credit"
    wished = {"speed": terms.speed, "inference_geo": terms.region}
    asked = "".join(f" with {name} `{value}`" for name, value in wished.items() if value)
    own = target.credential.sealed is not None
    who = "give it a `price` in a route of your own" if own else "have the operator give it a price in gateway.yaml"
    return PaymentRequired(
        f"The price of {target.name}{asked} is not known. {limit} is for models with a known price alone. "
        f"Ask another model, or {who}.",
        code="unpriced_model",
        param="model",
    )


def _longest(call: Call) -> int:
    """The most tokens that all choices of the answer together may have."""
    if call.operation not in (Operation.CHAT, Operation.COMPLETIONS):
        return 0
    asked = longest_asked(call.canon)
    return (_UNSTATED_OUTPUT if asked is None else max(0, asked)) * _choices(call)


def _choices(call: Call) -> int:
    asked = call.canon.get("n")
    return asked if isinstance(asked, int) and asked > 1 else 1
