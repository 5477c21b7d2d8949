"""GET /orgs/{org}/usage/{request_id}/content: what was said, where the organisation logs it."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path

from llmgateway.controlplane.audit.service import note
from llmgateway.controlplane.reception.bodies import Shown
from llmgateway.controlplane.reception.permissions import Permission
from llmgateway.controlplane.reception.visits import Requires, Visit
from llmgateway.controlplane.usage.open_content import open_content
from llmgateway.db.models.contents import ContentRow
from llmgateway.db.tenancy import owned
from llmgateway.errors import NotFound

router = APIRouter(prefix="/orgs/{org}/usage", tags=["usage"])


class ContentShown(Shown):
    """The body as it was sent, and the text of the answer."""

    request_id: str
    created_at: datetime
    expires_at: datetime
    request: Any
    answer: str


@router.get("/{request_id}/content")
async def get_content(
    visit: Annotated[Visit, Requires(Permission.CONTENT_READ)], request_id: Annotated[str, Path(max_length=100)]
) -> ContentShown:
    """What was said. That somebody read it is in the trail."""
    kept = owned(ContentRow, visit.org.id).where(
        ContentRow.event_id == request_id, ContentRow.expires_at > visit.deps.clock.now()
    )
    row = await visit.tx.scalar(kept)
    said = None if row is None else open_content(visit.deps, visit.org.data_key, row)
    if row is None or said is None:
        raise NotFound("Nothing is kept of this request. The organisation's policy says what is: content_logging.")
    await note(visit, "content.read", row.event_id)
    request, answer = said
    return ContentShown(
        request_id=row.event_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        request=request,
        answer=answer,
    )
