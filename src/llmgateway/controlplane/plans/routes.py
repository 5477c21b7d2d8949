"""GET /plans: the price list."""

from fastapi import APIRouter

from llmgateway.controlplane.plans.service import Plan, all_plans
from llmgateway.kit.pages import Page

router = APIRouter(tags=["plans"])


@router.get("/plans")
async def list_plans() -> Page[Plan]:
    """What is sold, cheapest first."""
    return Page[Plan](data=[plan for plan in all_plans().values() if plan.sold])
