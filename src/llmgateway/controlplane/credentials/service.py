"""Provider credentials of organisations, sealed under the organisation's data key. That is made when first needed, and destroyed to erase."""

from typing import Any

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.channels import CachePurged, CheckedCredential, KeyChanged
from llmgateway.controlplane.credentials.schemas import NewCredential
from llmgateway.controlplane.reception.announcing import announce, announce_purge
from llmgateway.controlplane.reception.visits import Visit
from llmgateway.db.models.credentials import ProviderCredential
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.tenancy import owned
from llmgateway.errors import BadRequest, Conflict, NotFound
from llmgateway.kit.ids import new_id
from llmgateway.kit.vault import Vault

_MOST = 100
_TELLS_ITS_END = 12
"""Characters that a secret must have for its last four to be shown."""


def secrets_of(body: NewCredential) -> dict[str, str]:
    """The secrets of a body by name, to be sealed. Raises BadRequest without any."""
    secrets = {**body.secrets, **({"api_key": body.api_key} if body.api_key is not None else {})}
    if not secrets:
        raise BadRequest("Send the provider's key as api_key, or its secrets by name.", param="api_key")
    return secrets


async def check(visit: Visit, body: NewCredential) -> CheckedCredential:
    """Try the credential at the provider; call it outside of transactions. Raises BadRequest when the provider refuses it."""
    if not visit.deps.check.known(body.provider):
        raise BadRequest("There is no such provider. See docs/reference/providers.md.", param="provider")
    checked = await visit.deps.check.check(body.provider, secrets_of(body), body.options, body.base_url)
    if checked.accepted is False:
        raise BadRequest(
            f"The provider does not take this credential ({checked.message}). Check it, and send it again.",
            code="credential_refused",
            param="api_key",
        )
    return checked


async def create(tx: AsyncSession, visit: Visit, body: NewCredential, checked: CheckedCredential) -> ProviderCredential:
    """Seal and store the credential. Raises Conflict when there are too many."""
    org = await tx.get_one(Organisation, visit.org.id, with_for_update=True)
    count = await tx.scalar(select(func.count()).select_from(owned(ProviderCredential, org.id).subquery()))
    if (count or 0) >= _MOST:
        raise Conflict(f"An organisation has at most {_MOST} credentials. Remove one first.")
    vault = Vault(visit.deps.masters)
    data_key = org.data_key or vault.new_key(org.id)
    org.data_key = data_key
    now, secrets = visit.deps.clock.now(), secrets_of(body)
    identifier = new_id("cred", now)
    row = ProviderCredential(
        id=identifier,
        org_id=org.id,
        provider=body.provider,
        name=body.name,
        sealed=vault.seal(data_key, org.id, about(identifier), msgspec.json.encode(secrets)),
        last4=_ending(next(iter(reversed(secrets.values())))),
        base_url=body.base_url,
        options=dict(body.options),
        created_by=visit.user.id,
        created_at=now,
        checked_at=None if checked.accepted is None else now,
        check_result=checked.message,
    )
    tx.add(row)
    await tx.flush()
    await announce(tx, KeyChanged(None, org.id))
    return row


async def find(tx: AsyncSession, visit: Visit, credential_id: str) -> ProviderCredential:
    """A credential by its id. Raises NotFound."""
    row = await tx.scalar(owned(ProviderCredential, visit.org.id).where(ProviderCredential.id == credential_id))
    if row is None:
        raise NotFound("There is no such credential here. GET /api/v1/orgs/{org}/credentials lists them.")
    return row


def opened(visit: Visit, row: ProviderCredential) -> dict[str, str]:
    """Its secrets, for a check. Raises Conflict when they cannot be opened."""
    if visit.org.data_key is None:
        raise Conflict("This credential was erased. Enter it anew.")
    plain = Vault(visit.deps.masters).open(visit.org.data_key, visit.org.id, about(row.id), row.sealed)
    found: dict[str, Any] = msgspec.json.decode(plain)
    return {name: str(value) for name, value in found.items()}


async def remove(visit: Visit, credential_id: str) -> ProviderCredential:
    """Delete a credential, for every process. Raises NotFound."""
    row = await find(visit.tx, visit, credential_id)
    await visit.tx.delete(row)
    await visit.tx.flush()
    await announce(visit.tx, KeyChanged(None, visit.org.id))
    return row


async def erase(visit: Visit) -> None:
    """Destroy the data key: all that was sealed by it, in backups too, can never be opened again.

    Cached answers are forgotten, and nothing more is logged.
    """
    await visit.tx.execute(delete(ProviderCredential).where(ProviderCredential.org_id == visit.org.id))
    visit.org.data_key = None
    visit.org.policy = {name: rule for name, rule in visit.org.policy.items() if name != "content_logging"}
    await visit.tx.flush()
    await announce_purge(visit.tx, CachePurged(visit.org.id))
    await announce(visit.tx, KeyChanged(None, visit.org.id))


def _ending(secret: str) -> str:
    """The last four characters, by which a secret is recognised; empty for a short one, of which they would be much."""
    return secret[-4:] if len(secret) >= _TELLS_ITS_END else ""


def about(credential_id: str) -> str:
    """The context that the sealed bytes are bound to, besides their organisation."""
    return f"credentials.sealed:{credential_id}"
