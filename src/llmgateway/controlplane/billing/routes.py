"""/orgs/{org}/billing: what an organisation owes and has, and how it pays."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from llmgateway.controlplane.billing import statement
from llmgateway.controlplane.billing.schemas import StatementWish
from llmgateway.controlplane.plans.service import month_of
from llmgateway.controlplane.reception.permissions import Permission
from llmgateway.controlplane.reception.visits import Requires, Visit
from llmgateway.kit.csv_text import csv_text

router = APIRouter(prefix="/orgs/{org}/billing", tags=["billing"])

_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}
_FILE = {"content-disposition": 'attachment; filename="statement.csv"'}


@router.get("/statement", response_class=Response, responses=_CSV)
async def read_statement(
    visit: Annotated[Visit, Requires(Permission.BILLING_READ)], wish: Annotated[StatementWish, Query()]
) -> Response:
    """Every line of the books as CSV, oldest first; this UTC month, if nothing else is asked for."""
    until = wish.until or visit.rooms.clock.now()
    since = wish.since or month_of(until)[0]
    lines = [line async for line in statement.lines(visit.tx, visit.org.id, since, until)]
    return Response(csv_text(statement.COLUMNS, lines), media_type="text/csv", headers=_FILE)
