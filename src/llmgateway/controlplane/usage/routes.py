"""/orgs/{org}/usage: requests, one request, and sums of them."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Response

from llmgateway.controlplane.plans.service import all_plans
from llmgateway.controlplane.reception.listing import PageWish
from llmgateway.controlplane.reception.permissions import Permission
from llmgateway.controlplane.reception.visits import Requires, Visit
from llmgateway.controlplane.usage import finding, summary_file
from llmgateway.controlplane.usage.request_shown import request_shown
from llmgateway.controlplane.usage.schemas import (
    RequestExplained,
    RequestShown,
    Summary,
    SummaryWish,
    UsageWish,
)
from llmgateway.controlplane.usage.summary import summary_of
from llmgateway.db.models.usage_events import UsageRow
from llmgateway.db.tenancy import owned
from llmgateway.errors import NotFound
from llmgateway.kit.csv_text import csv_text
from llmgateway.kit.pages import Page, page_of

router = APIRouter(prefix="/orgs/{org}/usage", tags=["usage"])

_FILE = {"content-disposition": 'attachment; filename="usage.csv"'}
_CSV: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/csv": {}},
        "headers": {
            "x-next-cursor": {
                "description": "With csv, where there is more than one file holds: the `cursor` of the next.",
                "schema": {"type": "string"},
            }
        },
    }
}
_ROWS_OF_A_FILE: Final = 10_000


@router.get("", response_model=Page[RequestShown], responses=_CSV)
async def list_usage(
    visit: Annotated[Visit, Requires(Permission.USAGE_READ)], paging: PageWish, wish: Annotated[UsageWish, Query()]
) -> Page[RequestShown] | Response:
    """Requests, newest first, as far back as the plan keeps them. A csv file holds 10,000, whatever `limit` says."""
    if wish.format == "csv":
        paging = paging.model_copy(update={"limit": _ROWS_OF_A_FILE})
    rows = await finding.newest(visit.tx, visit.org.id, wish, paging, _oldest(visit))
    page = page_of(rows, paging.limit, request_shown, lambda row: row.id)
    if wish.format == "json":
        return page
    lines = [entry.model_dump(mode="json") for entry in page.data]
    more = {"x-next-cursor": page.next_cursor} if page.next_cursor else {}
    return Response(csv_text(tuple(RequestShown.model_fields), lines), media_type="text/csv", headers=_FILE | more)


@router.get("/summary", response_model=Summary, responses=summary_file.DOCUMENTED)
async def summarise_usage(
    visit: Annotated[Visit, Requires(Permission.USAGE_READ)], wish: Annotated[SummaryWish, Query()]
) -> Summary | Response:
    """Requests, tokens, money, savings, errors and latency, by time and by what they were for."""
    found = await summary_of(visit.tx, visit.org.id, wish, visit.deps.clock.now())
    return found if wish.format == "json" else summary_file.file_of(found)


@router.get("/{request_id}")
async def get_request(
    visit: Annotated[Visit, Requires(Permission.USAGE_READ)], request_id: Annotated[str, Path(max_length=100)]
) -> RequestExplained:
    """One request, with its plan and attempts. It can be read a second or two after its answer's end."""
    row = await visit.tx.scalar(owned(UsageRow, visit.org.id).where(UsageRow.id == request_id))
    oldest = _oldest(visit)
    if row is None or (oldest is not None and row.created_at < oldest):
        raise NotFound("No request of this organisation has this id. It may still be on its way.", retry_after=1)
    return RequestExplained.model_validate(
        {**request_shown(row).model_dump(), "plan": row.plan, "attempts": row.attempts}
    )


def _oldest(visit: Visit) -> datetime | None:
    """How far back the plan shows requests; money is kept longer than it is shown."""
    plan = all_plans().get(visit.org.plan)
    if plan is None or plan.retention_days is None:
        return None
    return visit.deps.clock.now() - timedelta(days=plan.retention_days)
