"""What a request may cost at most, before anybody is asked: what money must have room for."""

import msgspec

from llmgateway.canon.call import Call, Operation, Terms
from llmgateway.catalog.tokens import sound_tokens
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
        prompt, whole = _dearest(router, call, key, target, (prompt_tokens, output))
        prompt_nanos, output_nanos = max(prompt_nanos, prompt), max(output_nanos, whole - prompt)
        if charged:
            first, both = key.org.tariff.charge(prompt), key.org.tariff.charge(whole)
            prompt_charge, output_charge = max(prompt_charge, first), max(output_charge, both - first)
    return Need(prompt_tokens, output, prompt_nanos, output_nanos, prompt_charge, output_charge)


def _dearest(
    router: Router, call: Call, key: KeySnapshot, target: Target, tokens: tuple[int, int]
) -> tuple[int, int]:  # fmt: skip
    """Nanos of the prompt and of the whole there, by the dearest of the models that the call lets it use."""
    terms, more = target.provider.terms(call).at(target.host.terms), target.provider.beside(call)
    if heard := sound_tokens(call.canon):
        more = msgspec.structs.replace(more, heard=heard)
    prompt = whole = 0
    for model in (target.model, *target.provider.others(call)):
        price = target.price if model == target.model else None
        prices = router.catalog.bid(
            target.host.id, model, tokens, router.clock.now(), override=price, terms=terms, more=more
        )
        if prices is None:
            raise _unpriced(f"{target.host.id}/{model}", target, terms, key)
        prompt, whole = max(prompt, prices[0]), max(whole, prices[1])
    return (prompt, whole) if tokens[1] else (whole, whole)  # what writes nothing has no tools that it may not need


def _targets(router: Router, call: Call, key: KeySnapshot) -> list[Target]:
    try:
        return list(router.resolve(call.model, key.org))
    except NotFound:
        return []  # the plan will say so


def _unpriced(name: str, target: Target, terms: Terms, key: KeySnapshot) -> PaymentRequired:
    budgets = ((KEY, key.budgets), (PROJECT, key.project_budgets), (ORGANISATION, key.org.budgets))
    limiting = [f"{whose}'s budget" for whose, ones in budgets if any(one.hard for one in ones)]
    limit = limiting[0] if limiting else f"{ORGANISATION}'s prepaid credit"
    wished = {"speed": terms.speed, "inference_geo": terms.region}
    asked = "".join(f" with {name} `{value}`" for name, value in wished.items() if value)
    own = target.credential.sealed is not None
    who = "give it a `price` in a route of your own" if own else "have the operator give it a price in gateway.yaml"
    return PaymentRequired(
        f"The price of {name}{asked} is not known. {limit} is for models with a known price alone. "
        f"Ask another model, or {who}.",
        code="unpriced_model",
        param="model",
    )


def _longest(call: Call) -> int:
    """The most tokens that all answers together may have, those included that are written and not given."""
    if call.operation not in (Operation.CHAT, Operation.COMPLETIONS):
        return 0
    asked = longest_asked(call.canon)
    return (_UNSTATED_OUTPUT if asked is None else max(0, asked)) * call.written
