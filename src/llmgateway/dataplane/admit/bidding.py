"""The most that a request may cost, worked out before a provider is asked: budgets and credit must have room for it."""

from collections.abc import Sequence

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


def needed(
    router: Router, call: Call, key: KeySnapshot, prompt_tokens: int, *, uncharged: bool = False
) -> Need:  # fmt: skip
    """What the call may take: the tokens of its prompt and longest answer and, where money is limited, what they cost at most.

    The cost is that of the dearest target that the key may use; `uncharged` leaves out those that the organisation would pay for.
    A call that only counts tokens takes nothing, since no model reads them. Raises PaymentRequired for a model whose price is not
    known.
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
        if (charged and uncharged) or not (charged or limited):
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
    """The most that the call may cost at the target, in nanos: its prompt alone, and all of it.

    A call may let the provider use further models; the dearest of all counts.
    """
    terms, extras = target.provider.terms(call).at(target.host.terms), target.provider.extras(call)
    if audio_tokens := sound_tokens(call.canon):
        extras = msgspec.structs.replace(extras, audio_prompt_tokens=audio_tokens)
    prompt = whole = 0
    for model in (target.model, *target.provider.others(call)):
        price = target.price if model == target.model else None
        prices = router.catalog.bid(
            target.host.id, model, tokens, router.clock.now(), override=price, terms=terms, extras=extras
        )
        if prices is None:
            raise _unpriced(f"{target.host.id}/{model}", target, terms, key)
        prompt, whole = max(prompt, prices[0]), max(whole, prices[1])
    return (prompt, whole) if tokens[1] else (whole, whole)  # without an answer, the prompt is all there is


def _targets(router: Router, call: Call, key: KeySnapshot) -> Sequence[Target]:
    """Those that the key may use. Where there is none the plan will say so."""
    try:
        return router.allowed(call, key)
    except NotFound:
        return ()


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
    """The most tokens that all answers may have together, also those that are written and not returned (`best_of`)."""
    if call.operation not in (Operation.CHAT, Operation.COMPLETIONS):
        return 0
    asked = longest_asked(call.canon)
    return (_UNSTATED_OUTPUT if asked is None else max(0, asked)) * call.written
