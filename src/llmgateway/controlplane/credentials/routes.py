"""/orgs/{org}/credentials."""

from typing import Annotated

from fastapi import APIRouter, Path

from llmgateway.controlplane.audit.service import Act, note, record
from llmgateway.controlplane.credentials import service
from llmgateway.controlplane.credentials.schemas import CredentialShown, NewCredential
from llmgateway.controlplane.reception.listing import PageWish, newest_first
from llmgateway.controlplane.reception.permissions import Permission
from llmgateway.controlplane.reception.visits import Requires, RequiresBriefly, Visit
from llmgateway.db.models.credentials import ProviderCredential
from llmgateway.db.tenancy import owned
from llmgateway.kit.pages import Page, page_of

router = APIRouter(prefix="/orgs/{org}", tags=["credentials"])

CredentialId = Annotated[str, Path(max_length=100)]


@router.get("/credentials")
async def list_credentials(
    visit: Annotated[Visit, Requires(Permission.CREDENTIALS_READ)], paging: PageWish
) -> Page[CredentialShown]:
    """Newest first; never with their secrets."""
    query = owned(ProviderCredential, visit.org.id)
    rows = [row for (row,) in await newest_first(visit.tx, query, ProviderCredential.id, paging)]
    return page_of(rows, paging.limit, CredentialShown.model_validate, lambda row: row.id)


@router.post("/credentials", status_code=201)
async def create_credential(
    visit: Annotated[Visit, RequiresBriefly(Permission.CREDENTIALS_WRITE)], body: NewCredential
) -> CredentialShown:
    """Bring a provider's key: it is tried with a call that costs nothing, then sealed. Keys of yours go before the gateway's."""
    checked = await service.check(visit, body)
    async with visit.deps.database.transaction(visit.org.id) as tx:
        row = await service.create(tx, visit, body, checked)
        after = {"provider": row.provider, "name": row.name, "last4": row.last4, "base_url": row.base_url}
        act = Act(action="credential.create", org_id=visit.org.id, target=row.id, after=after)
        await record(tx, visit.deps.clock, visit.actor, act)
    return CredentialShown.model_validate(row)


@router.post("/credentials/{credential_id}/check")
async def check_credential(
    visit: Annotated[Visit, RequiresBriefly(Permission.CREDENTIALS_WRITE)], credential_id: CredentialId
) -> CredentialShown:
    """Try it again, with a call that costs nothing."""
    async with visit.deps.database.transaction(visit.org.id) as tx:
        row = await service.find(tx, visit, credential_id)
    secrets = service.opened(visit, row)
    checked = await visit.deps.check.check(row.provider, secrets, row.options, row.base_url)
    async with visit.deps.database.transaction(visit.org.id) as tx:
        row = await service.find(tx, visit, credential_id)
        row.checked_at = visit.deps.clock.now()
        row.check_result = checked.message
        act = Act(action="credential.check", org_id=visit.org.id, target=row.id, after={"accepted": checked.accepted})
        await record(tx, visit.deps.clock, visit.actor, act)
    return CredentialShown.model_validate(row)


@router.delete("/credentials/{credential_id}", status_code=204)
async def remove_credential(
    visit: Annotated[Visit, Requires(Permission.CREDENTIALS_WRITE)], credential_id: CredentialId
) -> None:
    """Requests go with the other credentials from now on."""
    row = await service.remove(visit, credential_id)
    await note(visit, "credential.remove", row.id, before={"provider": row.provider, "name": row.name})


@router.post("/erase", status_code=204)
async def erase(visit: Annotated[Visit, Requires(Permission.ORG_DELETE)]) -> None:
    """Destroy the organisation's data key: its credentials and logged contents can never be read again, in no backup. Cached answers are forgotten, logging of contents is off."""
    await service.erase(visit)
    await note(visit, "org.erase", visit.org.id)
