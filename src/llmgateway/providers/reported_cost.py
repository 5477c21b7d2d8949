"""What a provider says that a request cost: the bill itself, where all others only tell what is on it."""

from decimal import Decimal
from typing import Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object
from llmgateway.kit.money import nanos

_MOST_USD: Final = Decimal(100_000)
"""More than any request costs: a figure beyond it is a provider's mistake."""
_TICKS_PER_USD: Final = 10**10


def told_nanos(usage: Json) -> int | None:
    """Nano-dollars out of a usage object; None where it tells none, or nothing that can be.

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
    """A number as it was written; 0 for what is none."""
    return Decimal(str(value)) if type(value) in (int, float) else Decimal(0)


def _nanos(dollars: Decimal) -> int | None:
    """Nothing is not told: who bills nothing says so by a price list."""
    return nanos(dollars) if dollars.is_finite() and 0 < dollars < _MOST_USD else None
