"""What stands against the deletion of an organisation: a subscription that is charged on, and credit that would be lost."""

from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.billing import accounts
from llmgateway.controlplane.billing.books.ledger import Account, balances
from llmgateway.controlplane.billing.charges import hourly
from llmgateway.controlplane.reception.dependencies import OrgCloses
from llmgateway.errors import Conflict
from llmgateway.kit.clock import Clock
from llmgateway.kit.money import dollars


async def before_deletion(tx: AsyncSession, clock: Clock, closes: OrgCloses) -> None:
    """Raises Conflict."""
    account = await accounts.account_of(tx, closes.org_id)
    if account is not None and accounts.standing_in(account).is_charged_on:
        raise Conflict(
            "This organisation has a subscription, which would be charged on, or again once it is paid. Change to the plan Free on its billing page; "
            "then it can be deleted at once.",
            code="subscription_runs",
        )
    if closes.give_up_credit:
        return
    held = await balances(tx, closes.org_id)
    credit = -held[Account.CREDIT] - await hourly.not_posted(tx, closes.org_id, clock.now())
    if credit > 0:
        raise Conflict(
            f"${dollars(credit)} of prepaid credit is left, and is lost with the organisation. Use it up, or ask the operator of "
            "this gateway to give it back; to give it up, delete with `?give_up_credit=true`.",
            code="credit_left",
            param="give_up_credit",
        )
