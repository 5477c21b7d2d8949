"""GET /plans: the price list."""

from decimal import Decimal

from fastapi import APIRouter

from llmgateway.contract.snapshot import Tariff
from llmgateway.controlplane.plans.service import Plan, all_plans
from llmgateway.controlplane.reception.bodies import DollarText, Shown
from llmgateway.controlplane.reception.visits import AtHand
from llmgateway.kit.pages import Page

router = APIRouter(tags=["plans"])


class TokenPrice(Shown):
    """What requests on this gateway's own provider keys are charged beside the plan; with keys of one's own, nothing."""

    markup_percent: str
    """On top of the provider's cost, in percent of it."""
    request_fee_usd: DollarText
    """And for each request."""


class PriceList(Page[Plan]):
    """The plans, and what tokens cost beside them."""

    tokens: TokenPrice


@router.get("/plans")
async def list_plans(deps: AtHand) -> PriceList:
    """What is sold, cheapest first, and what tokens on this gateway's own provider keys cost beside it."""
    return PriceList(data=[plan for plan in all_plans().values() if plan.sold], tokens=_token_price(deps.tariff))


def _token_price(tariff: Tariff) -> TokenPrice:
    percent = Decimal(tariff.markup_ppm) / 10_000
    return TokenPrice.model_validate(
        {"markup_percent": f"{percent.normalize():f}", "request_fee_usd": tariff.request_fee_nanos}
    )
