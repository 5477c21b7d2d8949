"""GET /orgs/{org}/export: everything an organisation has here, as one file of JSON Lines; no secrets."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Response
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.audit.service import note
from llmgateway.controlplane.reception.permissions import Permission
from llmgateway.controlplane.reception.visits import Requires, Visit
from llmgateway.db.base import Base
from llmgateway.db.models.api_keys import ApiKey, KeySecret
from llmgateway.db.models.audit_events import AuditRow
from llmgateway.db.models.credentials import ProviderCredential
from llmgateway.db.models.organisations import Invitation, Organisation, Project
from llmgateway.db.models.routes import Route
from llmgateway.db.models.usage_events import UsageRow
from llmgateway.db.models.users import Member, User
from llmgateway.db.tenancy import owned

router = APIRouter(prefix="/orgs/{org}", tags=["organisations"])

_SECRET: Final = frozenset({"secret_hash", "token_hash", "sealed", "data_key"})
_BATCH: Final = 1_000


@router.get("/export", response_class=Response, responses={200: {"content": {"application/x-ndjson": {}}}})
async def export_org(visit: Annotated[Visit, Requires(Permission.EXPORT)]) -> Response:
    """Each line is {"table": ..., "row": {...}}: the organisation, its people, keys, routes, trail and usage."""
    lines = [line async for line in _lines(visit.tx, visit.org.id)]
    await note(visit, "org.export", visit.org.id, after={"rows": len(lines)})
    headers = {"content-disposition": f'attachment; filename="{visit.org.slug}.jsonl"'}
    return Response("".join(lines), media_type="application/x-ndjson", headers=headers)


async def _lines(tx: AsyncSession, org_id: str) -> AsyncIterator[str]:
    people = select(User).join(Member, Member.user_id == User.id).where(Member.org_id == org_id)
    tables: tuple[tuple[Select[Any], Any], ...] = (
        (select(Organisation).where(Organisation.id == org_id), Organisation.id),
        (people, User.id),
        (owned(Member, org_id), Member.user_id),
        (owned(Invitation, org_id), Invitation.id),
        (owned(Project, org_id), Project.id),
        (owned(ApiKey, org_id), ApiKey.id),
        (owned(KeySecret, org_id), KeySecret.id),
        (owned(ProviderCredential, org_id), ProviderCredential.id),
        (owned(Route, org_id), Route.id),
        (owned(AuditRow, org_id), AuditRow.id),
        (owned(UsageRow, org_id), UsageRow.id),
    )
    for query, column in tables:
        last = ""
        while rows := (await tx.scalars(query.where(column > last).order_by(column).limit(_BATCH))).all():
            for row in rows:
                yield _line(row)
                last = getattr(row, column.key)
            tx.expunge_all()


def _line(row: Base) -> str:
    names = [column.name for column in row.__table__.columns]
    shown = {name: getattr(row, name) for name in names if name not in _SECRET}
    return json.dumps({"table": row.__tablename__, "row": shown}, default=str) + "\n"
