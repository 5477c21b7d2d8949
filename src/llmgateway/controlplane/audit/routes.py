"""GET /orgs/{org}/audit: the trail, as pages, JSON Lines or CSV."""

import json
from typing import Annotated

from fastapi import APIRouter, Query, Response

from llmgateway.controlplane.audit import service
from llmgateway.controlplane.audit.schemas import AuditEntry, AuditWish
from llmgateway.controlplane.reception.listing import PageWish, newest_first
from llmgateway.controlplane.reception.permissions import Permission
from llmgateway.controlplane.reception.visits import Requires, Visit
from llmgateway.db.models.audit_events import AuditRow
from llmgateway.kit.csv_text import csv_text
from llmgateway.kit.pages import Page, page_of

router = APIRouter(prefix="/orgs/{org}/audit", tags=["audit"])


@router.get(
    "",
    response_model=Page[AuditEntry],
    responses={200: {"content": {"text/csv": {}, "application/x-ndjson": {}}}},
)
async def list_audit(
    visit: Annotated[Visit, Requires(Permission.AUDIT_READ)],
    paging: PageWish,
    wish: Annotated[AuditWish, Query()],
) -> Page[AuditEntry] | Response:
    """Who did what, newest first; as `jsonl` or `csv` all of it in one file."""
    query = service.matching(visit.org.id, wish)
    if wish.format == "json":
        rows = [row for (row,) in await newest_first(visit.tx, query, AuditRow.id, paging)]
        return page_of(rows, paging.limit, AuditEntry.model_validate, lambda row: row.id)
    entries = [AuditEntry.model_validate(row) async for row in service.all_of(visit.tx, query)]
    if wish.format == "jsonl":
        return Response("".join(f"{entry.model_dump_json()}\n" for entry in entries), media_type="application/x-ndjson")
    return Response(
        _csv(entries), media_type="text/csv", headers={"content-disposition": 'attachment; filename="audit.csv"'}
    )


def _csv(entries: list[AuditEntry]) -> str:
    rows = [entry.model_dump(mode="json") for entry in entries]
    flat = [{name: json.dumps(cell) if isinstance(cell, dict) else cell for name, cell in row.items()} for row in rows]
    return csv_text(tuple(AuditEntry.model_fields), flat)
