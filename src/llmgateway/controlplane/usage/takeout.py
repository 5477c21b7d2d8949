"""GET /orgs/{org}/export: everything an organisation has here, as JSON Lines; no secrets."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from llmgateway.controlplane.audit.service import Act, record
from llmgateway.controlplane.reception.permissions import Permission
from llmgateway.controlplane.reception.visits import RequiresBriefly, Visit
from llmgateway.controlplane.usage.open_content import open_content
from llmgateway.db.base import Base
from llmgateway.db.models.api_keys import ApiKey, KeySecret
from llmgateway.db.models.audit_events import AuditRow
from llmgateway.db.models.billing import BillingAccount, OverageChange, OverageTerms
from llmgateway.db.models.contents import ContentRow
from llmgateway.db.models.credentials import ProviderCredential
from llmgateway.db.models.ledger import LedgerClosing, LedgerEntry, LedgerPosting
from llmgateway.db.models.organisations import Invitation, Organisation, Project
from llmgateway.db.models.routes import Route
from llmgateway.db.models.usage_events import UsageRow
from llmgateway.db.models.users import Member, User
from llmgateway.db.tenancy import owned

router = APIRouter(prefix="/orgs/{org}", tags=["organisations"])

_SECRET: Final = frozenset({"secret_hash", "token_hash", "sealed", "data_key"})
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows, and what they are ordered by."""

    rows: Select[Any]
    order: Sequence[InstrumentedAttribute[Any]]


@router.get("/export", response_class=StreamingResponse, responses={200: {"content": {"application/x-ndjson": {}}}})
async def export_org(visit: Annotated[Visit, RequiresBriefly(Permission.EXPORT)]) -> StreamingResponse:
    """All of the organisation: people, keys, routes, trail, books, usage, and what was logged of requests.

    Each line is {"table": ..., "row": {...}}; the last one, of table `end`, says how many came before it.
    """
    async with visit.deps.database.transaction(visit.org.id) as tx:
        await record(
            tx, visit.deps.clock, visit.actor, Act(action="org.export", org_id=visit.org.id, target=visit.org.id)
        )
    headers = {"content-disposition": f'attachment; filename="{visit.org.slug}.jsonl"'}
    return StreamingResponse(_lines(visit), media_type="application/x-ndjson", headers=headers)


async def _lines(visit: Visit) -> AsyncIterator[str]:
    """Read as it is sent: so many rows at a time, each time in a transaction of its own."""
    count = 0
    for table in _tables(visit.org.id):
        last: tuple[Any, ...] | None = None
        while True:
            query = table.rows if last is None else table.rows.where(tuple_(*table.order) > last)
            async with visit.deps.database.transaction(visit.org.id) as tx:
                rows: Sequence[Base] = (await tx.scalars(query.order_by(*table.order).limit(_BATCH))).all()
            if rows:
                yield "".join(_line(visit, row) for row in rows)
            count += len(rows)
            if len(rows) < _BATCH:
                break
            last = tuple(getattr(rows[-1], column.key) for column in table.order)
    yield json.dumps({"table": "end", "row": {"rows": count}}) + "\n"


def _tables(org_id: str) -> Sequence[_Table]:
    people = select(User).join(Member, Member.user_id == User.id).where(Member.org_id == org_id)
    return (
        _Table(select(Organisation).where(Organisation.id == org_id), (Organisation.id,)),
        _Table(people, (User.id,)),
        _Table(owned(Member, org_id), (Member.user_id,)),
        _Table(owned(Invitation, org_id), (Invitation.id,)),
        _Table(owned(Project, org_id), (Project.id,)),
        _Table(owned(ApiKey, org_id), (ApiKey.id,)),
        _Table(owned(KeySecret, org_id), (KeySecret.id,)),
        _Table(owned(ProviderCredential, org_id), (ProviderCredential.id,)),
        _Table(owned(Route, org_id), (Route.id,)),
        _Table(owned(AuditRow, org_id), (AuditRow.id,)),
        _Table(owned(BillingAccount, org_id), (BillingAccount.org_id,)),
        _Table(owned(OverageTerms, org_id), (OverageTerms.begins_at,)),
        _Table(owned(OverageChange, org_id), (OverageChange.begins_at, OverageChange.changed_at)),
        _Table(owned(LedgerPosting, org_id), (LedgerPosting.id,)),
        _Table(owned(LedgerEntry, org_id), (LedgerEntry.posting_id, LedgerEntry.line)),
        _Table(owned(LedgerClosing, org_id), (LedgerClosing.day, LedgerClosing.account)),
        _Table(owned(UsageRow, org_id), (UsageRow.created_at, UsageRow.id)),
        _Table(owned(ContentRow, org_id), (ContentRow.event_id,)),
    )


def _line(visit: Visit, row: Base) -> str:
    names = [column.name for column in row.__table__.columns]
    shown = {name: getattr(row, name) for name in names if name not in _SECRET}
    if isinstance(row, ContentRow):
        shown["request"], shown["answer"] = open_content(visit.deps, visit.org.data_key, row) or (None, None)
    return json.dumps({"table": row.__tablename__, "row": shown}, default=str) + "\n"
