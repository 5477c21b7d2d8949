"""GET /orgs/{org}/audit: the trail, as pages, JSON Lines or CSV."""

from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Response
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.audit import service
from llmgateway.controlplane.audit.schemas import AuditEntry, AuditWish
from llmgateway.controlplane.reception.listing import PageWish, Paging, newest_first
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
    return await trail(visit.tx, service.matching(service.of_org(visit.org.id), wish), paging, wish.format, AuditEntry)


Entry = TypeVar("Entry", bound=AuditEntry)


async def trail(
    tx: AsyncSession, query: Select[AuditRow], paging: Paging, form: str, kind: type[Entry]
) -> Page[Entry] | Response:  # fmt: skip
    """A page of entries, or all of them as one file."""
    if form == "json":
        rows = [row for (row,) in await newest_first(tx, query, AuditRow.id, paging)]
        return page_of(rows, paging.limit, kind.model_validate, lambda row: row.id)
    entries = [kind.model_validate(row) async for row in service.all_of(tx, query)]
    if form == "jsonl":
        return _file(
            "".join(f"{entry.model_dump_json()}\n" for entry in entries), "application/x-ndjson", "audit.jsonl"
        )
    rows = [entry.model_dump(mode="json") for entry in entries]
    return _file(csv_text(tuple(kind.model_fields), rows), "text/csv", "audit.csv")


def _file(content: str, kind: str, name: str) -> Response:
    return Response(content, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})
