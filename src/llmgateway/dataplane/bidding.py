"""What a request may cost at most, before anybody is asked: what a money budget must have room for."""

from llmgateway.canon.call import Call, Operation
from llmgateway.canon.usage import Usage
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.dataplane.ordering import override
from llmgateway.dataplane.router import Router
from llmgateway.dataplane.scopes import Need, counts_money
from llmgateway.errors import NotFound, PaymentRequired

_UNSTATED_OUTPUT = 4096


def needed(router: Router, call: Call, key: KeySnapshot, prompt_tokens: int) -> Need:
    """The counted prompt and the longest answer; with money where a budget is over the key, at the dearest target's price.

    Raises PaymentRequired for a model whose price nobody knows.
    """
    output = _longest(call)
    if not counts_money(key):
        return Need(prompt_tokens, output)
    prompt_nanos = output_nanos = 0
    for prompt, whole in _prices(router, call, key, (prompt_tokens, output)):
        prompt_nanos, output_nanos = max(prompt_nanos, prompt), max(output_nanos, whole - prompt)
    return Need(prompt_tokens, output, prompt_nanos, output_nanos)


def _prices(router: Router, call: Call, key: KeySnapshot, tokens: tuple[int, int]) -> list[tuple[int, int]]:
    """(prompt, prompt and answer) in nanos at each target."""
    try:
        targets = router.resolve(call.model, key.org)
    except NotFound:
        return []  # the plan will say so
    prices, now = list[tuple[int, int]](), router.clock.now()
    for target in targets:
        own = override(target.price)
        both = [
            router.catalog.price(target.host.id, target.model, usage, now, override=own)
            for usage in (Usage(prompt_tokens=tokens[0]), Usage(prompt_tokens=tokens[0], completion_tokens=tokens[1]))
        ]
        prompt, whole = both
        if prompt is None or whole is None:
            raise PaymentRequired(
                f"The price of {target.name} is not known, and a budget of money is over this key. Ask another model, or have "
                "the operator give it a price in gateway.yaml.",
                code="unpriced_model",
                param="model",
            )
        prices.append((prompt.nanos, whole.nanos))
    return prices


def _longest(call: Call) -> int:
    """The most tokens that the answer may have."""
    if call.operation not in (Operation.CHAT, Operation.COMPLETIONS):
        return 0
    for name in ("max_completion_tokens", "max_tokens"):
        limit = call.canon.get(name)
        if isinstance(limit, int):
            return limit
    return _UNSTATED_OUTPUT
