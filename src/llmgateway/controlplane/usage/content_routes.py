"""GET /orgs/{org}/usage/{request_id}/content: what was said, where the organisation logs it."""

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path

from llmgateway.contract.contents import about
from llmgateway.controlplane.audit.service import note
from llmgateway.controlplane.reception.bodies import Shown
from llmgateway.controlplane.reception.permissions import Permission
from llmgateway.controlplane.reception.visits import Requires, Visit
from llmgateway.db.models.contents import ContentRow
from llmgateway.db.tenancy import owned
from llmgateway.errors import NotFound
from llmgateway.kit.crypto import CannotOpen
from llmgateway.kit.vault import Vault

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
    row = await visit.tx.scalar(owned(ContentRow, visit.org.id).where(ContentRow.event_id == request_id))
    if row is None or visit.org.data_key is None or row.expires_at <= visit.rooms.clock.now():
        raise NotFound("Nothing is kept of this request. The organisation's policy says what is: content_logging.")
    vault = Vault(visit.rooms.masters)
    try:
        request, answer = (
            vault.open(visit.org.data_key, visit.org.id, about(row.event_id, part), sealed)
            for part, sealed in (("request", row.request), ("answer", row.answer))
        )
    except CannotOpen as error:
        raise NotFound("What was kept of this request was erased.") from error
    await note(visit, "content.read", row.event_id)
    return ContentShown(
        request_id=row.event_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        request=_body(request),
        answer=answer.decode("utf-8", "replace"),
    )


def _body(plain: bytes) -> Any:
    """As JSON; one that was cut for its length is a text."""
    try:
        return json.loads(plain)
    except ValueError:
        return plain.decode("utf-8", "replace")
