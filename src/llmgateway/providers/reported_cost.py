"""The cost of a request where the provider reports it in the answer, so that it need not be worked out from tokens."""

from decimal import Decimal
from typing import Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object
from llmgateway.kit.money import nanos

_MOST_USD: Final = Decimal(100_000)
"""More than any request costs: a larger amount is a mistake of the provider's."""
_TICKS_PER_USD: Final = 10**10


def told_nanos(usage: Json) -> int | None:
    """The reported cost in nano-dollars, out of a usage object; None when it reports none, or an amount that cannot be.

    OpenRouter tells dollars as `cost`; where it asked a provider with the account's own key there, what that provider bills comes
    on top (https://openrouter.ai/docs/use-cases/usage-accounting). Perplexity tells the parts and their sum
    (https://docs.perplexity.ai/api-reference/chat-completions-post), xAI ten-billionths of a dollar
    (https://docs.x.ai/docs/api-reference).
    """
    cost, ticks = usage.get("cost"), usage.get("cost_in_usd_ticks")
    if is_object(cost):
        return _nanos(_amount(cost.get("total_cost")))
    dollars = _amount(cost)
    if usage.get("is_byok") is True and is_object(details := usage.get("cost_details")):
        dollars += _amount(details.get("upstream_inference_cost"))
    return _nanos(dollars or _amount(ticks) / _TICKS_PER_USD)


def _amount(value: object) -> Decimal:
    """The number, exactly as it was written; 0 for anything else."""
    return Decimal(str(value)) if type(value) in (int, float) else Decimal(0)


def _nanos(dollars: Decimal) -> int | None:
    """None for 0 too: a request without a cost is one whose cost is not reported."""
    return nanos(dollars) if dollars.is_finite() and 0 < dollars < _MOST_USD else None
