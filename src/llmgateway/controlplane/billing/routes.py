"""/orgs/{org}/billing: what an organisation owes and has, and how it pays."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from llmgateway.controlplane.audit.service import Act, note, record
from llmgateway.controlplane.billing import buying, previews, service
from llmgateway.controlplane.billing.books import statement
from llmgateway.controlplane.billing.books.postings import NANOS_PER_CENT
from llmgateway.controlplane.billing.schemas import (
    BillingChange,
    BillingShown,
    ChangePreview,
    CreditWish,
    HostedPage,
    InvoiceShown,
    PeriodShown,
    PlanChange,
    PlanWish,
    RenewalShown,
    StatementWish,
)
from llmgateway.controlplane.billing.stripe.access import StripeAccess, stripe_api_of, stripe_of
from llmgateway.controlplane.billing.stripe.api import StripeApi
from llmgateway.controlplane.billing.stripe.objects import Invoice
from llmgateway.controlplane.plans.service import month_of
from llmgateway.controlplane.reception.listing import PageWish
from llmgateway.controlplane.reception.permissions import Permission
from llmgateway.controlplane.reception.visits import Requires, RequiresBriefly, Visit
from llmgateway.errors import BadRequest
from llmgateway.kit.csv_text import csv_text
from llmgateway.kit.money import usd
from llmgateway.kit.pages import Page, cursor_after

router = APIRouter(prefix="/orgs/{org}/billing", tags=["billing"])

_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}
_FILE = {"content-disposition": 'attachment; filename="statement.csv"'}

Payer = Annotated[Visit, RequiresBriefly(Permission.BILLING_WRITE)]
ConnectedStripe = Annotated[StripeApi, Depends(stripe_api_of)]


@router.get("")
async def read_billing(
    visit: Annotated[Visit, Requires(Permission.BILLING_READ)],
    stripe_access: Annotated[StripeAccess | None, Depends(stripe_of)],
) -> BillingShown:
    """Plan, period, usage against it, credit, what is owed; whether this gateway takes payments."""
    return await service.shown(visit, stripe=stripe_access is not None)


@router.patch("")
async def change_billing(
    visit: Annotated[Visit, Requires(Permission.BILLING_WRITE)],
    stripe_access: Annotated[StripeAccess | None, Depends(stripe_of)],
    body: BillingChange,
) -> BillingShown:
    """Set how much may be spent beyond the plan in a billing period. Paid plans alone go beyond what they include."""
    before, after = visit.org.overage_limit_nanos, body.overage_limit_usd
    await service.limit_overage(visit, after)
    await note(visit, "billing.limit", visit.org.id, before={"nanos": before}, after={"nanos": after})
    return await service.shown(visit, stripe=stripe_access is not None)


@router.get("/change")
async def preview_change(
    visit: Annotated[Visit, RequiresBriefly(Permission.BILLING_READ)],
    stripe_access: Annotated[StripeAccess | None, Depends(stripe_of)],
    plan: Annotated[str, Query(max_length=50)],
) -> ChangePreview:
    """What a change to this plan would cost, now and then, and take away, before anything is changed."""
    return await previews.preview(visit, None if stripe_access is None else stripe_access.api, plan)


@router.get("/renewal")
async def read_renewal(
    visit: Annotated[Visit, RequiresBriefly(Permission.BILLING_READ)],
    stripe_access: Annotated[StripeAccess | None, Depends(stripe_of)],
) -> RenewalShown:
    """When the plan renews and what Stripe will charge for it then: by its own price and coupons, without usage."""
    return await previews.renewal(visit, None if stripe_access is None else stripe_access.api)


@router.post("/checkout")
async def buy_plan(visit: Payer, stripe_api: ConnectedStripe, body: PlanWish) -> PlanChange:
    """Subscribe: the answer is a page of Stripe's. With a subscription: more at once, less at the period's end."""
    change = await buying.plan(visit, stripe_api, body)
    await _record(visit, "billing.plan", {"plan": body.plan, "effective_at": change.effective_at})
    return change


@router.post("/credit")
async def buy_credit(visit: Payer, stripe_api: ConnectedStripe, body: CreditWish) -> HostedPage:
    """Pay in advance: the answer is a page of Stripe's. Cents are the smallest part, fifty of them the least."""
    url = await buying.credit(visit, stripe_api, body.usd)
    await _record(visit, "billing.credit", {"usd": usd(body.usd)})
    return HostedPage(url=url)


@router.post("/portal")
async def open_portal(visit: Payer, stripe_api: ConnectedStripe) -> HostedPage:
    """Stripe's own page for cards, addresses, invoices and cancelling."""
    return HostedPage(url=await buying.portal(visit, stripe_api))


@router.get("/invoices")
async def list_invoices(
    visit: Annotated[Visit, RequiresBriefly(Permission.BILLING_READ)],
    stripe_access: Annotated[StripeAccess | None, Depends(stripe_of)],
    paging: PageWish,
) -> Page[InvoiceShown]:
    """Newest first, with links to their PDFs; none where this gateway takes no payments."""
    if stripe_access is None:
        return Page[InvoiceShown](data=[])
    found = await buying.invoices(visit, stripe_access.api, paging.limit, paging.after_id)
    shown = [_invoice(invoice) for invoice in found.invoices]
    return Page[InvoiceShown](data=shown, next_cursor=cursor_after(shown[-1].id) if found.more and shown else None)


@router.get("/statement", response_class=Response, responses=_CSV)
async def read_statement(
    visit: Annotated[Visit, Requires(Permission.BILLING_READ)], wish: Annotated[StatementWish, Query()]
) -> Response:
    """Every line of the books as CSV, oldest first; this UTC month, if nothing else is asked for.

    `to` alone is the month that ends there, or as much of it as lies before.
    """
    until = wish.until or visit.deps.clock.now()
    since = wish.since or month_of(until - timedelta.resolution)[0]
    if since >= until:
        raise BadRequest("`from` must lie before `to`, which is now if it is not given.", param="from")
    lines = [line async for line in statement.lines(visit.tx, visit.org.id, since, until)]
    return Response(csv_text(statement.COLUMNS, lines), media_type="text/csv", headers=_FILE)


async def _record(visit: Visit, action: str, after: dict[str, Any]) -> None:
    async with visit.deps.database.transaction(visit.org.id) as tx:
        act = Act(action=action, org_id=visit.org.id, target=visit.org.id, after=after)
        await record(tx, visit.deps.clock, visit.actor, act)


def _invoice(invoice: Invoice) -> InvoiceShown:
    total, paid = (usd(cents * NANOS_PER_CENT) for cents in (invoice.total, invoice.paid))
    known = invoice.currency == "usd"
    return InvoiceShown(
        id=invoice.id,
        number=invoice.number,
        status=invoice.status,
        total_usd=total if known else None,
        paid_usd=paid if known else None,
        created_at=invoice.created,
        period=PeriodShown(start=invoice.period_start, end=invoice.period_end),
        url=invoice.page,
        pdf_url=invoice.pdf,
    )
