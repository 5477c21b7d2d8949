"""What an organisation must know or do about its money, in a sentence or two: pure."""

from datetime import datetime
from typing import Final

from llmgateway.contract.snapshot import Quota
from llmgateway.controlplane.billing.standing import OWING, Standing
from llmgateway.controlplane.plans.service import Plan
from llmgateway.kit.money import dollars

_IN_ADVANCE: Final = (
    "Requests on the gateway's own provider keys are paid in advance: buy credit or a plan, without which they are refused. "
    "On provider keys of your own they are served."
)


def exhausted(quota: Quota | None, requests: int, tokens: int) -> str | None:
    """That requests are refused, because all that the plan and the limit beyond it allow is used."""
    if quota is None:
        return None
    for what, used, most in (("requests", requests, quota.requests), ("tokens", tokens, quota.tokens)):
        if most is not None and used >= most:
            return (
                f"Requests are refused: all {most:,} {what} of this period are used. They begin anew at "
                f"{quota.period_end:%Y-%m-%d %H:%M} UTC; with a larger plan, or on a paid plan a higher limit beyond it, they go on now."
            )
    return None


def notice(standing: Standing, plan: Plan | None, *, credit: int, due: int, now: datetime) -> str | None:
    """What is owed comes before what could be bought; amounts are nano-dollars."""
    if standing.status in OWING:
        return _owing(standing, due, now)
    if standing.status == "canceled" and due > 0:
        return f"The subscription has ended with ${dollars(due)} invoiced and not paid. Pay it, or choose a plan anew."
    return _IN_ADVANCE if plan is not None and plan.in_advance and credit <= 0 else None


def _owing(standing: Standing, due: int, now: datetime) -> str:
    failed = f"The last payment failed: ${dollars(due)} is not paid." if due > 0 else "The last payment failed."
    if standing.grace_until is not None and now < standing.grace_until:
        return f"{failed} The plan goes on until {standing.grace_until:%Y-%m-%d}; pay, or change the card."
    return f"{failed} The limits of the Free plan apply until it is paid. Pay, or change the card."
