"""Credit that operators grant: for payments by bank transfer, and as a present."""

from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.channels import KeyChanged
from llmgateway.controlplane.admin.schemas import CreditGrant
from llmgateway.controlplane.audit.service import Act, record
from llmgateway.controlplane.billing.books import ledger, postings
from llmgateway.controlplane.reception.announcing import announce
from llmgateway.controlplane.reception.visits import Actor
from llmgateway.errors import Conflict
from llmgateway.kit.clock import Clock
from llmgateway.kit.money import usd


async def give(tx: AsyncSession, clock: Clock, actor: Actor, org_id: str, grant: CreditGrant) -> None:
    """Post the credit and record it in the audit trail; the keys may use it at once. Raises Conflict for a reference posted before."""
    nanos = -grant.usd if grant.takes_back else grant.usd
    await ledger.lock(tx, org_id)
    if not await ledger.post(tx, clock, org_id, postings.credit_granted(grant.reference, nanos, grant.note)):
        raise Conflict(
            f"The reference {grant.reference!r} is booked for this organisation already; nothing was given again. "
            "Use another reference for another amount.",
            param="reference",
        )
    told = {"usd": usd(nanos), "reference": grant.reference, "note": grant.note}
    await record(tx, clock, actor, Act(action="billing.grant", org_id=org_id, target=org_id, after=told))
    await announce(tx, KeyChanged(None, org_id))
